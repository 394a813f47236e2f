package io.promptgrad.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.report.html.Html;
import java.util.Objects;

/**
 * A reported number: {@code {"value": 0.91, "n": 872, "ci95": [0.89, 0.93]}}.
 *
 * @param value the metric
 * @param n number of examples
 * @param ci95 95 % confidence interval
 */
public record Score(double value, int n, Interval ci95) {

  /** Refuses a missing interval. */
  public Score {
    Objects.requireNonNull(ci95, "ci95");
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.set("value", Json.number(value));
    json.put("n", n);
    json.putArray("ci95").add(Json.number(ci95.low())).add(Json.number(ci95.high()));
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static Score fromJson(JsonNode json) {
    return new Score(
        Json.toDouble(json.path("value")),
        json.path("n").asInt(),
        new Interval(
            Json.toDouble(json.path("ci95").path(0)), Json.toDouble(json.path("ci95").path(1))));
  }

  /** Returns value and interval as markup. */
  public String toHtml() {
    return "%s <span class=\"ci\">[%s, %s]</span>"
        .formatted(Html.number(value), Html.number(ci95.low()), Html.number(ci95.high()));
  }
}
