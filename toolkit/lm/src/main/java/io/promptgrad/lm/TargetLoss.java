package io.promptgrad.lm;

/**
 * How the scores of a sequence's target tokens become one number that a search lowers.
 *
 * <p>A sequence with m target positions has for each the negative log-probability, the logit of the
 * target, and the largest logit of any other token.
 */
public sealed interface TargetLoss {

  /** Mean of the negative log-probabilities, in nats: what nearly every method lowers. */
  record CrossEntropy() implements TargetLoss {
    @Override
    public double of(TargetScores scores, int from, int to) {
      double sum = 0;
      for (int i = from; i < to; i++) {
        sum += scores.losses()[i];
      }
      return sum / (to - from);
    }
  }

  /**
   * A smooth maximum of the negated target logits (Asadi and Littman 2017), as nanoGCG uses it:
   * {@code (log sum exp(-a logit) - log m) / a}. It looks at the worst target position most, and at
   * logits, not probabilities.
   *
   * @param alpha a; the larger, the closer to the maximum
   */
  record Mellowmax(double alpha) implements TargetLoss {
    /** Refuses what is no number above 0. */
    public Mellowmax {
      if (!(alpha > 0) || Double.isInfinite(alpha)) {
        throw new IllegalArgumentException("mellowmax needs an alpha above 0, not " + alpha);
      }
    }

    @Override
    public double of(TargetScores scores, int from, int to) {
      double largest = Double.NEGATIVE_INFINITY;
      for (int i = from; i < to; i++) {
        largest = Math.max(largest, -alpha * scores.logits()[i]);
      }
      double sum = 0;
      for (int i = from; i < to; i++) {
        sum += Math.exp(-alpha * scores.logits()[i] - largest);
      }
      return (largest + Math.log(sum) - Math.log(to - from)) / alpha;
    }
  }

  /**
   * Mean of {@code max(-margin, best other logit - target logit)} (Sitawarin et al. 2024,
   * arXiv:2402.09674, GCG++): nothing is gained where the target already wins by the margin.
   *
   * @param margin by how much a target has to win
   */
  record Hinge(double margin) implements TargetLoss {
    /** Refuses what is no number of at least 0. */
    public Hinge {
      if (!(margin >= 0) || Double.isInfinite(margin)) {
        throw new IllegalArgumentException("a hinge needs a margin of at least 0, not " + margin);
      }
    }

    @Override
    public double of(TargetScores scores, int from, int to) {
      double sum = 0;
      for (int i = from; i < to; i++) {
        sum += Math.max(-margin, (double) scores.others()[i] - scores.logits()[i]);
      }
      return sum / (to - from);
    }
  }

  /**
   * The loss of one sequence.
   *
   * @param scores of a batch's targets
   * @param from first target of the sequence
   * @param to behind its last one
   */
  double of(TargetScores scores, int from, int to);
}
