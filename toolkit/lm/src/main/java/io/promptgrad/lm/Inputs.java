package io.promptgrad.lm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.program.Program;

/**
 * A batch on the device, and the checks of everything that goes to the program: native code answers
 * a bad index, type or shape with a leak, an aborted device or an aborted process, so it never gets
 * to see one.
 *
 * @param ids [B, S]
 * @param mask [B, cached + S]; empty: all are tokens
 * @param types [B, S]; empty: none, or all 0
 * @param positions rows of the position table, or plain numbers for rotary positions [B, S]
 */
record Inputs(NDArray ids, NDArray mask, NDArray types, NDArray positions) {

  /** A batch that begins its sequences. */
  static Inputs of(Program program, TransformerSpec spec, NDManager step, TokenBatch batch) {
    return of(program, spec, step, batch, 0, null);
  }

  /**
   * A batch behind cached tokens.
   *
   * @param pastMask 1 where a cached token is real [B * cached]; null: all are
   */
  static Inputs of(
      Program program,
      TransformerSpec spec,
      NDManager step,
      TokenBatch batch,
      int cached,
      byte[] pastMask) {
    requireIds(batch.ids(), spec);
    if (batch.length() + (long) cached > spec.maxPositions()) {
      throw new InvalidInputException(
          "A sequence of %d tokens is longer than the %d that this model accepts; shorten the text or the template."
              .formatted(batch.length() + (long) cached, spec.maxPositions()));
    }
    requireInside(batch.positions(), spec.maxPositions(), "position", "the position table");
    Shape shape = new Shape(batch.rows(), batch.length());
    long[] positions = new long[batch.positions().length];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = batch.positions()[i] + (long) spec.positionOffset();
    }
    NDArray types = program.nothing();
    if (spec.tokenTypes() > 0 && batch.types().length > 0) {
      requireInside(batch.types(), spec.tokenTypes(), "token type", "the token-type table");
      types = step.create(longs(batch.types()), shape);
    }
    if (pastMask != null && pastMask.length != (long) batch.rows() * cached) {
      throw new IllegalArgumentException(
          "the mask of %d cached tokens in each of %d rows has %d values"
              .formatted(cached, batch.rows(), pastMask.length));
    }
    return new Inputs(
        step.create(longs(batch.ids()), shape),
        batch.full() && cached == 0 ? program.nothing() : mask(step, batch, cached, pastMask),
        types,
        step.create(positions, shape));
  }

  private static NDArray mask(NDManager step, TokenBatch batch, int cached, byte[] pastMask) {
    int width = cached + batch.length();
    boolean[] mask = new boolean[Math.multiplyExact(batch.rows(), width)];
    for (int row = 0; row < batch.rows(); row++) {
      for (int i = 0; i < cached; i++) {
        mask[row * width + i] = pastMask == null || pastMask[row * cached + i] != 0;
      }
      for (int i = 0; i < batch.length(); i++) {
        mask[row * width + cached + i] = batch.mask()[batch.index(row, i)] != 0;
      }
    }
    return step.create(mask, new Shape(batch.rows(), width));
  }

  /** The token sets of targets, padded with -1 [N, t]. */
  static NDArray tokenSets(NDManager step, Targets targets) {
    return step.create(targets.padded(), new Shape(targets.at().length, targets.width()));
  }

  static long[] longs(int[] values) {
    long[] out = new long[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return out;
  }

  // ------------------------------------------------------------------ checks

  static void requireIds(int[] ids, TransformerSpec spec) {
    requireInside(ids, spec.vocabulary(), "token id", "the vocabulary");
  }

  static void requireAt(TokenBatch batch, int[] at) {
    if (at.length == 0) {
      throw new IllegalArgumentException("no position was chosen");
    }
    requireInside(at, batch.ids().length, "position index", "the batch");
  }

  static void requireTargets(TokenBatch batch, Targets targets, TransformerSpec spec) {
    requireAt(batch, targets.at());
    for (int[] set : targets.tokens()) {
      requireIds(set, spec);
    }
  }

  private static void requireInside(int[] values, int size, String what, String table) {
    for (int value : values) {
      if (value < 0 || value >= size) {
        throw new IllegalArgumentException(
            what + " " + value + " is outside " + table + " of " + size + " entries");
      }
    }
  }

  /** Word vectors for a batch [B, S, E]. */
  static NDArray requireVectors(NDArray vectors, TokenBatch batch, LanguageModel model) {
    int width = model.spec().hidden();
    requireFloats(vectors, "word vectors", model);
    if (!vectors.getShape().equals(new Shape(batch.rows(), batch.length(), width))) {
      throw new IllegalArgumentException(
          "word vectors have shape %s, expected (%d, %d, %d)"
              .formatted(vectors.getShape(), batch.rows(), batch.length(), width));
    }
    return vectors;
  }

  /** Vectors that a table of the vocabulary is multiplied with [n, E]. */
  static NDArray requireRows(NDArray vectors, LanguageModel model) {
    int width = model.spec().hidden();
    requireFloats(vectors, "vectors", model);
    Shape shape = vectors.getShape();
    if (shape.dimension() != 2 || shape.get(1) != width) {
      throw new IllegalArgumentException(
          "vectors have shape %s, expected (any, %d)".formatted(shape, width));
    }
    return vectors;
  }

  /**
   * Cached keys and values [L, 2, B or 1, key-value heads, P, head width].
   *
   * @return P
   */
  static int requirePast(NDArray past, long rows, LanguageModel model) {
    if (past.getDataType() != DataType.UNKNOWN || model.precision() != Precision.BFLOAT16) {
      requireFloats(past, "cached keys and values", model); // DJL has no name for bfloat16
    }
    TransformerSpec spec = model.spec();
    int heads = spec.attention().keyValueHeads();
    int width = spec.attention().headDim();
    Shape s = past.getShape();
    if (s.dimension() != 6
        || s.get(0) != spec.layers()
        || s.get(1) != 2
        || (s.get(2) != rows && s.get(2) != 1)
        || s.get(3) != heads
        || s.get(4) > spec.maxPositions()
        || s.get(5) != width) {
      throw new IllegalArgumentException(
          "cached keys and values have shape %s, expected (%d, 2, %d or 1, %d, at most %d cached tokens, %d)"
              .formatted(s, spec.layers(), rows, heads, spec.maxPositions(), width));
    }
    return Math.toIntExact(s.get(4));
  }

  private static void requireFloats(NDArray array, String what, LanguageModel model) {
    DataType type = array.getDataType();
    boolean floats =
        type == DataType.FLOAT32 || type == DataType.FLOAT64 || type == DataType.FLOAT16;
    if (!floats || array.getSparseFormat() != SparseFormat.DENSE) {
      throw new IllegalArgumentException(
          "%s are %s%s, expected float32, float64 or float16"
              .formatted(
                  what, type, array.getSparseFormat() == SparseFormat.DENSE ? "" : " and sparse"));
    }
    if (!array.getDevice().equals(model.device())) {
      throw new IllegalArgumentException(
          "%s are on %s, but the model is on %s"
              .formatted(what, array.getDevice(), model.device()));
    }
  }
}
