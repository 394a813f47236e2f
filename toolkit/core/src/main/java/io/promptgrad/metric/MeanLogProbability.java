package io.promptgrad.metric;

import java.util.List;

/**
 * The mean natural-log probability of the gold answer, in nats per example.
 *
 * <p>It is read from {@link Outcome#scores()} under the gold answer. A failed example counts with
 * its {@link Outcome#value()}.
 */
public final class MeanLogProbability implements Metric {

  @Override
  public String name() {
    return "log-prob";
  }

  @Override
  public double score(List<Outcome> outcomes) {
    return outcomes.stream().mapToDouble(this::contribution).average().orElseThrow();
  }

  @Override
  public boolean perExampleMean() {
    return true;
  }

  /**
   * Returns the log-probability of the gold answer.
   *
   * @throws IllegalArgumentException if the outcome has no score for its gold answer
   */
  @Override
  public double contribution(Outcome outcome) {
    Double score = outcome.scores().get(outcome.gold());
    if (score != null) {
      return score;
    }
    if (outcome.failure().isPresent()) {
      return outcome.value();
    }
    throw new IllegalArgumentException(
        ("Outcome %s has scores for %s but none for its gold answer '%s', so it has no "
                + "log-probability.")
            .formatted(outcome.exampleId(), outcome.scores().keySet(), outcome.gold()));
  }
}
