package io.promptgrad.files;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The one way in which JSON is read and written here: strict in, standard out. */
public final class Json {

  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();
  private static final ObjectWriter PRETTY = MAPPER.writerWithDefaultPrettyPrinter();

  private Json() {}

  /** Returns a new empty object. */
  public static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }

  /** Returns an array of the given numbers. */
  public static ArrayNode array(int[] values) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode(values.length);
    for (int value : values) {
      array.add(value);
    }
    return array;
  }

  /**
   * Returns the integers of an array node; a missing one reads as an empty array.
   *
   * @throws InvalidInputException if the node or one of its values is something else
   */
  public static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      JsonNode value = array.path(i); // missing if this is an object
      if (!value.isIntegralNumber() || !value.canConvertToInt()) {
        throw notInts(array);
      }
      values[i] = value.intValue();
    }
    if (!array.isArray() && !array.isMissingNode()) {
      throw notInts(array);
    }
    return values;
  }

  private static InvalidInputException notInts(JsonNode node) {
    String text = line(node);
    return new InvalidInputException(
        "A list of whole numbers is expected where %s stands; write for example [17, 4]."
            .formatted(text.length() > 80 ? text.substring(0, 80) + "..." : text));
  }

  /**
   * Returns a number node; what JSON has no number for becomes the text "NaN", "Infinity" or
   * "-Infinity", which {@link #toDouble} reads back.
   */
  public static JsonNode number(double value) {
    return Double.isFinite(value)
        ? DoubleNode.valueOf(value)
        : TextNode.valueOf(Double.toString(value));
  }

  /** Reads what {@link #number} wrote; a missing value, null or other text is NaN. */
  public static double toDouble(JsonNode node) {
    if (node.isNumber()) {
      return node.doubleValue();
    }
    return switch (node.asText()) {
      case "Infinity" -> Double.POSITIVE_INFINITY;
      case "-Infinity" -> Double.NEGATIVE_INFINITY;
      default -> Double.NaN;
    };
  }

  /**
   * Parses one JSON value; duplicate keys and anything after the value are errors.
   *
   * @throws JsonProcessingException if the text is not JSON
   */
  public static JsonNode parse(String text) throws JsonProcessingException {
    JsonNode value = MAPPER.readTree(text);
    if (value.isMissingNode()) {
      throw new JsonParseException(null, "there is no value");
    }
    return value;
  }

  /**
   * Reads a file that holds one JSON value.
   *
   * @throws InvalidInputException naming the file if it cannot be read or is not JSON
   */
  public static JsonNode read(Path file) {
    try {
      return parse(Files.readString(file));
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "%s is not valid JSON: %s; correct the file or download it again."
              .formatted(file, problem(e)),
          e);
    } catch (CharacterCodingException e) {
      throw new InvalidInputException(
          "%s is not UTF-8 text; convert it to UTF-8.".formatted(file), e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read (%s); check the path and its permissions.".formatted(file, e), e);
    }
  }

  /** Returns any Java value of maps, lists, strings and numbers as a tree. */
  public static JsonNode tree(Object value) {
    return MAPPER.valueToTree(value);
  }

  /** Returns the tree as maps, lists, strings, numbers and booleans. */
  public static Object value(JsonNode node) {
    return MAPPER.convertValue(node, Object.class);
  }

  /** Returns the value on one line. */
  public static String line(JsonNode node) {
    try {
      return MAPPER.writeValueAsString(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A JSON tree could not be written.", e);
    }
  }

  /** Returns the value indented, with a line end. */
  public static String pretty(JsonNode node) {
    try {
      return PRETTY.writeValueAsString(node) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A JSON tree could not be written.", e);
    }
  }

  /** Returns what the parser complained about, on one line, without its source excerpt. */
  public static String problem(JsonProcessingException e) {
    return e.getOriginalMessage().replaceAll("\\s+", " ").strip();
  }
}
