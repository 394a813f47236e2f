package io.promptgrad.metric;

import java.util.List;

/** MRR: the mean of 1 / rank of the gold answer; an unknown rank counts as 0. */
public final class MeanReciprocalRank implements Metric {

  @Override
  public String name() {
    return "mrr";
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
    return outcome.rank() == 0 ? 0 : 1.0 / outcome.rank();
  }
}
