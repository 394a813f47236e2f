package io.promptgrad.llm.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * How likely a text was, token by token.
 *
 * @param tokens those that hold a character of the text, in order; where a token reaches across the
 *     text's start it is counted whole
 * @param usage what the call used
 */
public record TextScore(List<TokenScore> tokens, Usage usage) {

  /** Copies the list and refuses an empty one. */
  public TextScore {
    tokens = List.copyOf(tokens);
    if (tokens.isEmpty()) {
      throw new IllegalArgumentException("A text has at least one token.");
    }
    Objects.requireNonNull(usage, "usage");
  }

  /** Returns the natural-log probability of the text: the sum over its tokens. */
  public double sum() {
    return tokens.stream().mapToDouble(TokenScore::logProb).sum();
  }

  /** Returns the mean natural-log probability of a token. */
  public double mean() {
    return sum() / tokens.size();
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    ArrayNode scores = json.putArray("tokens");
    tokens.forEach(token -> scores.add(token.toJson()));
    json.set("usage", usage.toJson());
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static TextScore fromJson(JsonNode json) {
    List<TokenScore> tokens = new ArrayList<>();
    json.path("tokens").forEach(token -> tokens.add(TokenScore.fromJson(token)));
    return new TextScore(tokens, Usage.fromJson(json.path("usage")));
  }
}
