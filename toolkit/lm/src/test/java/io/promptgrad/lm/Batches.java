package io.promptgrad.lm;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Batches for tests, and their parts. */
final class Batches {

  /** Sequences of several lengths for a vocabulary of 97. */
  static final List<int[]> SEQUENCES =
      List.of(
          new int[] {38, 87, 88, 51, 10, 12, 30, 66},
          new int[] {31},
          new int[] {71, 60, 29, 63, 43},
          new int[] {84, 96, 37});

  private Batches() {}

  /** All positions. */
  static int[] everywhere(TokenBatch batch) {
    int[] at = new int[batch.ids().length];
    Arrays.setAll(at, i -> i);
    return at;
  }

  /** Indices of the tokens of a row. */
  static int[] real(TokenBatch batch, int row) {
    return IntStream.range(row * batch.length(), (row + 1) * batch.length())
        .filter(i -> batch.mask()[i] != 0)
        .toArray();
  }

  /** A row without its padding. */
  static TokenBatch row(TokenBatch batch, int row) {
    int[] real = real(batch, row);
    TokenBatch alone =
        TokenBatch.of(List.of(Arrays.stream(real).map(i -> batch.ids()[i]).toArray()), 0);
    return batch.types().length == 0
        ? alone
        : alone.withTypes(Arrays.stream(real).map(i -> batch.types()[i]).toArray());
  }

  /** With types, if the model knows several, that follow the ids. */
  static TokenBatch withTypes(LanguageModel model, TokenBatch batch) {
    if (model.spec().tokenTypes() < 2) {
      return batch;
    }
    int[] types = new int[batch.ids().length];
    Arrays.setAll(types, i -> batch.mask()[i] * (batch.ids()[i] % 2));
    return batch.withTypes(types);
  }

  /** At the last token of each row; every weight is 1. */
  static Targets oneTargetInEachRow(TokenBatch batch) {
    int[] at = new int[batch.rows()];
    int[][] tokens = new int[batch.rows()][];
    float[] weights = new float[batch.rows()];
    for (int row = 0; row < batch.rows(); row++) {
      int[] real = real(batch, row);
      at[row] = real[real.length - 1];
      tokens[row] = new int[] {batch.ids()[at[row]] / 2, 96};
      weights[row] = 1;
    }
    return new Targets(at, tokens, weights);
  }

  /** The same tokens with other ids, types and positions on padding. */
  static TokenBatch scrambledPadding(LanguageModel model, TokenBatch batch) {
    Random random = new Random(3);
    int[] ids = batch.ids().clone();
    int[] positions = batch.positions().clone();
    int[] types = batch.types().clone();
    for (int i = 0; i < ids.length; i++) {
      if (batch.mask()[i] == 0) {
        ids[i] = random.nextInt(model.spec().vocabulary());
        positions[i] = random.nextInt(model.spec().maxPositions());
        if (types.length > 0) {
          types[i] = random.nextInt(2);
        }
      }
    }
    return new TokenBatch(batch.rows(), batch.length(), ids, batch.mask(), positions, types);
  }
}
