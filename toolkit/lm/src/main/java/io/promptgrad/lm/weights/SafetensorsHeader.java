package io.promptgrad.lm.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON header of a safetensors file, read as a stream and believed in nothing: what it says is
 * compared with the length of the data that follow it.
 *
 * @param metadata the texts under {@code __metadata__}
 * @param entries the tensors by name, in the order of their bytes
 */
record SafetensorsHeader(Map<String, String> metadata, Map<String, Entry> entries) {

  /** Where a tensor lies: bytes {@code start} (inclusive) to {@code end} of the data section. */
  record Entry(WeightType type, long[] shape, long start, long end) {}

  /** Far above any real checkpoint; bounds the memory that a hostile header can claim. */
  private static final int MOST_TENSORS = 200_000;

  private static final int MOST_DIMENSIONS = 16;

  static final JsonFactory JSON =
      new JsonFactoryBuilder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(8)
                  .maxNameLength(4_096)
                  .maxStringLength(10_000_000)
                  .maxNumberLength(40)
                  .build())
          .build();

  /**
   * Reads the header and checks it against {@code dataLength}, the number of bytes that follow it.
   *
   * @throws InvalidInputException if the header is malformed or does not describe exactly that data
   * @throws IOException if reading fails
   */
  static SafetensorsHeader read(Reader json, long dataLength, Path file) throws IOException {
    try (JsonParser parser = JSON.createParser(json)) {
      SafetensorsHeader header = new Reading(parser, file).header();
      return new SafetensorsHeader(header.metadata, inOrder(header.entries, dataLength, file));
    } catch (JsonProcessingException e) {
      throw corrupt(file, "its header is not valid JSON: " + e.getOriginalMessage(), e);
    } catch (CharacterCodingException e) {
      throw corrupt(file, "its header is not valid UTF-8", e);
    }
  }

  static InvalidInputException corrupt(Path file, String what, Throwable cause) {
    return new InvalidInputException(
        "%s is corrupt or incomplete: %s; download or write the file again."
            .formatted(file, what.strip().replaceAll("\\s+", " ")),
        cause);
  }

  static InvalidInputException corrupt(Path file, String what) {
    return corrupt(file, what, null);
  }

  /** Sorts the tensors by offset and refuses gaps, overlaps and bytes that belong to no tensor. */
  private static Map<String, Entry> inOrder(
      Map<String, Entry> entries, long dataLength, Path file) {
    List<Map.Entry<String, Entry>> sorted = new ArrayList<>(entries.entrySet());
    sorted.sort(
        Comparator.<Map.Entry<String, Entry>>comparingLong(e -> e.getValue().start)
            .thenComparingLong(e -> e.getValue().end));
    Map<String, Entry> ordered = new LinkedHashMap<>();
    long expected = 0;
    for (Map.Entry<String, Entry> named : sorted) {
      Entry entry = named.getValue();
      if (entry.start != expected) {
        throw corrupt(
            file,
            "tensor %s starts at byte %d of the data where %d was expected (%s)"
                .formatted(
                    named.getKey(),
                    entry.start,
                    expected,
                    entry.start < expected ? "tensors overlap" : "bytes between tensors"));
      }
      if (entry.end > dataLength) {
        throw corrupt(
            file,
            "tensor %s ends at byte %d of the data, but the file holds only %d"
                .formatted(named.getKey(), entry.end, dataLength));
      }
      expected = entry.end;
      ordered.put(named.getKey(), entry);
    }
    if (expected != dataLength) {
      throw corrupt(
          file,
          "%d bytes after the last tensor belong to no tensor".formatted(dataLength - expected));
    }
    return ordered;
  }

  /** One pass over the parser's tokens. */
  private record Reading(JsonParser parser, Path file) {

    SafetensorsHeader header() throws IOException {
      Map<String, String> metadata = new LinkedHashMap<>();
      Map<String, Entry> entries = new LinkedHashMap<>();
      expect(JsonToken.START_OBJECT, "the header");
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        if (name.equals("__metadata__")) {
          readMetadata(metadata);
        } else {
          entries.put(name, entry(name));
        }
        if (entries.size() > MOST_TENSORS) {
          throw corrupt(file, "its header lists more than " + MOST_TENSORS + " tensors");
        }
      }
      if (parser.nextToken() != null) {
        throw corrupt(file, "its header goes on after the closing brace");
      }
      return new SafetensorsHeader(metadata, entries);
    }

    private void readMetadata(Map<String, String> into) throws IOException {
      expect(JsonToken.START_OBJECT, "__metadata__");
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        expect(JsonToken.VALUE_STRING, "__metadata__." + key);
        into.put(key, parser.getText());
      }
    }

    private Entry entry(String tensor) throws IOException {
      String type = null;
      long[] shape = null;
      long[] offsets = null;
      expect(JsonToken.START_OBJECT, tensor);
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        switch (key) {
          case "dtype" -> {
            expect(JsonToken.VALUE_STRING, tensor + ".dtype");
            type = parser.getText();
          }
          case "shape" -> shape = sizes(tensor + ".shape");
          case "data_offsets" -> offsets = sizes(tensor + ".data_offsets");
          default -> throw corrupt(file, "tensor " + tensor + " has an unknown key " + key);
        }
      }
      if (type == null || shape == null || offsets == null || offsets.length != 2) {
        throw corrupt(
            file, "tensor " + tensor + " needs dtype, shape and data_offsets of two numbers");
      }
      return checked(tensor, type, shape, offsets[0], offsets[1]);
    }

    private Entry checked(String tensor, String typeName, long[] shape, long start, long end) {
      WeightType type =
          WeightType.ofSafetensors(typeName)
              .orElseThrow(
                  () ->
                      new InvalidInputException(
                          ("%s: tensor %s has type %s, which is not supported (supported: %s);"
                                  + " save the checkpoint in float16, bfloat16 or float32.")
                              .formatted(
                                  file, tensor, typeName, Arrays.toString(WeightType.values()))));
      long needed;
      try {
        needed = Math.multiplyExact(TensorView.elements(shape), (long) type.bytes());
      } catch (ArithmeticException e) {
        throw corrupt(
            file, "tensor %s has the shape %s".formatted(tensor, Arrays.toString(shape)), e);
      }
      if (end < start || end - start != needed) {
        throw corrupt(
            file,
            "tensor %s of type %s and shape %s takes %d bytes, but its data_offsets are [%d, %d]"
                .formatted(tensor, type, Arrays.toString(shape), needed, start, end));
      }
      return new Entry(type, shape, start, end);
    }

    /** An array of numbers that are whole and not negative. */
    private long[] sizes(String what) throws IOException {
      expect(JsonToken.START_ARRAY, what);
      long[] values = new long[MOST_DIMENSIONS];
      int count = 0;
      while (parser.nextToken() == JsonToken.VALUE_NUMBER_INT) {
        if (count == MOST_DIMENSIONS) {
          throw corrupt(file, what + " has more than " + MOST_DIMENSIONS + " numbers");
        }
        long value = parser.getLongValue(); // out of range: a JsonProcessingException
        if (value < 0) {
          throw corrupt(file, what + " has the negative number " + value);
        }
        values[count++] = value;
      }
      if (parser.currentToken() != JsonToken.END_ARRAY) {
        throw corrupt(file, what + " holds something that is not a whole number");
      }
      return Arrays.copyOf(values, count);
    }

    private void expect(JsonToken token, String what) throws IOException {
      if (parser.nextToken() != token) {
        throw corrupt(file, what + " is not what the format asks for");
      }
    }
  }
}
