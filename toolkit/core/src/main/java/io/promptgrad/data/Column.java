package io.promptgrad.data;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.input.InvalidInputException;
import java.math.BigDecimal;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One column of the normal form.
 *
 * @param name its name there
 * @param from where a reader's row has it: a cell's name, a JSON pointer such as {@code
 *     /target/span1_text}, or a name in the file's path such as {@code {class}}
 * @param reading what is done to the value
 * @param names if not empty: what the value is called there to what it is called here; others are
 *     errors
 * @param optional whether rows may lack it
 */
record Column(
    String name, String from, Reading reading, Map<String, String> names, boolean optional) {

  /** What is done to a value. */
  enum Reading {
    /** Nothing: text stays exact, lists stay lists. */
    EXACT,
    /** White space goes from both ends. */
    STRIPPED,
    /** A number as people write it: 39.0 becomes 39. */
    NUMBER,
    /** What follows the last "#### ", without thousands commas. */
    FINAL_ANSWER,
    /** The items of a list, one per line. */
    LINES,
    /** A list from text with "; " between its items. */
    ITEMS,
    /** Text in which %C3%A9 stands for the byte pair of a character. */
    PERCENT_DECODED
  }

  /**
   * Reads the value of a row.
   *
   * @return empty if the row may lack it and does
   */
  Optional<JsonNode> read(RowReader.Row row) {
    JsonNode value =
        from.startsWith("/") ? row.cells().at(JsonPointer.compile(from)) : row.cells().path(from);
    if (value.isMissingNode()) {
      if (optional) {
        return Optional.empty();
      }
      throw row.problem("there is no '%s' among %s".formatted(from, cellNames(row.cells())));
    }
    if (!names.isEmpty()) {
      String known = names.get(value.asText());
      if (known == null) {
        throw row.problem(
            "the %s is '%s', which is none of %s".formatted(name, value.asText(), names.keySet()));
      }
      return Optional.of(TextNode.valueOf(known));
    }
    return Optional.of(read(value, row));
  }

  private static List<String> cellNames(ObjectNode cells) {
    List<String> names = new ArrayList<>();
    cells.fieldNames().forEachRemaining(names::add);
    return names;
  }

  private JsonNode read(JsonNode value, RowReader.Row row) {
    return switch (reading) {
      case EXACT -> value;
      case STRIPPED -> TextNode.valueOf(value.asText().strip());
      case NUMBER -> {
        if (!value.isNumber() || Double.isInfinite(value.doubleValue())) { // 1e999 is read as that
          throw row.problem("the %s is no number".formatted(name));
        }
        BigDecimal number = value.decimalValue();
        yield TextNode.valueOf(
            number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString());
      }
      case FINAL_ANSWER -> {
        String text = value.asText();
        int mark = text.lastIndexOf("#### ");
        if (mark < 0) {
          throw row.problem("the %s has no '#### ' before its final answer".formatted(name));
        }
        yield TextNode.valueOf(text.substring(mark + 5).strip().replace(",", ""));
      }
      case LINES -> {
        List<String> lines = new ArrayList<>();
        value.forEach(line -> lines.add(line.asText()));
        yield TextNode.valueOf(String.join("\n", lines));
      }
      case ITEMS -> {
        ArrayNode items = JsonNodeFactory.instance.arrayNode();
        for (String item : value.asText().split(";")) {
          if (!item.isBlank()) {
            items.add(item.strip());
          }
        }
        yield items;
      }
      case PERCENT_DECODED -> TextNode.valueOf(percentDecoded(value.asText(), row));
    };
  }

  private String percentDecoded(String text, RowReader.Row row) {
    try {
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      InvalidInputException problem =
          row.problem("the %s '%s' is not percent-encoded text".formatted(name, text));
      problem.initCause(e);
      throw problem;
    }
  }
}
