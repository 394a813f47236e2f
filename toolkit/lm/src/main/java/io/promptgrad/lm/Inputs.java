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
 * @param positions rows of the position table, or plain numbers; of one row if they are the same in
 *     all [B or 1, S]; where distances count, those of the cached tokens come first
 * @param decoder ids for the decoder [B, T]; empty: none
 */
record Inputs(NDArray ids, NDArray mask, NDArray types, NDArray positions, NDArray decoder) {

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
    requireLength(batch.length() + (long) cached, spec);
    requireInside(batch.positions(), spec.maxPositions(), "position", "the position table");
    Shape shape = new Shape(batch.rows(), batch.length());
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
        batch.full() && full(pastMask) ? program.nothing() : mask(step, batch, cached, pastMask),
        types,
        positions(step, spec, batch, cached, pastMask),
        batch.decoderIds().length == 0
            ? program.nothing()
            : decoder(step, spec, batch.rows(), batch.decoderIds(), 0));
  }

  /** Ids for a decoder behind {@code cached} others, row-major [B, T]. */
  static NDArray decoder(NDManager step, TransformerSpec spec, int rows, int[] ids, int cached) {
    if (!spec.encoderDecoder()) {
      throw new IllegalArgumentException(
          "there are tokens for a decoder, but %s has no encoder apart from one"
              .formatted(spec.family()));
    }
    requireIds(ids, spec);
    requireLength(ids.length / rows + (long) cached, spec);
    return step.create(longs(ids), new Shape(rows, ids.length / rows));
  }

  /**
   * Positions in the model's own count. Those of cached tokens follow from the first new token of
   * their row, which they end before. What stands at padding reaches no token, so rows that agree
   * on all tokens (unpadded or padded on the right) share one.
   */
  private static NDArray positions(
      NDManager step, TransformerSpec spec, TokenBatch batch, int cached, byte[] pastMask) {
    int before = spec.countsDistances() ? cached : 0;
    int width = before + batch.length();
    long[] all = new long[Math.multiplyExact(batch.rows(), width)];
    boolean[] tokens = new boolean[all.length];
    for (int row = 0; row < batch.rows(); row++) {
      long next = 0;
      for (int column = width - 1; column >= before; column--) {
        int source = batch.index(row, column - before);
        tokens[row * width + column] = batch.mask()[source] != 0;
        all[row * width + column] = batch.positions()[source] + (long) spec.positionOffset();
        next = batch.mask()[source] != 0 ? all[row * width + column] : next;
      }
      for (int column = before - 1; column >= 0; column--) {
        tokens[row * width + column] = pastMask == null || pastMask[row * cached + column] != 0;
        next -= tokens[row * width + column] ? 1 : 0;
        all[row * width + column] = next;
      }
    }
    long[] shared = new long[width];
    boolean[] known = new boolean[width];
    for (int i = 0; i < all.length; i++) {
      int column = i % width;
      if (!known[column]) {
        shared[column] = all[i];
      } else if (tokens[i] && shared[column] != all[i]) {
        return step.create(all, new Shape(batch.rows(), width));
      }
      known[column] |= tokens[i];
    }
    return step.create(shared, new Shape(1, width));
  }

  private static boolean full(byte[] pastMask) {
    for (int i = 0; pastMask != null && i < pastMask.length; i++) {
      if (pastMask[i] == 0) {
        return false;
      }
    }
    return true;
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

  /** A mask of rows of this width [B, width]; empty if all are tokens. */
  static NDArray mask(Program program, NDManager step, byte[] values, int width) {
    boolean[] mask = new boolean[values.length];
    boolean full = true;
    for (int i = 0; i < mask.length; i++) {
      mask[i] = values[i] != 0;
      full &= mask[i];
    }
    return full ? program.nothing() : step.create(mask, new Shape(mask.length / width, width));
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

  /** Values for a model of this precision: float64 for one in float64, else float32. */
  static NDArray floating(NDManager step, float[] values, Shape shape, Precision precision) {
    NDArray array = step.create(values, shape);
    return precision == Precision.FLOAT64 ? array.toType(DataType.FLOAT64, false) : array;
  }

  /** The values of a float32 or float64 array. */
  static float[] floats(NDArray array) {
    if (array.getDataType() != DataType.FLOAT64) {
      return array.toFloatArray();
    }
    double[] values = array.toDoubleArray();
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  /** The same without rounding. */
  static double[] doubles(NDArray array) {
    if (array.getDataType() == DataType.FLOAT64) {
      return array.toDoubleArray();
    }
    float[] values = array.toFloatArray();
    double[] doubles = new double[values.length];
    for (int i = 0; i < doubles.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  // ------------------------------------------------------------------ checks

  static void requireIds(int[] ids, TransformerSpec spec) {
    requireInside(ids, spec.vocabulary(), "token id", "the vocabulary");
  }

  private static void requireLength(long length, TransformerSpec spec) {
    if (length > spec.maxPositions()) {
      throw new InvalidInputException(
          "A sequence of %d tokens is longer than the %d that this model accepts; shorten the text or the template."
              .formatted(length, spec.maxPositions()));
    }
  }

  static void requireAt(TokenBatch batch, int[] at, TransformerSpec spec) {
    if (spec.encoderDecoder() && batch.decoderIds().length == 0) {
      throw new IllegalArgumentException(
          "%s predicts at its decoder's tokens, but the batch has none".formatted(spec.family()));
    }
    requireAt(at, batch.places());
  }

  static void requireAt(int[] at, int places) {
    if (at.length == 0) {
      throw new IllegalArgumentException("no position was chosen");
    }
    requireInside(at, places, "position index", "the batch");
  }

  static void requireTargets(TokenBatch batch, Targets targets, TransformerSpec spec) {
    requireAt(batch, targets.at(), spec);
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
    int width = model.spec().wordWidth();
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
    int width = model.spec().wordWidth();
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
    return requireKeyValues(past, "cached keys and values", rows, model);
  }

  /** Room for keys and values of exactly these rows, with {@code more} behind the cached ones. */
  static void requireRoom(NDArray room, int rows, int cached, int more, LanguageModel model) {
    int tokens = requireKeyValues(room, "room for keys and values", rows, model);
    if (room.getShape().get(2) != rows || cached < 1 || cached + (long) more > tokens) {
      throw new IllegalArgumentException(
          "room for %d tokens in %d rows cannot take %d behind %d cached ones in %d rows"
              .formatted(tokens, room.getShape().get(2), more, cached, rows));
    }
  }

  /** The same for a past, or an encoded text, by this name. */
  static int requireKeyValues(NDArray past, String what, long rows, LanguageModel model) {
    if (past.getDataType() != DataType.UNKNOWN || model.precision() != Precision.BFLOAT16) {
      requireFloats(past, what, model); // DJL has no name for bfloat16
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
          "%s have shape %s, expected (%d, 2, %d or 1, %d, at most %d tokens, %d)"
              .formatted(what, s, spec.layers(), rows, heads, spec.maxPositions(), width));
    }
    return Math.toIntExact(s.get(4));
  }

  /**
   * A text for {@code rows} answers.
   *
   * @return its number of tokens, padding included
   */
  static int requireText(CachingModel.Encoded text, int rows, LanguageModel model) {
    int width = requireKeyValues(text.keyValues(), "encoded texts", rows, model);
    if (width == 0 || text.mask().length != text.keyValues().getShape().get(2) * width) {
      throw new IllegalArgumentException(
          "the mask of an encoded text of %d tokens has %d values"
              .formatted(width, text.mask().length));
    }
    return width;
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
