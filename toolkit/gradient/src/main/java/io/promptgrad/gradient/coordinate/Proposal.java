package io.promptgrad.gradient.coordinate;

import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/** Draws candidates: the current trigger with tokens of a table at some positions. */
final class Proposal {

  private Proposal() {}

  /**
   * Candidates in the order in which they are drawn; there may be equal ones among them.
   *
   * @param table for each position the promising tokens, best first
   * @param replacements positions that a candidate changes
   */
  static List<int[]> draw(
      GcgConfig.Draw how,
      int[] current,
      int[][] table,
      int width,
      int replacements,
      RandomGenerator random) {
    List<int[]> candidates = new ArrayList<>(width);
    int n = current.length;
    for (int b = 0; b < width; b++) {
      int[] candidate = current.clone();
      switch (how) {
        case EVENLY_SPACED -> {
          for (int r = 0; r < replacements; r++) {
            int position = (int) (((long) b * n / width + (long) r * n / replacements) % n);
            candidate[position] = table[position][random.nextInt(table[position].length)];
          }
        }
        case RANDOM -> {
          int[] order = RandomSource.permutation(n, random);
          for (int r = 0; r < Math.min(replacements, n); r++) {
            candidate[order[r]] = table[order[r]][random.nextInt(table[order[r]].length)];
          }
        }
        case RANKED -> {
          int rank = b / n;
          for (int r = 0; r < replacements; r++) {
            int position = (b + r) % n;
            int[] tokens = table[position];
            if (rank < tokens.length) {
              candidate[position] = tokens[rank];
            }
          }
        }
      }
      candidates.add(candidate);
    }
    return candidates;
  }

  /**
   * I-GCG's multi-coordinate update: the changes of the best candidates put on top of each other.
   * The j-th result has those of candidates 1 to j; of two at the same position the later one
   * stands.
   *
   * @param best candidates, best first
   */
  static List<int[]> merge(int[] current, List<int[]> best) {
    List<int[]> merged = new ArrayList<>();
    int[] sum = current.clone();
    for (int[] candidate : best) {
      for (int t = 0; t < sum.length; t++) {
        if (candidate[t] != current[t]) {
          sum[t] = candidate[t];
        }
      }
      merged.add(sum.clone());
    }
    return merged;
  }
}
