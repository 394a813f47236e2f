package io.promptgrad.lm;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * What is predicted where, and how much each prediction counts: loss = sum over n of {@code
 * weights[n] * -log(sum of the probabilities of tokens[n])}. With one token each this is
 * cross-entropy; with several it is AutoPrompt's loss over a label's tokens.
 *
 * @param at positions, as indices into the batch (row * length + column, with an encoder-decoder of
 *     the decoder's tokens) [N]
 * @param tokens for each position the ids whose probabilities are summed, at least one [N][t]
 * @param weights factor of each position's loss [N]
 */
public record Targets(int[] at, int[][] tokens, float[] weights) {

  /** Checks that the arrays fit together. */
  public Targets {
    if (at.length == 0 || at.length != tokens.length || at.length != weights.length) {
      throw new IllegalArgumentException(
          "targets need one token set and one weight for each position, but there are %d positions, %d sets and %d weights"
              .formatted(at.length, tokens.length, weights.length));
    }
    for (int[] set : tokens) {
      if (set.length == 0) {
        throw new IllegalArgumentException("a target without a token");
      }
    }
  }

  /** Every position counts 1 / N. */
  public static Targets mean(int[] at, int[][] tokens) {
    float[] weights = new float[at.length];
    Arrays.fill(weights, 1f / at.length);
    return new Targets(at, tokens, weights);
  }

  /** One token for each position; every position counts 1 / N. */
  public static Targets mean(int[] at, int[] tokens) {
    int[][] sets = new int[tokens.length][];
    for (int i = 0; i < tokens.length; i++) {
      sets[i] = new int[] {tokens[i]};
    }
    return mean(at, sets);
  }

  /** The same targets with each token replaced by its index in {@code among}. */
  Targets indexedInto(int[] among) {
    Map<Integer, Integer> index = new HashMap<>();
    for (int i = 0; i < among.length; i++) {
      index.put(among[i], i);
    }
    int[][] sets = new int[tokens.length][];
    for (int n = 0; n < sets.length; n++) {
      sets[n] = new int[tokens[n].length];
      for (int t = 0; t < sets[n].length; t++) {
        Integer i = index.get(tokens[n][t]);
        if (i == null) {
          throw new IllegalArgumentException(
              "target token " + tokens[n][t] + " is none of those that probabilities are among");
        }
        sets[n][t] = i;
      }
    }
    return new Targets(at, sets, weights);
  }

  /** The token sets as rows of equal length, padded with -1, row-major. */
  long[] padded() {
    int width = width();
    long[] out = new long[tokens.length * width];
    Arrays.fill(out, -1);
    for (int n = 0; n < tokens.length; n++) {
      for (int t = 0; t < tokens[n].length; t++) {
        out[n * width + t] = tokens[n][t];
      }
    }
    return out;
  }

  int width() {
    int width = 1;
    for (int[] set : tokens) {
      width = Math.max(width, set.length);
    }
    return width;
  }
}
