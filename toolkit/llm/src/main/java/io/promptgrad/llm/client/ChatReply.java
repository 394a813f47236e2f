package io.promptgrad.llm.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * A model's answer.
 *
 * @param text what it says; "" where a filter took it
 * @param finish why it ends there
 * @param tokens log-probabilities of the answer's tokens, if they were asked for and the server
 *     gives them; else empty
 * @param usage what the call used
 */
public record ChatReply(String text, Finish finish, List<TokenScore> tokens, Usage usage) {

  /** Why an answer ends. */
  public enum Finish {
    /** The model had said all, or a stop text came. */
    STOP,
    /** The longest length was reached: the answer is cut. */
    LENGTH,
    /** The server's filter took the answer or refused the question. */
    CONTENT_FILTER,
    /** Something else, such as the wish to call a function. */
    OTHER
  }

  /** Copies the list. */
  public ChatReply {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(finish, "finish");
    tokens = List.copyOf(tokens);
    Objects.requireNonNull(usage, "usage");
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object().put("text", text);
    json.put("finish", finish.name().toLowerCase(Locale.ROOT));
    if (!tokens.isEmpty()) {
      ArrayNode scores = json.putArray("tokens");
      tokens.forEach(token -> scores.add(token.toJson()));
    }
    json.set("usage", usage.toJson());
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static ChatReply fromJson(JsonNode json) {
    List<TokenScore> tokens = new ArrayList<>();
    json.path("tokens").forEach(token -> tokens.add(TokenScore.fromJson(token)));
    return new ChatReply(
        json.path("text").asText(),
        Finish.valueOf(json.path("finish").asText().toUpperCase(Locale.ROOT)),
        tokens,
        Usage.fromJson(json.path("usage")));
  }
}
