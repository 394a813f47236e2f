package io.promptgrad.metric;

import java.util.List;
import java.util.TreeMap;

/** Per label: true positives, false positives and false negatives. */
final class LabelCounts {

  private final TreeMap<String, int[]> counts = new TreeMap<>();

  /** Counts; a failed example is a false negative of its gold label and nothing else. */
  static LabelCounts of(List<Outcome> outcomes) {
    LabelCounts labels = new LabelCounts();
    for (Outcome outcome : outcomes) {
      if (outcome.correct()) {
        labels.row(outcome.gold())[0]++;
      } else {
        labels.row(outcome.gold())[2]++;
        if (outcome.failure().isEmpty()) {
          labels.row(outcome.predicted())[1]++;
        }
      }
    }
    return labels;
  }

  private int[] row(String label) {
    return counts.computeIfAbsent(label, unused -> new int[3]);
  }

  /** F1 = 2 TP / (2 TP + FP + FN) per label, averaged over all labels seen, gold or predicted. */
  double macroF1() {
    return counts.values().stream().mapToDouble(c -> f1(c[0], c[1], c[2])).average().orElseThrow();
  }

  /** F1 of the sums over all labels. */
  double microF1() {
    int[] sum = new int[3];
    for (int[] row : counts.values()) {
      for (int i = 0; i < 3; i++) {
        sum[i] += row[i];
      }
    }
    return f1(sum[0], sum[1], sum[2]);
  }

  private static double f1(int truePositives, int falsePositives, int falseNegatives) {
    int denominator = 2 * truePositives + falsePositives + falseNegatives;
    return denominator == 0 ? 0 : 2.0 * truePositives / denominator;
  }
}
