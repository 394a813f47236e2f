package io.promptgrad.metric;

import java.util.List;

/**
 * P@k: the fraction of examples whose gold answer ranks among the first k; an unknown rank counts
 * as a miss.
 *
 * @param k at least 1
 */
public record PrecisionAtK(int k) implements Metric {

  /** Refuses k below 1. */
  public PrecisionAtK {
    if (k < 1) {
      throw new IllegalArgumentException("k must be at least 1, but is " + k);
    }
  }

  @Override
  public String name() {
    return "p@" + k;
  }

  @Override
  public double score(List<Outcome> outcomes) {
    return outcomes.stream().mapToDouble(this::contribution).average().orElseThrow();
  }

  @Override
  public boolean perExampleMean() {
    return true;
  }

  @Override
  public double contribution(Outcome outcome) {
    return outcome.rank() >= 1 && outcome.rank() <= k ? 1 : 0;
  }

  @Override
  public boolean proportion() {
    return true;
  }
}
