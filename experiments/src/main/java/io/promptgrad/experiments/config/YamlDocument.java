package io.promptgrad.experiments.config;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import io.promptgrad.files.Json;
import io.promptgrad.files.Yaml;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A YAML mapping that remembers where each of its values was written, so that an error can name the
 * line.
 *
 * <p>Paths of values are written {@code budget.steps} and {@code manual_prompts[1].template}. Only
 * what JSON has as well is accepted: anchors and aliases are refused, since a parser that ignores
 * them would read something else than what was meant.
 */
public final class YamlDocument {

  /** As YAML 1.2 has it, the words yes, no, on and off are text: label words, most likely. */
  private static final YAMLFactory FACTORY =
      YAMLFactory.builder().enable(YAMLParser.Feature.PARSE_BOOLEAN_LIKE_WORDS_AS_STRINGS).build();

  /** Far above any configuration; reading each level takes a part of the stack. */
  private static final int MOST_LEVELS = 50;

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private final String name;
  private final ObjectNode root;
  private final Map<String, String> origins = new HashMap<>(); // path to "file, line 3"

  private YamlDocument(String name, ObjectNode root) {
    this.name = name;
    this.root = root;
  }

  /** Returns a document without content, for configurations made of options alone. */
  public static YamlDocument empty(String name) {
    return new YamlDocument(name, NODES.objectNode());
  }

