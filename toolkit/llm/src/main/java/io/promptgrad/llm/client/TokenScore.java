package io.promptgrad.llm.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * One token and how likely it was at its place.
 *
 * @param token its text
 * @param logProb natural-log probability
 * @param alternatives other tokens' texts to their natural-log probabilities, most likely first;
 *     may hold the token itself, may be empty
 */
public record TokenScore(String token, double logProb, Map<String, Double> alternatives) {

  /** Copies the alternatives, keeping their order. */
  public TokenScore {
    Objects.requireNonNull(token, "token");
    alternatives = Collections.unmodifiableMap(new LinkedHashMap<>(alternatives));
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object().put("token", token);
    json.set("logprob", Json.number(logProb));
    if (!alternatives.isEmpty()) {
      ObjectNode others = json.putObject("top");
      alternatives.forEach((text, score) -> others.set(text, Json.number(score)));
    }
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static TokenScore fromJson(JsonNode json) {
    Map<String, Double> others = new LinkedHashMap<>();
    json.path("top")
        .properties()
        .forEach(other -> others.put(other.getKey(), Json.toDouble(other.getValue())));
    return new TokenScore(json.path("token").asText(), Json.toDouble(json.path("logprob")), others);
  }
}
