package io.promptgrad.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.report.html.Html;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * A reported number: {@code {"value": 0.91, "n": 872, "ci95": [0.89, 0.93]}}, and if further
 * metrics were asked for {@code "other_metrics": {"macro-f1": 0.9}}.
 *
 * @param value the metric
 * @param n number of examples
 * @param ci95 95 % confidence interval
 * @param otherMetrics the same outcomes by further metrics, by name
 */
public record Score(double value, int n, Interval ci95, Map<String, Double> otherMetrics) {

  /** Refuses a missing interval; copies the map. */
  public Score {
    Objects.requireNonNull(ci95, "ci95");
    otherMetrics = Collections.unmodifiableMap(new LinkedHashMap<>(otherMetrics));
  }

  /** A score without further metrics. */
  public Score(double value, int n, Interval ci95) {
    this(value, n, ci95, Map.of());
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.set("value", Json.number(value));
    json.put("n", n);
    json.putArray("ci95").add(Json.number(ci95.low())).add(Json.number(ci95.high()));
    if (!otherMetrics.isEmpty()) {
      ObjectNode others = json.putObject("other_metrics");
      otherMetrics.forEach((name, other) -> others.set(name, Json.number(other)));
    }
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static Score fromJson(JsonNode json) {
    Map<String, Double> others = new LinkedHashMap<>();
    json.path("other_metrics")
        .properties()
        .forEach(other -> others.put(other.getKey(), Json.toDouble(other.getValue())));
    return new Score(
        Json.toDouble(json.path("value")),
        json.path("n").asInt(),
        new Interval(
            Json.toDouble(json.path("ci95").path(0)), Json.toDouble(json.path("ci95").path(1))),
        others);
  }

  /** Returns value and interval as markup. */
  public String toHtml() {
    return "%s <span class=\"ci\">[%s, %s]</span>"
        .formatted(Html.number(value), Html.number(ci95.low()), Html.number(ci95.high()));
  }
}
