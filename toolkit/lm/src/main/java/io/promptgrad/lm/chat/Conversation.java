package io.promptgrad.lm.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What was said, and what the model may use to answer.
 *
 * @param messages objects with a {@code role} and, as a rule, a {@code content}; whatever else the
 *     model's template knows, such as {@code tool_calls}, may be in them
 * @param tools JSON schemas of functions that the model may call; empty: none
 * @param documents what the model may look things up in; empty: none
 * @param generationPrompt whether the prompt ends where the answer begins
 * @param variables further variables of the template, such as {@code enable_thinking}
 */
public record Conversation(
    List<JsonNode> messages,
    List<JsonNode> tools,
    List<JsonNode> documents,
    boolean generationPrompt,
    Map<String, JsonNode> variables) {

  private static final Set<String> KEYS = Set.of("messages", "tools", "documents", "variables");

  /** Copies the lists. */
  public Conversation {
    messages = List.copyOf(messages);
    tools = List.copyOf(tools);
    documents = List.copyOf(documents);
    variables = Map.copyOf(variables);
  }

  /** Nothing was said yet. */
  public static Conversation empty() {
    return new Conversation(List.of(), List.of(), List.of(), true, Map.of());
  }

  /**
   * Reads a list of messages, or an object with {@code messages} and perhaps {@code tools}, {@code
   * documents} and {@code variables}.
   *
   * @param where what errors call the place, such as "chats.jsonl, line 3"
   */
  public static Conversation of(JsonNode json, String where) {
    if (json.isArray()) {
      return of(Json.object().set("messages", json), where);
    }
    for (Map.Entry<String, JsonNode> entry : json.properties()) {
      if (!KEYS.contains(entry.getKey())) {
        throw new InvalidInputException(
            "%s: a conversation has no '%s'; it has messages, tools, documents and variables."
                .formatted(where, entry.getKey()));
      }
    }
    List<JsonNode> messages = list(json, "messages", where);
    if (messages.isEmpty()) {
      throw new InvalidInputException(
          "%s: there are no messages; write a list of objects with role and content."
              .formatted(where));
    }
    for (int i = 0; i < messages.size(); i++) {
      requireMessage(messages.get(i), "%s: message %d".formatted(where, i + 1));
    }
    Map<String, JsonNode> variables = new LinkedHashMap<>();
    json.path("variables").properties().forEach(e -> variables.put(e.getKey(), e.getValue()));
    return new Conversation(
        messages, list(json, "tools", where), list(json, "documents", where), true, variables);
  }

  private static List<JsonNode> list(JsonNode json, String key, String where) {
    JsonNode value = json.path(key);
    if (!value.isArray() && !value.isNull() && !value.isMissingNode()) {
      throw new InvalidInputException("%s: '%s' must be a list.".formatted(where, key));
    }
    List<JsonNode> items = new ArrayList<>();
    value.forEach(items::add);
    return items;
  }

  private static void requireMessage(JsonNode message, String where) {
    if (!message.path("role").isTextual()) {
      throw new InvalidInputException(
          "%s has no role; write for example {\"role\": \"user\", \"content\": \"Hello\"}."
              .formatted(where));
    }
    JsonNode content = message.path("content");
    boolean fits =
        content.isTextual() || content.isArray() || content.isNull() || content.isMissingNode();
    if (!fits) {
      throw new InvalidInputException(
          "%s: its content must be text, or a list of parts.".formatted(where));
    }
  }

  /** The same with instructions that hold for the whole conversation; they come first. */
  public Conversation system(String text) {
    return and("system", text);
  }

  /** The same with something that the user said last. */
  public Conversation user(String text) {
    return and("user", text);
  }

  /** The same with something that the model said last. */
  public Conversation assistant(String text) {
    return and("assistant", text);
  }

  private Conversation and(String role, String text) {
    List<JsonNode> more = new ArrayList<>(messages);
    ObjectNode message = Json.object();
    more.add(message.put("role", role).put("content", text));
    return new Conversation(more, tools, documents, generationPrompt, variables);
  }

  public Conversation withTools(List<JsonNode> schemas) {
    return new Conversation(messages, schemas, documents, generationPrompt, variables);
  }

  public Conversation withDocuments(List<JsonNode> texts) {
    return new Conversation(messages, tools, texts, generationPrompt, variables);
  }

  /** The same, ending after the last message: what a model was trained on. */
  public Conversation withoutGenerationPrompt() {
    return new Conversation(messages, tools, documents, false, variables);
  }

  /** The same with one more variable of the template. */
  public Conversation with(String variable, JsonNode value) {
    Map<String, JsonNode> more = new LinkedHashMap<>(variables);
    more.put(variable, value);
    return new Conversation(messages, tools, documents, generationPrompt, more);
  }
}
