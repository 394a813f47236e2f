package io.promptgrad.gradient.blackbox;

import java.util.Arrays;

/**
 * Candidates that are evaluated together, by the vectors that each layer gets. Candidates may share
 * blocks.
 *
 * @param blocks vectors of all places of a row, [P * width] each
 * @param layers of each candidate the block of each layer, from the first layer on
 */
public record Population(float[][] blocks, int[][] layers) {

  /** Checks that every candidate has blocks for as many layers. */
  public Population {
    if (layers.length == 0
        || Arrays.stream(layers).anyMatch(own -> own.length != layers[0].length)) {
      throw new IllegalArgumentException(layers.length + " candidates do not fit together");
    }
  }

  /** Candidates with vectors for one layer, or for words. */
  static Population of(float[][] blocks) {
    int[][] layers = new int[blocks.length][1];
    Arrays.setAll(layers, c -> new int[] {c});
    return new Population(blocks, layers);
  }

  /** Number of candidates. */
  public int size() {
    return layers.length;
  }

  /** The vectors of a candidate [layers][P * width]. */
  public float[][] vectors(int candidate) {
    return Arrays.stream(layers[candidate])
        .mapToObj(block -> blocks[block])
        .toArray(float[][]::new);
  }
}
