package io.promptgrad.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.report.html.Html;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A paired test of two prompts on the same examples.
 *
 * @param test {@code mcnemar} for proportions, {@code sign-flip} for other means over examples,
 *     {@code swap} for scores that are no mean over examples, such as F1
 * @param n number of examples
 * @param difference score of the first prompt minus that of the second
 * @param wins examples on which the first prompt contributes more
 * @param losses examples on which the second prompt contributes more
 * @param p two-sided p-value of no difference
 */
public record Comparison(String test, int n, double difference, int wins, int losses, double p) {

  /**
   * Compares two lists of outcomes, matched by example id.
   *
   * @throws InvalidInputException if they are not of the same examples
   */
  public static Comparison of(Metric metric, List<Outcome> first, List<Outcome> second) {
    if (first.isEmpty()) {
      throw new InvalidInputException("There are no outcomes to compare.");
    }
    Map<String, Outcome> byId = new HashMap<>();
    second.forEach(outcome -> byId.put(outcome.exampleId(), outcome));
    if (first.size() != second.size() || byId.size() != second.size()) {
      throw differs(first.size() + " and " + second.size() + " outcomes");
    }
    List<Outcome> matched = new ArrayList<>(); // the second's, in the first's order
    double[] differences = new double[first.size()];
    int wins = 0;
    int losses = 0;
    for (int i = 0; i < differences.length; i++) {
      Outcome outcome = first.get(i);
      Outcome other = byId.remove(outcome.exampleId());
      if (other == null) {
        throw differs("only the first has example " + outcome.exampleId());
      }
      if (!other.gold().equals(outcome.gold())) {
        throw differs(
            "example %s is '%s' in one and '%s' in the other"
                .formatted(outcome.exampleId(), outcome.gold(), other.gold()));
      }
      matched.add(other);
      differences[i] = metric.contribution(outcome) - metric.contribution(other);
      wins += differences[i] > 0 ? 1 : 0;
      losses += differences[i] < 0 ? 1 : 0;
    }
    if (!metric.perExampleMean()) {
      return new Comparison(
          "swap",
          differences.length,
          metric.score(first) - metric.score(matched),
          wins,
          losses,
          Statistics.swap(first, matched, metric::score, Statistics.BOOTSTRAP_SEED));
    }
    double mean = Statistics.sum(differences) / differences.length;
    return metric.proportion()
        ? new Comparison(
            "mcnemar", differences.length, mean, wins, losses, Statistics.mcNemar(wins, losses))
        : new Comparison(
            "sign-flip",
            differences.length,
            mean,
            wins,
            losses,
            Statistics.signFlip(differences, Statistics.BOOTSTRAP_SEED));
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object().put("test", test).put("n", n);
    json.set("difference", Json.number(difference));
    return json.put("wins", wins).put("losses", losses).put("p", p);
  }

  /** Reads what {@link #toJson} wrote. */
  public static Comparison fromJson(JsonNode json) {
    return new Comparison(
        json.path("test").asText(),
        json.path("n").asInt(),
        Json.toDouble(json.path("difference")),
        json.path("wins").asInt(),
        json.path("losses").asInt(),
        json.path("p").asDouble());
  }

  /** Returns difference, wins, losses and p-value in words. */
  @Override
  public String toString() {
    return "%s%s, %s wins, %s losses, %s"
        .formatted(
            difference > 0 ? "+" : "",
            Html.number(difference),
            Html.count(wins),
            Html.count(losses),
            Html.pValue(p));
  }

  private static InvalidInputException differs(String how) {
    return new InvalidInputException(
        ("The two sets of outcomes are not of the same examples (%s); evaluate both "
                + "prompts on the same split.")
            .formatted(how));
  }
}
