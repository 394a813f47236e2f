package io.promptgrad.metric;

import java.util.List;

/** The fraction of examples whose prediction is the gold label; failures count as wrong. */
public final class Accuracy implements Metric {

  @Override
  public String name() {
    return "accuracy";
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
    return outcome.correct() ? 1 : 0;
  }

  @Override
  public boolean proportion() {
    return true;
  }
}
