package io.promptgrad.metric;

import java.util.List;

/**
 * A number that says how good a prompt's outcomes are; higher is better.
 *
 * <p>To add your own, implement this and name the class in {@code
 * META-INF/services/io.promptgrad.metric.Metric}; {@link Metrics#named} then finds it.
 */
public interface Metric {

  /** Returns the name used in configurations and results, such as {@code macro-f1}. */
  String name();

  /** Returns the score of a non-empty list of outcomes. */
  double score(List<Outcome> outcomes);

  /** Returns whether the score is the plain mean of {@link #contribution} over the examples. */
  boolean perExampleMean();

  /**
   * Returns what one example contributes; the mean of it is the score if {@link #perExampleMean}.
   */
  default double contribution(Outcome outcome) {
    return outcome.value();
  }

  /**
   * Returns whether contributions are only ever 0 or 1, so that the score is a proportion and has a
   * Wilson interval and McNemar's test.
   */
  default boolean proportion() {
    return false;
  }
}
