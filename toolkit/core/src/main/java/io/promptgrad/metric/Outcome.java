package io.promptgrad.metric;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What became of one example under one prompt. Always kept: paired tests, racing and Pareto
 * selection need it.
 *
 * @param exampleId {@link io.promptgrad.task.Example#id()}
 * @param gold the right label or text
 * @param predicted the prompt's answer, "" if it gave none; when labels tie for the highest score
 *     the evaluator decides which is the answer
 * @param value this example's contribution to the search's objective: 1 or 0 for accuracy, a
 *     natural-log probability, ...
 * @param rank place of the gold answer among all answers, 1 is best, 0 is unknown
 * @param scores answer to its score, natural-log probabilities where the model gives them; may be
 *     empty, and may hold the gold answer alone
 * @param failure why there is no answer (a refused call, an unreadable reply), else empty
 */
public record Outcome(
    String exampleId,
    String gold,
    String predicted,
    double value,
    int rank,
    Map<String, Double> scores,
    Optional<String> failure) {

  /** Copies the scores, keeping their order. */
  public Outcome {
    Objects.requireNonNull(exampleId, "exampleId");
    Objects.requireNonNull(gold, "gold");
    Objects.requireNonNull(predicted, "predicted");
    Objects.requireNonNull(failure, "failure");
    if (rank < 0) {
      throw new IllegalArgumentException("rank must be 0 (unknown) or more, but is " + rank);
    }
    scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
  }

  /** Returns the outcome of a classification: value 1 if the prediction is right, else 0. */
  public static Outcome classified(
      String exampleId, String gold, String predicted, int rank, Map<String, Double> scores) {
    return new Outcome(
        exampleId, gold, predicted, gold.equals(predicted) ? 1 : 0, rank, scores, Optional.empty());
  }

  /** Returns the outcome of an example that got no answer; it counts as wrong. */
  public static Outcome failed(String exampleId, String gold, double value, String why) {
    return new Outcome(exampleId, gold, "", value, 0, Map.of(), Optional.of(why));
  }

  /** Returns whether there is an answer and it is the gold one. */
  public boolean correct() {
    return failure.isEmpty() && gold.equals(predicted);
  }

  /** Returns this outcome as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("id", exampleId).put("gold", gold).put("predicted", predicted);
    json.set("value", Json.number(value));
    json.put("rank", rank);
    ObjectNode byAnswer = json.putObject("scores");
    scores.forEach((answer, score) -> byAnswer.set(answer, Json.number(score)));
    failure.ifPresent(why -> json.put("failure", why));
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static Outcome fromJson(JsonNode json) {
    Map<String, Double> scores = new LinkedHashMap<>();
    json.path("scores")
        .properties()
        .forEach(score -> scores.put(score.getKey(), Json.toDouble(score.getValue())));
    return new Outcome(
        json.path("id").asText(),
        json.path("gold").asText(),
        json.path("predicted").asText(),
        Json.toDouble(json.path("value")),
        json.path("rank").asInt(),
        scores,
        Optional.ofNullable(json.get("failure")).map(JsonNode::asText));
  }
}
