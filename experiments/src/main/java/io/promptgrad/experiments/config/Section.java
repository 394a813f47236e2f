package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Supplier;

/**
 * One mapping of a configuration, read strictly: an unknown key, a wrong type or a missing key is
 * an error that names file, line and key.
 */
final class Section {

  private final YamlDocument document;
  private final ObjectNode node;
  private final String path;
  private final List<String> keys;

  private Section(YamlDocument document, ObjectNode node, String path, List<String> keys) {
    this.document = document;
    this.node = node;
    this.path = path;
    this.keys = keys;
    node.fieldNames()
        .forEachRemaining(
            key -> {
              if (!keys.contains(key)) {
                throw document.problem(
                    at(key), "unknown key '%s'%s".formatted(at(key), Nearest.hint(key, keys)));
              }
            });
  }

  /** The whole document, which may have these keys only. */
  static Section root(YamlDocument document, String... keys) {
    return new Section(document, document.root(), "", List.of(keys));
  }

  /** The mapping at a key; without keys if it is not there. */
  Section section(String key, String... known) {
    JsonNode child = get(key).orElse(JsonNodeFactory.instance.objectNode());
    return section(child, at(key), known);
  }

  private Section section(JsonNode child, String where, String... known) {
    if (child instanceof ObjectNode object) {
      return new Section(document, object, where, List.of(known));
    }
    throw wrong(where, "a mapping", child);
  }

  /** The mappings of the list at a key. */
  List<Section> sections(String key, String... known) {
    List<Section> sections = new ArrayList<>();
    list(key)
        .orElse(List.of())
        .forEach(item -> sections.add(section(item, at(key) + "[" + sections.size() + "]", known)));
    return sections;
  }

  /** The path of a key. */
  String at(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  boolean has(String key) {
    return get(key).isPresent();
  }

  /** The value of a key; empty if it is missing or null. */
  Optional<JsonNode> get(String key) {
    if (!keys.contains(key)) {
      throw new IllegalArgumentException("undeclared key " + key);
    }
    JsonNode value = node.get(key);
    return value == null || value.isNull() ? Optional.empty() : Optional.of(value);
  }

  InvalidInputException missing(String key, String hint) {
    return new InvalidInputException(
        "%s: the key '%s' is missing; %s".formatted(document.where(path), at(key), hint));
  }

  InvalidInputException problem(String key, String what) {
    return document.problem(at(key), what);
  }

  /** Runs what reads a key's value; errors get its place in front. */
  <T> T reading(String key, Supplier<T> reader) {
    try {
      return reader.get();
    } catch (InvalidInputException e) {
      if (document.places(e.getMessage())) {
        throw e;
      }
      throw new InvalidInputException(
          "%s: %s: %s".formatted(document.where(at(key)), at(key), e.getMessage()), e);
    }
  }

  private InvalidInputException wrong(String where, String expected, JsonNode value) {
    String shown = value.isTextual() ? "'" + value.asText() + "'" : value.toString();
    return document.problem(where, "'%s' must be %s, not %s.".formatted(where, expected, shown));
  }

  Optional<String> text(String key) {
    return get(key)
        .map(
            value -> {
              if (!value.isTextual()) {
                throw wrong(at(key), "text (put it in quotes)", value);
              }
              return value.asText();
            });
  }

  /** A word out of a few. */
  String choice(String key, String otherwise, List<String> choices) {
    String word = text(key).orElse(otherwise);
    if (!choices.contains(word)) {
      throw problem(key, "'%s' is '%s'%s".formatted(at(key), word, Nearest.hint(word, choices)));
    }
    return word;
  }

  OptionalLong wholeNumber(String key) {
    Optional<JsonNode> value = get(key);
    if (value.isEmpty()) {
      return OptionalLong.empty();
    }
    if (!value.get().isIntegralNumber() || !value.get().canConvertToLong()) {
      throw wrong(at(key), "a whole number", value.get());
    }
    return OptionalLong.of(value.get().longValue());
  }

  int wholeNumber(String key, int otherwise) {
    OptionalLong value = wholeNumber(key);
    if (value.isEmpty()) {
      return otherwise;
    }
    if (value.getAsLong() != (int) value.getAsLong()) {
      throw problem(key, "'%s' is too large.".formatted(at(key)));
    }
    return (int) value.getAsLong();
  }

  /** A whole number from 1. */
  int positive(String key, int otherwise) {
    int value = wholeNumber(key, otherwise);
    if (value < 1) {
      throw problem(key, "'%s' must be at least 1.".formatted(at(key)));
    }
    return value;
  }

  OptionalDouble number(String key) {
    Optional<JsonNode> value = get(key);
    if (value.isEmpty()) {
      return OptionalDouble.empty();
    }
    if (!value.get().isNumber()) {
      throw wrong(at(key), "a number", value.get());
    }
    return OptionalDouble.of(value.get().doubleValue());
  }

  /** A number above 0. */
  double rate(String key, double otherwise) {
    double rate = number(key).orElse(otherwise);
    if (!(rate > 0)) {
      throw problem(key, "'%s' must be above 0.".formatted(at(key)));
    }
    return rate;
  }

  /** A number from 0 to below 1. */
  double share(String key, double otherwise) {
    double share = number(key).orElse(otherwise);
    if (!(share >= 0 && share < 1)) {
      throw problem(key, "'%s' must be at least 0 and below 1.".formatted(at(key)));
    }
    return share;
  }

  boolean flag(String key, boolean otherwise) {
    Optional<JsonNode> value = get(key);
    if (value.isPresent() && !value.get().isBoolean()) {
      throw wrong(at(key), "true or false", value.get());
    }
    return value.map(JsonNode::booleanValue).orElse(otherwise);
  }

  /**
   * Puts what is given in the place of a default, if the default is a number or a flag.
   *
   * @return whether it is; words are the caller's, who knows which there are
   */
  boolean overrides(ObjectNode options, String key) {
    JsonNode otherwise = options.get(key);
    if (otherwise.isInt()) {
      options.put(key, wholeNumber(key, otherwise.asInt()));
    } else if (otherwise.isNumber()) {
      options.put(key, number(key).orElse(otherwise.asDouble()));
    } else if (otherwise.isBoolean()) {
      options.put(key, flag(key, otherwise.asBoolean()));
    } else {
      return false;
    }
    return true;
  }

  /** The items of a list. */
  Optional<List<JsonNode>> list(String key) {
    return get(key)
        .map(
            value -> {
              if (!value.isArray()) {
                throw wrong(at(key), "a list", value);
              }
              List<JsonNode> items = new ArrayList<>();
              value.forEach(items::add);
              return items;
            });
  }

  Optional<List<String>> texts(String key) {
    return list(key)
        .map(
            items -> {
              List<String> texts = new ArrayList<>();
              for (JsonNode item : items) {
                if (!item.isTextual()) {
                  throw wrong(at(key) + "[" + texts.size() + "]", "text (put it in quotes)", item);
                }
                texts.add(item.asText());
              }
              return texts;
            });
  }

  Optional<ObjectNode> mapping(String key) {
    return get(key)
        .map(
            value -> {
              if (value instanceof ObjectNode object) {
                return object;
              }
              throw wrong(at(key), "a mapping", value);
            });
  }
}
