package io.promptgrad.lm.verify;

/**
 * One recorded tensor against ours.
 *
 * @param name of the recorded tensor
 * @param error largest absolute difference where it counts; NaN if a value is not a number
 * @param tolerance largest error that is accepted
 */
public record Comparison(String name, double error, double tolerance) {

  /** Whether the error is within the tolerance; never for NaN. */
  public boolean ok() {
    return error <= tolerance;
  }

  /** Compares where {@code counts} is 1 (null: everywhere); one entry per row of {@code width}. */
  static Comparison absolute(
      String name, float[] golden, float[] ours, byte[] counts, double tolerance) {
    return new Comparison(name, largestDifference(name, golden, ours, counts), tolerance);
  }

  /** The tolerance is relative to the largest absolute golden value. */
  static Comparison relative(String name, float[] golden, float[] ours, double tolerance) {
    double largest = 0;
    for (float g : golden) {
      largest = Math.max(largest, Math.abs(g));
    }
    return new Comparison(name, largestDifference(name, golden, ours, null), tolerance * largest);
  }

  /** Error is the number of entries that differ. */
  public static Comparison exact(String name, int[] golden, int[] ours) {
    if (golden.length != ours.length) {
      return new Comparison(name, Double.POSITIVE_INFINITY, 0);
    }
    int different = 0;
    for (int i = 0; i < golden.length; i++) {
      different += golden[i] == ours[i] ? 0 : 1;
    }
    return new Comparison(name, different, 0);
  }

  private static double largestDifference(
      String name, float[] golden, float[] ours, byte[] counts) {
    if (golden.length != ours.length) {
      throw new IllegalArgumentException(
          name + " has " + golden.length + " golden values but " + ours.length + " of ours");
    }
    int width = counts == null ? 1 : golden.length / counts.length;
    double largest = 0;
    for (int i = 0; i < golden.length; i++) {
      if (counts == null || counts[i / width] != 0) {
        double difference = Math.abs((double) golden[i] - ours[i]);
        if (!(difference <= largest)) {
          largest = difference; // also NaN, which then stays
          if (Double.isNaN(difference)) {
            return Double.NaN;
          }
        }
      }
    }
    return largest;
  }
}
