package io.promptgrad.search;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;

/**
 * What a step or a run used.
 *
 * @param evaluations examples scored, one per prompt and example, whether in a batch or not
 * @param forwardTokens token positions that went through the model, padding included
 * @param backwardTokens token positions that a gradient was computed for, padding included
 * @param calls requests to a model behind an API
 * @param usd what those requests cost, in US dollars
 */
public record Cost(
    long evaluations, long forwardTokens, long backwardTokens, long calls, double usd) {

  /** Nothing used. */
  public static final Cost ZERO = new Cost(0, 0, 0, 0, 0);

  /** Returns the sum. */
  public Cost plus(Cost other) {
    return new Cost(
        evaluations + other.evaluations,
        forwardTokens + other.forwardTokens,
        backwardTokens + other.backwardTokens,
        calls + other.calls,
        usd + other.usd);
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("evaluations", evaluations)
        .put("forward_tokens", forwardTokens)
        .put("backward_tokens", backwardTokens)
        .put("calls", calls)
        .put("usd", usd);
    return json;
  }

  /** Reads what {@link #toJson} wrote; missing numbers are 0. */
  public static Cost fromJson(JsonNode json) {
    return new Cost(
        json.path("evaluations").asLong(),
        json.path("forward_tokens").asLong(),
        json.path("backward_tokens").asLong(),
        json.path("calls").asLong(),
        json.path("usd").asDouble());
  }
}
