package io.promptgrad.metric;

import java.util.List;

/**
 * The mean over labels of F1 = 2 TP / (2 TP + FP + FN); a label counts if it occurs as gold or as
 * prediction.
 */
public final class MacroF1 implements Metric {

  @Override
  public String name() {
    return "macro-f1";
  }

  @Override
  public double score(List<Outcome> outcomes) {
    return LabelCounts.of(outcomes).macroF1();
  }

  @Override
  public boolean perExampleMean() {
    return false;
  }
}
