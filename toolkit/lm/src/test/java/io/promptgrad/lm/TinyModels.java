package io.promptgrad.lm;

import ai.djl.Device;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.TensorView;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** The recorded models among the test resources, and altered copies of them. */
public final class TinyModels {

  /** Every folder. */
  public static final List<String> ALL =
      List.of(
          "bert",
          "bert__untied_silu_large_eps",
          "roberta",
          "distilbert",
          "electra",
          "albert",
          "gpt2",
          "openai-gpt",
          "gpt_neo",
          "gpt_neox",
          "opt",
          "opt__projected_postnorm",
          "llama",
          "llama__rope_llama3",
          "llama__rope_linear",
          "mistral",
          "qwen2",
          "qwen3",
          "gemma",
          "gemma2",
          "gemma3_text",
          "phi",
          "phi3",
          "olmo2",
          "t5__classic_relu_tied",
          "t5__v1_1_gated_untied");

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, LanguageModel> SHARED = new ConcurrentHashMap<>();

  private TinyModels() {}

  /** The folder of a recorded model; not to be changed. */
  public static Path folder(String name) {
    try {
      return Path.of(TinyModels.class.getResource("parity/" + name + "/config.json").toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A recorded model on the CPU. */
  public static LanguageModel load(String name, Precision precision) {
    return LanguageModel.load(folder(name), new LoadOptions(Device.cpu(), precision));
  }

  /** A recorded model on the CPU that other tests use as well; not to be closed. */
  public static LanguageModel shared(String name, Precision precision) {
    return SHARED.computeIfAbsent(name + " " + precision, key -> load(name, precision));
  }

  /** A copy of a recorded model's files in a new folder under {@code parent}. */
  public static Path copy(String name, Path parent) {
    try (var files = Files.list(folder(name))) {
      Path copy = Files.createTempDirectory(parent, name);
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Sets a key of {@code config.json} to a JSON value. */
  public static void configure(Path folder, String key, String json) {
    edit(folder.resolve("config.json"), key, json);
  }

  /** Sets a key, given as a path with slashes, of a JSON file. */
  public static void edit(Path file, String key, String json) {
    try {
      ObjectNode root = (ObjectNode) JSON.readTree(file.toFile());
      ObjectNode at = root;
      int slash = key.indexOf('/');
      if (slash > 0) {
        at = (ObjectNode) root.get(key.substring(0, slash));
      }
      JsonNode value = JSON.readTree(json);
      at.set(key.substring(slash + 1), value);
      JSON.writeValue(file.toFile(), root);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Writes a safetensors file anew.
   *
   * @param change gets each tensor and returns what is written instead; null leaves it out
   */
  public static void rewrite(Path file, UnaryOperator<TensorView> change) {
    SafetensorsFile opened = SafetensorsFile.open(file);
    SafetensorsWriter writer = new SafetensorsWriter();
    for (String name : opened.names()) {
      TensorView tensor = change.apply(opened.get(name));
      if (tensor != null) {
        writer.add(tensor.name(), tensor.type(), tensor.shape(), tensor.bytes());
      }
    }
    writer.write(file);
  }

  /** Adds a tokenizer whose id i is the character i places after "!" (94 of them and 3 blanks). */
  public static void addCharacterTokenizer(Path folder) {
    ObjectNode root = JSON.createObjectNode();
    ObjectNode byteLevel = JSON.createObjectNode();
    byteLevel.put("type", "ByteLevel").put("add_prefix_space", false);
    byteLevel.put("trim_offsets", true).put("use_regex", false);
    root.put("version", "1.0");
    root.set("pre_tokenizer", byteLevel);
    root.set("decoder", byteLevel);
    ObjectNode vocabulary = JSON.createObjectNode();
    for (int id = 0; id < 94; id++) {
      vocabulary.put(Character.toString('!' + id), id);
    }
    // blank, line feed and tabulator as byte-level tokenizers write them
    vocabulary.put("\u0120", 94).put("\u010a", 95).put("\u0109", 96);
    ObjectNode model = JSON.createObjectNode();
    model.put("type", "BPE").set("vocab", vocabulary);
    model.set("merges", JSON.createArrayNode());
    root.set("model", model);
    try {
      JSON.writeValue(folder.resolve("tokenizer.json").toFile(), root);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The same tensor with other bytes, which {@code change} edits in place (little-endian). */
  public static TensorView edited(TensorView tensor, Consumer<ByteBuffer> change) {
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(tensor.bytes().remaining()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(tensor.bytes()).flip();
    change.accept(bytes);
    return new TensorView(tensor.name(), tensor.type(), tensor.shape(), bytes);
  }
}
