package io.promptgrad.lm.verify;

import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a reference implementation was given, as a batch and targets of ours. */
final class RecordedInputs {

  private final Recording golden;
  private final TransformerSpec spec;
  private final TokenBatch batch;

  RecordedInputs(Recording golden, TransformerSpec spec) {
    this.golden = golden;
    this.spec = spec;
    int[] ids = golden.ints("input_ids", Recording.ANY, Recording.ANY);
    long[] shape = golden.shape("input_ids");
    int rows = (int) shape[0];
    byte[] mask = golden.mask("attention_mask", shape);
    int[] types = golden.has("token_type_ids") ? golden.ints("token_type_ids", shape) : new int[0];
    int[] answers =
        spec.encoderDecoder() ? golden.ints("decoder_input_ids", rows, Recording.ANY) : new int[0];
    TokenBatch plain =
        new TokenBatch(rows, (int) shape[1], ids, mask, new int[ids.length], types, answers);
    this.batch = plain.withPositions(countsTokens() ? tokenNumbers(plain) : columns(plain));
  }

  // ------------------------------------------------------------------ the batch

  /** As it was recorded, with the positions that the reference takes by default. */
  TokenBatch batch() {
    return batch;
  }

  /** The same for a run from word vectors: RoBERTa counts ids, and has none to count then. */
  TokenBatch batchOfVectors() {
    return batch.withPositions(countsMask() ? tokenNumbers(batch) : columns(batch));
  }

  /** The reference puts n vectors in front of each row, also of one that is padded on the left. */
  TokenBatch batchBehind(int n) {
    int rows = batch.rows();
    int s = batch.length();
    int size = rows * (n + s);
    byte[] mask = new byte[size];
    int[] types = new int[batch.types().length == 0 ? 0 : size];
    Arrays.fill(mask, (byte) 1);
    for (int row = 0; row < rows; row++) {
      System.arraycopy(batch.mask(), row * s, mask, row * (n + s) + n, s);
      if (types.length > 0) {
        System.arraycopy(batch.types(), row * s, types, row * (n + s) + n, s);
      }
    }
    TokenBatch longer =
        new TokenBatch(rows, n + s, new int[size], mask, new int[size], types, batch.decoderIds());
    return longer.withPositions(countsMask() ? tokenNumbers(longer) : columns(longer));
  }

  /** Columns {@code from .. to - 1} of the batch. */
  TokenBatch part(int from, int to) {
    int width = to - from;
    int n = batch.rows() * width;
    int[] ids = new int[n];
    byte[] mask = new byte[n];
    int[] positions = new int[n];
    for (int row = 0; row < batch.rows(); row++) {
      int source = batch.index(row, from);
      System.arraycopy(batch.ids(), source, ids, row * width, width);
      System.arraycopy(batch.mask(), source, mask, row * width, width);
      System.arraycopy(batch.positions(), source, positions, row * width, width);
    }
    return new TokenBatch(batch.rows(), width, ids, mask, positions, new int[0]);
  }

  /** Columns {@code from .. to - 1} of what the decoder was given, row-major. */
  int[] decoderPart(int from, int to) {
    int[] ids = new int[batch.rows() * (to - from)];
    for (int row = 0; row < batch.rows(); row++) {
      int source = batch.decoderIndex(row, from);
      System.arraycopy(batch.decoderIds(), source, ids, row * (to - from), to - from);
    }
    return ids;
  }

  /** Each row without its padding. */
  List<int[]> sequences() {
    List<int[]> sequences = new ArrayList<>();
    for (int row = 0; row < batch.rows(); row++) {
      List<Integer> ids = new ArrayList<>();
      for (int i = batch.index(row, 0); i < batch.index(row, batch.length()); i++) {
        if (batch.mask()[i] != 0) {
          ids.add(batch.ids()[i]);
        }
      }
      sequences.add(array(ids));
    }
    return sequences;
  }

  private boolean countsTokens() {
    return spec.positions() instanceof Positions.Learned learned && learned.offset() > 0;
  }

  /** OPT. */
  private boolean countsMask() {
    return countsTokens() && spec.causal();
  }

  private static int[] columns(TokenBatch batch) {
    return batch.withColumnPositions().positions();
  }

  private static int[] tokenNumbers(TokenBatch batch) {
    int[] positions = new int[batch.ids().length];
    for (int row = 0; row < batch.rows(); row++) {
      int next = 0;
      for (int i = batch.index(row, 0); i < batch.index(row, batch.length()); i++) {
        positions[i] = batch.mask()[i] != 0 ? next++ : 0;
      }
    }
    return positions;
  }

  // ------------------------------------------------------------------ where it predicts

  /** Tokens in a row of the outputs: the decoder's if there is one. */
  int outputLength() {
    return spec.encoderDecoder() ? batch.decoderLength() : batch.length();
  }

  /** 1 where an output counts; null: everywhere. */
  byte[] outputMask() {
    return spec.encoderDecoder() ? null : batch.mask();
  }

  /** Every place that a batch predicts at. */
  static int[] everywhere(TokenBatch batch) {
    return firsts(batch.decoderLength() > 0 ? batch.decoderIds().length : batch.ids().length);
  }

  /** 0, 1, ... n - 1. */
  static int[] firsts(int n) {
    int[] at = new int[n];
    Arrays.setAll(at, i -> i);
    return at;
  }

  /** Mean over all labels; a causal model predicts the label at t + 1 from position t. */
  Targets targets() {
    return targets(batch, 0);
  }

  /** The same for a batch that has {@code shift} columns more in front. */
  Targets targets(TokenBatch longer, int shift) {
    boolean causal = spec.objective() == Objective.CAUSAL;
    int length = outputLength();
    int[] labels = golden.ints("labels", batch.rows(), length);
    List<Integer> at = new ArrayList<>();
    List<Integer> wanted = new ArrayList<>();
    for (int row = 0; row < batch.rows(); row++) {
      for (int i = 0; i < length; i++) {
        int label = labels[row * length + i];
        if (label < 0 || causal && i == 0 && shift == 0) {
          continue;
        }
        at.add(
            spec.encoderDecoder()
                ? longer.decoderIndex(row, i)
                : longer.index(row, i + shift - (causal ? 1 : 0)));
        wanted.add(label);
      }
    }
    return Targets.mean(array(at), array(wanted));
  }

  private static int[] array(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }
}
