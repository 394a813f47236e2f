package io.promptgrad.lm.verify;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The files of a recorded model, {@code golden.json} and {@code golden.safetensors}, read with
 * suspicion: a tensor of another type or shape than asked for is bad input.
 */
final class Recording {

  /** In an expected shape: any size of at least 1. */
  static final long ANY = -1;

  private final Path settingsFile;
  private final JsonNode settings;
  private final SafetensorsFile tensors;
  private final Set<String> read = new HashSet<>();

  private Recording(Path settingsFile, JsonNode settings, SafetensorsFile tensors) {
    this.settingsFile = settingsFile;
    this.settings = settings;
    this.tensors = tensors;
  }

  static Recording open(Path folder) {
    Path file = folder.resolve("golden.json");
    return new Recording(
        file, read(file), SafetensorsFile.open(folder.resolve("golden.safetensors")));
  }

  private static JsonNode read(Path file) {
    try {
      JsonNode root = Json.parse(Files.readString(file));
      if (root == null || !root.isObject()) {
        throw new InvalidInputException(file + " must hold one JSON object.");
      }
      return root;
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "%s is not valid JSON (line %d)."
              .formatted(file, e.getLocation() == null ? 0 : e.getLocation().getLineNr()),
          e);
    } catch (IOException e) {
      throw new InvalidInputException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  boolean has(String tensor) {
    return tensors.find(tensor).isPresent();
  }

  /** A string setting; empty if there is none. */
  String text(String key) {
    return settings.path(key).asText("");
  }

  /** A number in an object of the settings. */
  double number(String object, String key) {
    JsonNode value = settings.path(object).path(key);
    if (!value.isNumber()) {
      throw new InvalidInputException(
          "%s: \"%s.%s\" must be a number.".formatted(settingsFile, object, key));
    }
    return value.asDouble();
  }

  long[] shape(String tensor) {
    return tensors.get(tensor).shape();
  }

  float[] floats(String name, long... shape) {
    TensorView tensor = checked(name, shape);
    if (!tensor.type().isFloatingPoint()) {
      throw wrong(name, "holds " + tensor.type() + " values, but floats are needed");
    }
    return tensor.toFloats();
  }

  int[] ints(String name, long... shape) {
    TensorView tensor = checked(name, shape);
    if (tensor.type() != WeightType.I64) {
      throw wrong(name, "holds " + tensor.type() + " values, but I64 is needed");
    }
    ByteBuffer bytes = tensor.bytes();
    int[] out = new int[(int) tensor.elements()];
    for (int i = 0; i < out.length; i++) {
      long value = bytes.getLong();
      if (value != (int) value) {
        throw wrong(name, "holds " + value + ", which is no id, position or mask");
      }
      out[i] = (int) value;
    }
    return out;
  }

  /** A mask: 1 where a token is. */
  byte[] mask(String name, long... shape) {
    int[] values = ints(name, shape);
    byte[] out = new byte[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (byte) (values[i] == 0 ? 0 : 1);
    }
    return out;
  }

  /** Recorded tensors that nobody has read so far. */
  List<String> unread() {
    return tensors.names().stream().filter(name -> !read.contains(name)).sorted().toList();
  }

  private TensorView checked(String name, long... shape) {
    TensorView tensor = tensors.get(name);
    read.add(name);
    long[] actual = tensor.shape();
    boolean fits = actual.length == shape.length;
    for (int i = 0; fits && i < shape.length; i++) {
      fits = shape[i] == ANY ? actual[i] >= 1 : actual[i] == shape[i];
    }
    if (!fits) {
      throw wrong(
          name,
          "has shape %s, but %s fits the model and the other tensors"
              .formatted(
                  Arrays.toString(actual),
                  Arrays.toString(shape).replace(Long.toString(ANY), "any")));
    }
    return tensor;
  }

  InvalidInputException wrong(String tensor, String problem) {
    return new InvalidInputException(
        "%s: recorded tensor %s %s.".formatted(tensors.path(), tensor, problem));
  }
}
