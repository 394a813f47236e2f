package io.promptgrad.metric;

import java.util.List;

/**
 * F1 over all labels together. With one gold and one predicted label per example it equals
 * accuracy, unless examples failed: those are misses, but not false alarms.
 */
public final class MicroF1 implements Metric {

  @Override
  public String name() {
    return "micro-f1";
  }

  @Override
  public double score(List<Outcome> outcomes) {
    return LabelCounts.of(outcomes).microF1();
  }

  @Override
  public boolean perExampleMean() {
    return false;
  }
}
