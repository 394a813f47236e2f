package io.promptgrad.gradient.blackbox;

import io.promptgrad.gradient.cloze.ClozeExample;
import java.util.List;

/** What black-box tuning minimises, from the scores of the labels alone. */
public enum LabelLoss {
  /** Cross-entropy among the labels. */
  CROSS_ENTROPY {
    @Override
    double of(double[] scores, int gold) {
      double largest = Double.NEGATIVE_INFINITY;
      for (double score : scores) {
        largest = Math.max(largest, score);
      }
      double sum = 0;
      for (double score : scores) {
        sum += Math.exp(score - largest);
      }
      return Math.log(sum) + largest - scores[gold];
    }
  },
  /** {@code sum over wrong labels c of max(0, l_c - l_y + 2)}, for pairs of sentences. */
  HINGE {
    @Override
    double of(double[] scores, int gold) {
      double sum = 0;
      for (int c = 0; c < scores.length; c++) {
        if (c != gold) {
          sum += Math.max(0, scores[c] - scores[gold] + 2);
        }
      }
      return sum;
    }
  };

  /** Loss of one example. */
  abstract double of(double[] scores, int gold);

  /** Mean over examples [examples][labels]. */
  double mean(double[][] scores, List<ClozeExample> examples) {
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      sum += of(scores[i], examples.get(i).gold());
    }
    return sum / scores.length;
  }
}
