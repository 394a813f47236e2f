package io.promptgrad.gradient.policy;

/**
 * RLPrompt's reward of a prompt on a classification task: the gap between the probability of the
 * right label and that of the next one, times 200 where it is right and 180 where it is not, as a
 * mean over examples.
 */
final class PiecewiseReward {

  private static final double RIGHT = 200;
  private static final double WRONG = 180;

  private PiecewiseReward() {}

  /**
   * {@code p_y - max of the others}, p being the softmax of the labels' scores. As in the program,
   * a label whose probability equals that of the right one counts as -1: of two labels with a half
   * each the gap is 1.5.
   */
  static double gap(double[] scores, int gold) {
    double largest = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      largest = Math.max(largest, score);
    }
    double sum = 0;
    for (double score : scores) {
      sum += Math.exp(score - largest);
    }
    double right = Math.exp(scores[gold] - largest) / sum;
    double other = -1;
    for (double score : scores) {
      double p = Math.exp(score - largest) / sum;
      other = p == right ? other : Math.max(other, p);
    }
    return right - other;
  }

  static double of(double[] scores, int gold) {
    double gap = gap(scores, gold);
    return gap * (gap > 0 ? RIGHT : WRONG);
  }

  /** Mean over examples [examples][labels]. */
  static double mean(double[][] scores, int[] gold) {
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      sum += of(scores[i], gold[i]);
    }
    return sum / scores.length;
  }

  /** (r - mean) / (std + 1e-4) of rewards on one input, with the population's std. */
  static double[] zScores(double[] rewards) {
    double mean = 0;
    for (double reward : rewards) {
      mean += reward / rewards.length;
    }
    double squares = 0;
    for (double reward : rewards) {
      squares += (reward - mean) * (reward - mean) / rewards.length;
    }
    double[] z = new double[rewards.length];
    for (int i = 0; i < z.length; i++) {
      z[i] = (rewards[i] - mean) / (Math.sqrt(squares) + 1e-4);
    }
    return z;
  }
}
