package io.promptgrad.llm.instruction;

import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import java.util.List;

/** The mean of what the examples contribute to the objective, whatever that is. */
public final class MeanValue implements Metric {

  @Override
  public String name() {
    return "mean";
  }

  @Override
  public double score(List<Outcome> outcomes) {
    return outcomes.stream().mapToDouble(Outcome::value).average().orElseThrow();
  }

  @Override
  public boolean perExampleMean() {
    return true;
  }
}
