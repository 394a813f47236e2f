package io.promptgrad.metric;

import io.promptgrad.input.InvalidInputException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds metrics by name: the ones of this package and those on the class path as services. */
public final class Metrics {

  private static final Pattern PRECISION_AT = Pattern.compile("p@([1-9][0-9]{0,6})");

  private Metrics() {}

  /**
   * Returns the metric of that name: {@code accuracy}, {@code macro-f1}, {@code micro-f1}, {@code
   * mrr}, {@code log-prob}, {@code p@K} for any K, or a service's.
   *
   * @throws InvalidInputException listing the known names
   */
  public static Metric named(String name) {
    Matcher precision = PRECISION_AT.matcher(name);
    if (precision.matches()) {
      return new PrecisionAtK(Integer.parseInt(precision.group(1)));
    }
    Map<String, Metric> known = known();
    Metric metric = known.get(name);
    if (metric == null) {
      throw new InvalidInputException(
          "There is no metric '%s'; use one of %s or p@K with a number for K."
              .formatted(name, known.keySet()));
    }
    return metric;
  }

  private static Map<String, Metric> known() {
    Map<String, Metric> known = new LinkedHashMap<>();
    add(known, new Accuracy());
    add(known, new MacroF1());
    add(known, new MicroF1());
    add(known, new MeanReciprocalRank());
    add(known, new MeanLogProbability());
    ServiceLoader.load(Metric.class).forEach(metric -> add(known, metric));
    return known;
  }

  private static void add(Map<String, Metric> known, Metric metric) {
    known.putIfAbsent(metric.name(), metric);
  }
}
