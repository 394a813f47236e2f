package io.promptgrad.lm;

import java.util.Arrays;
import java.util.List;

/**
 * A rectangle of token ids with what belongs to it, on the host: {@code rows} x {@code length}, all
 * arrays row-major.
 *
 * @param rows number of sequences, B
 * @param length padded length, S
 * @param ids token ids; padding may hold any valid id
 * @param mask 1 for a token, 0 for padding
 * @param positions number of each token in its sequence, from 0; 0 on padding. Windows and
 *     distances of attention are counted by it
 * @param types token types; empty for a model without, or for all 0
 * @param decoderIds for an encoder-decoder, whose encoder reads all of the above, what its decoder
 *     gets: {@code rows} x {@link #decoderLength()} ids, padded on the right only; empty: nothing
 */
public record TokenBatch(
    int rows, int length, int[] ids, byte[] mask, int[] positions, int[] types, int[] decoderIds) {

  /** Checks that the arrays fit together; the model checks ids and positions against its tables. */
  public TokenBatch {
    if (rows < 1 || length < 1) {
      throw new IllegalArgumentException(
          "a batch of " + rows + " x " + length + " tokens is empty");
    }
    int n = Math.multiplyExact(rows, length);
    if (ids.length != n
        || mask.length != n
        || positions.length != n
        || (types.length != n && types.length != 0)) {
      throw new IllegalArgumentException(
          "a batch of %d x %d tokens has %d ids, %d mask values, %d positions and %d types"
              .formatted(rows, length, ids.length, mask.length, positions.length, types.length));
    }
    if (decoderIds.length % rows != 0) {
      throw new IllegalArgumentException(
          "a batch of %d rows has %d ids for the decoder".formatted(rows, decoderIds.length));
    }
  }

  /** Without tokens for a decoder. */
  public TokenBatch(int rows, int length, int[] ids, byte[] mask, int[] positions, int[] types) {
    this(rows, length, ids, mask, positions, types, new int[0]);
  }

  /** Sequences padded on the right to the longest one. */
  public static TokenBatch of(List<int[]> sequences, int padId) {
    return pad(sequences, padId, false);
  }

  /** Sequences padded on the left, so that all end at the last column (for generation). */
  public static TokenBatch leftPadded(List<int[]> sequences, int padId) {
    return pad(sequences, padId, true);
  }

  private static TokenBatch pad(List<int[]> sequences, int padId, boolean left) {
    int rows = sequences.size();
    int length = 0;
    for (int[] sequence : sequences) {
      length = Math.max(length, sequence.length);
    }
    int[] ids = new int[rows * length];
    byte[] mask = new byte[rows * length];
    int[] positions = new int[rows * length];
    Arrays.fill(ids, Math.max(padId, 0));
    for (int row = 0; row < rows; row++) {
      int[] sequence = sequences.get(row);
      int start = row * length + (left ? length - sequence.length : 0);
      System.arraycopy(sequence, 0, ids, start, sequence.length);
      Arrays.fill(mask, start, start + sequence.length, (byte) 1);
      for (int i = 0; i < sequence.length; i++) {
        positions[start + i] = i;
      }
    }
    return new TokenBatch(rows, length, ids, mask, positions, new int[0]);
  }

  /** The same tokens with these token types. */
  public TokenBatch withTypes(int[] newTypes) {
    return new TokenBatch(rows, length, ids, mask, positions, newTypes, decoderIds);
  }

  /**
   * The same tokens for the encoder of an encoder-decoder, and these sequences, one for each row,
   * for its decoder. No mask is needed: a decoder's token sees none behind it.
   */
  public TokenBatch withDecoder(List<int[]> sequences, int padId) {
    if (sequences.size() != rows) {
      throw new IllegalArgumentException(
          "a batch of %d rows gets %d sequences for the decoder".formatted(rows, sequences.size()));
    }
    int[] newIds = pad(sequences, padId, false).ids();
    return new TokenBatch(rows, length, ids, mask, positions, types, newIds);
  }

  /** What an encoder reads, alone. */
  public TokenBatch withoutDecoder() {
    return new TokenBatch(rows, length, ids, mask, positions, types, new int[0]);
  }

  /** The same tokens with these positions (0-based, before a model's own offset). */
  public TokenBatch withPositions(int[] newPositions) {
    return new TokenBatch(rows, length, ids, mask, newPositions, types, decoderIds);
  }

  /**
   * The same tokens counted 0, 1, 2 ... by column whatever the mask, as many models do by default.
   */
  public TokenBatch withColumnPositions() {
    int[] columns = new int[positions.length];
    for (int i = 0; i < columns.length; i++) {
      columns[i] = i % length;
    }
    return withPositions(columns);
  }

  /** Whether nothing is padded. */
  public boolean full() {
    for (byte b : mask) {
      if (b == 0) {
        return false;
      }
    }
    return true;
  }

  /** Tokens that a model computes for this batch, padding included. */
  public long tokens() {
    return (long) rows * length + decoderIds.length;
  }

  /** Padded length of the decoder's sequences, T; 0 if there are none. */
  public int decoderLength() {
    return decoderIds.length / rows;
  }

  /** Index of column {@code column} of row {@code row}, as {@link Targets} wants it. */
  public int index(int row, int column) {
    return row * length + column;
  }

  /** The same for the decoder's tokens, at which an encoder-decoder predicts. */
  public int decoderIndex(int row, int column) {
    return row * decoderLength() + column;
  }

  /** Number of places at which a model predicts: the decoder's tokens if there are any. */
  int places() {
    return decoderIds.length > 0 ? decoderIds.length : ids.length;
  }
}
