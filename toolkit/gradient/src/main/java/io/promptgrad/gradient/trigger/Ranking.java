package io.promptgrad.gradient.trigger;

import io.promptgrad.gradient.discrete.HotFlip;
import io.promptgrad.gradient.discrete.TokenFilter;

/** The best of a vocabulary, on the host. */
public final class Ranking {

  private Ranking() {}

  /** The k allowed tokens with the smallest values, smallest first; ties go to the lowest id. */
  public static int[] smallest(float[] values, int k, TokenFilter filter) {
    float[] negated = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      negated[i] = -values[i];
    }
    return HotFlip.top(negated, k, filter, -1);
  }
}
