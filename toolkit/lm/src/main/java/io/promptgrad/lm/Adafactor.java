package io.promptgrad.lm;

/**
 * Adafactor (Shazeer and Stern 2018, arXiv:1804.04235) as prompt tuning uses it: no momentum, steps
 * not scaled by the size of the parameters, and a decay that is not multiplied by the learning
 * rate.
 *
 * <p>At update t = 0, 1, ... with gradient g: rho = 1 - (t + 1)^-decay; v = rho v + (1 - rho) (g^2
 * + epsilon); y = g / sqrt(v); y /= max(1, rms(y) / threshold); p = (1 - weightDecay) p - rate y.
 * Of a matrix of at least 128 x 128 only the means of v over rows and columns are kept.
 *
 * @param decay exponent of rho
 * @param epsilon added to squares
 * @param threshold largest root mean square of a step before the rate
 * @param weightDecay of all parameters
 * @param largestNorm as {@link Optimizer#largestNorm}
 */
public record Adafactor(
    double decay, double epsilon, double threshold, double weightDecay, double largestNorm)
    implements Optimizer {

  /** A matrix with both sides at least this long is factored. */
  static final int FACTORED_FROM = 128;

  /** Checks the ranges. */
  public Adafactor {
    if (!(decay > 0) || !(epsilon > 0) || !(threshold > 0)) {
      throw new IllegalArgumentException(
          "decay, epsilon and threshold are %s, %s and %s, above 0 needed"
              .formatted(decay, epsilon, threshold));
    }
    if (!(weightDecay >= 0 && weightDecay < 1) || !(largestNorm >= 0)) {
      throw new IllegalArgumentException(
          "weight decay is %s and the largest norm %s, [0, 1) and at least 0 needed"
              .formatted(weightDecay, largestNorm));
    }
  }

  /** Those of Lester et al. 2021. */
  public static Adafactor forPrompts() {
    return new Adafactor(0.8, 1e-30, 1, 1e-5, 0);
  }

  /** rho of an update, counted from 1. */
  double rho(long update) {
    return 1 - Math.pow(update, -decay);
  }
}