  /**
   * Reads a file.
   *
   * @throws InvalidInputException naming file and line if it is no YAML mapping
   */
  public static YamlDocument read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new InvalidInputException("There is no file %s; name a YAML file.".formatted(file));
    }
    try {
      return parse(Files.readString(file), file.toString());
    } catch (MalformedInputException e) {
      throw new InvalidInputException(
          "%s is not UTF-8 text; convert it to UTF-8.".formatted(file), e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read: %s; check its permissions.".formatted(file, e), e);
    }
  }

  /**
   * Parses a text.
   *
   * @param name what errors call it
   */
  public static YamlDocument parse(String text, String name) {
    YamlDocument document = empty(name);
    try (YAMLParser parser = FACTORY.createParser(text)) {
      JsonToken first = parser.nextToken();
      if (first == null) {
        throw new InvalidInputException("%s is empty; write a YAML mapping.".formatted(name));
      }
      if (first != JsonToken.START_OBJECT) {
        throw new InvalidInputException(
            "%s, line %d: this is not a YAML mapping; write key: value lines."
                .formatted(name, line(parser)));
      }
      document.readMapping(parser, document.root, "");
      if (parser.nextToken() != null) {
        throw new InvalidInputException(
            "%s, line %d: a second YAML document begins here; keep one per file."
                .formatted(name, line(parser)));
      }
      return document;
    } catch (JsonProcessingException e) {
      throw notYaml(name, e);
    } catch (IOException e) {
      throw new IllegalStateException("A text could not be read.", e);
    }
  }

  /** Returns a configuration as YAML. */
  public static String write(ObjectNode config) {
    return Yaml.write(config);
  }

  /** Parses a single value as it would be read after {@code key: }. */
  static JsonNode value(String text, String where) {
    YamlDocument document = empty(where);
    try (YAMLParser parser = FACTORY.createParser(text)) {
      JsonToken token = parser.nextToken();
      return token == null ? NODES.nullNode() : document.readValue(parser, token, "");
    } catch (JsonProcessingException e) {
      throw notYaml(where, e);
    } catch (IOException e) {
      throw new IllegalStateException("A text could not be read.", e);
    }
  }

  private static InvalidInputException notYaml(String name, JsonProcessingException e) {
    if (e.getCause() instanceof org.yaml.snakeyaml.error.MarkedYAMLException marked
        && marked.getProblemMark() != null) {
      return new InvalidInputException(
          "%s, line %d: this is not YAML: %s."
              .formatted(name, marked.getProblemMark().getLine() + 1, marked.getProblem()),
          e);
    }
    JsonLocation at = e.getLocation();
    return new InvalidInputException(
        "%s, line %d: this is not YAML: %s."
            .formatted(name, at == null ? 1 : at.getLineNr(), Json.problem(e)),
        e);
  }

  private static int line(YAMLParser parser) {
    return parser.currentTokenLocation().getLineNr();
  }

  private void readMapping(YAMLParser parser, ObjectNode into, String path) throws IOException {
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      String child = path.isEmpty() ? key : path + "." + key;
      String where = name + ", line " + line(parser);
      if (into.has(key)) {
        throw new InvalidInputException(
            "%s: the key '%s' is given twice; keep one.".formatted(where, child));
      }
      origins.put(child, where);
      into.set(key, readValue(parser, parser.nextToken(), child));
    }
  }

  private JsonNode readValue(YAMLParser parser, JsonToken token, String path) throws IOException {
    if (parser.isCurrentAlias() || parser.getObjectId() != null) {
      throw new InvalidInputException(
          "%s, line %d: '%s' uses a YAML anchor or alias, which are not supported; write the value out."
              .formatted(name, line(parser), path));
    }
    if (parser.getParsingContext().getNestingDepth() > MOST_LEVELS) {
      throw new InvalidInputException(
          "%s, line %d: more than %d mappings and lists lie in each other; close the brackets."
              .formatted(name, line(parser), MOST_LEVELS));
    }
    return switch (token) {
      case START_OBJECT -> {
        ObjectNode object = NODES.objectNode();
        readMapping(parser, object, path);
        yield object;
      }
      case START_ARRAY -> readList(parser, path);
      case VALUE_NUMBER_INT -> integer(parser);
      case VALUE_NUMBER_FLOAT -> NODES.numberNode(parser.getDoubleValue());
      case VALUE_TRUE -> NODES.booleanNode(true);
      case VALUE_FALSE -> NODES.booleanNode(false);
      case VALUE_NULL -> NODES.nullNode();
      default -> NODES.textNode(parser.getText());
    };
  }

  private ArrayNode readList(YAMLParser parser, String path) throws IOException {
    ArrayNode array = NODES.arrayNode();
    for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
      String child = path + "[" + array.size() + "]";
      origins.put(child, name + ", line " + line(parser));
      array.add(readValue(parser, t, child));
    }
    return array;
  }

  private static JsonNode integer(YAMLParser parser) throws IOException {
    return switch (parser.getNumberType()) {
      case INT -> NODES.numberNode(parser.getIntValue());
      case LONG -> NODES.numberNode(parser.getLongValue());
      default -> NODES.numberNode(parser.getBigIntegerValue());
    };
  }

  /**
   * Sets a value, as an option of the command line does.
   *
   * @param path such as {@code budget.steps}, or {@code manual_prompts.0.template}
   * @param where what errors about the value call its place
   */
  public void set(String path, JsonNode value, String where) {
    String[] keys = path.split("\\.", -1);
    JsonNode node = root;
    String walked = "";
    for (int i = 0; i < keys.length; i++) {
      String key = keys[i];
      boolean last = i == keys.length - 1;
      if (key.isEmpty()) {
        throw new InvalidInputException(
            "%s: the key is not complete; write a.b=value.".formatted(where));
      }
      if (node instanceof ArrayNode array) {
        if (!key.matches("\\d{1,6}") || Integer.parseInt(key) >= array.size()) {
          throw new InvalidInputException(
              "%s: '%s' is a list of %d; write a number below that after it."
                  .formatted(where, walked, array.size()));
        }
        int index = Integer.parseInt(key);
        walked += "[" + index + "]";
        if (last) {
          array.set(index, value);
        }
        node = array.get(index);
      } else if (node instanceof ObjectNode object) {
        walked = walked.isEmpty() ? key : walked + "." + key;
        if (last) {
          object.set(key, value);
        } else if (!object.has(key) || object.get(key).isNull()) {
          object.putObject(key);
        }
        node = object.get(key);
      } else {
        throw new InvalidInputException(
            "%s: '%s' is a single value, so that nothing can be set inside it."
                .formatted(where, walked));
      }
      origins.put(walked, where);
    }
    String changed = walked;
    origins
        .keySet()
        .removeIf(old -> old.startsWith(changed + ".") || old.startsWith(changed + "["));
  }

  /** Applies {@code a.b=c}, the value read as YAML. */
  public void set(String assignment) {
    int equals = assignment.indexOf('=');
    String where = "--set " + assignment;
    if (equals < 1) {
      throw new InvalidInputException(
          "%s: this is not an assignment; write a.b=value.".formatted(where));
    }
    String path = assignment.substring(0, equals).strip();
    set(path, value(assignment.substring(equals + 1), where), where);
  }

  /** Reads a changed copy, which remembers the same lines. */
  <T> T with(Consumer<ObjectNode> change, Function<YamlDocument, T> reader) {
    YamlDocument copy = new YamlDocument(name, root.deepCopy());
    copy.origins.putAll(origins);
    change.accept(copy.root);
    return reader.apply(copy);
  }

  /** Returns a document that has this one's mapping at a key; errors name the same lines. */
  YamlDocument nested(String key) {
    YamlDocument outer = empty(name);
    outer.root.set(key, root);
    origins.forEach((path, where) -> outer.origins.put(key + "." + path, where));
    return outer;
  }

  /** Returns the mapping; changes to it are seen here. */
  public ObjectNode root() {
    return root;
  }

  /** Returns the file's name. */
  public String name() {
    return name;
  }

  /** Returns where a value was written, or the document's name if it was not. */
  String where(String path) {
    String where = origins.get(path);
    if (where != null || path.isEmpty()) {
      return where == null ? name : where;
    }
    int cut = Math.max(path.lastIndexOf('.'), path.lastIndexOf('['));
    return where(cut < 0 ? "" : path.substring(0, cut));
  }

  /** Returns whether a message begins with the place of one of this document's values. */
  boolean places(String message) {
    return message.startsWith(name) || origins.values().stream().anyMatch(message::startsWith);
  }

  /** Returns an error about a value: where it was written, its path, and what is wrong. */
  InvalidInputException problem(String path, String what) {
    return new InvalidInputException("%s: %s".formatted(where(path), what));
  }
}
