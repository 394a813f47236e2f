package io.promptgrad.evaluation;

/**
 * A confidence interval.
 *
 * @param low lower end
 * @param high upper end, not below {@code low}
 */
public record Interval(double low, double high) {

  /** Refuses ends in the wrong order. */
  public Interval {
    if (low > high) {
      throw new IllegalArgumentException("low " + low + " is above high " + high);
    }
  }

  /** Returns whether the value lies within, ends included. */
  public boolean contains(double value) {
    return low <= value && value <= high;
  }
}
