package io.promptgrad.evaluation;

import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.report.html.ConfusionTable;
import io.promptgrad.report.html.Html;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How good a prompt is on some examples.
 *
 * @param metric name of the primary metric
 * @param value its score; higher is better
 * @param n number of examples
 * @param std sample standard deviation (n - 1) of the examples' contributions; 0 for one example
 * @param min smallest contribution of an example
 * @param failures examples that got no answer
 * @param ci95 95 % interval of {@code value}: Wilson's for proportions, else a percentile bootstrap
 * @param otherMetrics further metrics by name, in the order given
 * @param outcomes one per example
 * @param warnings sentences for people: few examples, failures
 */
public record EvalReport(
    String metric,
    double value,
    int n,
    double std,
    double min,
    int failures,
    Interval ci95,
    Map<String, Double> otherMetrics,
    List<Outcome> outcomes,
    List<String> warnings) {

  /** Below this number of examples a score is too noisy to compare prompts by. */
  public static final int FEW_EXAMPLES = 50;

  /** Copies the collections. */
  public EvalReport {
    otherMetrics = Collections.unmodifiableMap(new LinkedHashMap<>(otherMetrics));
    outcomes = List.copyOf(outcomes);
    warnings = List.copyOf(warnings);
  }

  /** Returns the report with one more warning. */
  public EvalReport withWarning(String warning) {
    List<String> more = new ArrayList<>(warnings);
    more.add(warning);
    return new EvalReport(metric, value, n, std, min, failures, ci95, otherMetrics, outcomes, more);
  }

  /**
   * Computes the report.
   *
   * @param outcomes at least one
   */
  public static EvalReport of(Metric primary, List<Metric> others, List<Outcome> outcomes) {
    if (outcomes.isEmpty()) {
      throw new IllegalArgumentException("There are no outcomes to report on.");
    }
    int n = outcomes.size();
    double[] contributions = outcomes.stream().mapToDouble(primary::contribution).toArray();
    int failures = (int) outcomes.stream().filter(o -> o.failure().isPresent()).count();
    Map<String, Double> otherMetrics = new LinkedHashMap<>();
    for (Metric other : others) {
      if (!other.name().equals(primary.name())) {
        otherMetrics.put(other.name(), other.score(outcomes));
      }
    }
    List<String> warnings = new ArrayList<>();
    if (n < FEW_EXAMPLES) {
      warnings.add(
          "Only %d example%s: differences between prompts smaller than the interval mean nothing."
              .formatted(n, n == 1 ? "" : "s"));
    }
    if (failures > 0) {
      warnings.add("%d of %d examples got no answer.".formatted(failures, n));
    }
    return new EvalReport(
        primary.name(),
        primary.score(outcomes),
        n,
        Statistics.standardDeviation(contributions),
        Statistics.min(contributions),
        failures,
        interval(primary, contributions, outcomes),
        otherMetrics,
        outcomes,
        warnings);
  }

  private static Interval interval(Metric metric, double[] contributions, List<Outcome> outcomes) {
    if (metric.proportion()) {
      int successes = (int) Math.round(Statistics.sum(contributions));
      return Statistics.wilson(successes, contributions.length);
    }
    return metric.perExampleMean()
        ? Statistics.bootstrapMean(contributions, Statistics.BOOTSTRAP_SEED)
        : Statistics.bootstrap(outcomes, metric::score, Statistics.BOOTSTRAP_SEED);
  }

  /** Returns the metrics as results carry them. */
  public Score toScore() {
    return new Score(value, n, ci95, otherMetrics);
  }

  /** Returns numbers, warnings and confusion table with their style, for a notebook. */
  public String toHtml() {
    StringBuilder html = new StringBuilder("<table>\n");
    html.append(row(metric, toScore().toHtml()));
    otherMetrics.forEach((name, score) -> html.append(row(name, Html.number(score))));
    html.append(row("examples", Html.count(n)));
    html.append(row("std, min", Html.number(std) + ", " + Html.number(min)));
    html.append(row("failures", Html.count(failures))).append("</table>\n");
    html.append(Html.warnings(warnings)).append(ConfusionTable.of(outcomes));
    return Html.fragment(html.toString());
  }

  private static String row(String name, String html) {
    return "<tr><td>" + Html.escape(name) + "</td><td class=\"num\">" + html + "</td></tr>\n";
  }
}
