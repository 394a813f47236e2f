package io.promptgrad.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Scoring without the toolkit's economies: every row padded to the longest example, and (if asked
 * for) the whole vocabulary's logits at every position. It shares nothing with the toolkit above
 * the model's own calls, so that equal choices mean something.
 */
final class PlainScorer {

  /** Most padded tokens in one batch, as many as the toolkit takes on a CPU. */
  private static final int LARGEST = 8192;

  private final LanguageModel model;
  private final LabelTokens labels;

  PlainScorer(LanguageModel model, LabelTokens labels) {
    this.model = model;
    this.labels = labels;
  }

  /**
   * Gradient of the mean loss at one trigger position's word embedding [E].
   *
   * @param everywhere whether the head is computed at every position, where it counts for nothing
   */
  float[] gradient(List<ClozeExample> examples, int[] trigger, int position, boolean everywhere) {
    TokenBatch batch = batch(examples, trigger);
    int[] at = everywhere ? all(batch) : masks(examples, batch);
    int[][] tokens = new int[at.length][];
    float[] weights = new float[at.length];
    // Positions other than the masks have some target, and weight 0.
    Arrays.fill(tokens, examples.get(0).goldTokens());
    for (int r = 0; r < examples.size(); r++) {
      ClozeExample example = examples.get(r);
      int n = everywhere ? batch.index(r, example.predictAt()) : r;
      tokens[n] = example.goldTokens();
      weights[n] = 1f / examples.size();
    }
    try (NDManager scope = model.newScope()) {
      NDArray gradient = model.gradient(scope, batch, new Targets(at, tokens, weights)).vectors();
      int width = model.spec().wordWidth();
      float[] host = gradient.toFloatArray();
      float[] sum = new float[width];
      for (int r = 0; r < examples.size(); r++) {
        int start = batch.index(r, examples.get(r).triggerAt()[position]) * width;
        for (int i = 0; i < width; i++) {
          sum[i] += host[start + i];
        }
      }
      return sum;
    }
  }

  /** Right answers of each trigger: one forward pass each, logits everywhere. */
  int[] oneByOne(List<ClozeExample> examples, List<int[]> triggers) {
    int[] right = new int[triggers.size()];
    for (int t = 0; t < right.length; t++) {
      List<ClozeExample> rows = examples;
      double[][] scores = scoresEverywhere(batch(rows, triggers.get(t)), rows);
      for (int r = 0; r < rows.size(); r++) {
        right[t] += isRight(scores[r], rows.get(r).gold()) ? 1 : 0;
      }
    }
    return right;
  }

  /** Right answers of each trigger: the rows of all triggers in as few batches as fit. */
  int[] together(List<ClozeExample> examples, List<int[]> triggers, boolean everywhere) {
    int longest = longest(examples);
    int rowsPerBatch = Math.max(1, LARGEST / longest);
    int rows = examples.size() * triggers.size();
    int[] right = new int[triggers.size()];
    for (int start = 0; start < rows; start += rowsPerBatch) {
      int end = Math.min(rows, start + rowsPerBatch);
      List<int[]> sequences = new ArrayList<>();
      List<ClozeExample> own = new ArrayList<>();
      for (int row = start; row < end; row++) {
        ClozeExample example = examples.get(row % examples.size());
        own.add(example);
        sequences.add(example.with(triggers.get(row / examples.size())));
      }
      TokenBatch batch = padded(sequences, longest);
      double[][] scores = everywhere ? scoresEverywhere(batch, own) : scoresAtMasks(batch, own);
      for (int row = start; row < end; row++) {
        boolean isRight = isRight(scores[row - start], own.get(row - start).gold());
        right[row / examples.size()] += isRight ? 1 : 0;
      }
    }
    return right;
  }

  /** Log-probability of each label [rows][labels]. */
  private double[][] scoresEverywhere(TokenBatch batch, List<ClozeExample> rows) {
    try (NDManager scope = model.newScope()) {
      NDArray logits = model.logits(scope, batch, all(batch)); // [B * S, V]
      long[] masks = Arrays.stream(masks(rows, batch)).asLongStream().toArray();
      NDArray logProbabilities =
          logits.get(new NDIndex("{}", scope.create(masks))).logSoftmax(1); // [B, V]
      float[] host = logProbabilities.toFloatArray();
      int vocabulary = model.spec().vocabulary();
      double[][] scores = new double[rows.size()][labels.size()];
      for (int r = 0; r < scores.length; r++) {
        for (int c = 0; c < scores[r].length; c++) {
          double sum = 0;
          for (int id : labels.ids()[c]) {
            sum += Math.exp(host[r * vocabulary + id]);
          }
          scores[r][c] = Math.log(sum);
        }
      }
      return scores;
    }
  }

  /** The same up to a constant for each row. */
  private double[][] scoresAtMasks(TokenBatch batch, List<ClozeExample> rows) {
    try (NDManager scope = model.newScope()) {
      int[] tokens = labels.flat();
      float[] logits = model.logits(scope, batch, masks(rows, batch), tokens).toFloatArray();
      double[][] scores = new double[rows.size()][labels.size()];
      int i = 0;
      for (double[] row : scores) {
        for (int c = 0; c < row.length; c++) {
          double sum = 0;
          for (int t = 0; t < labels.ids()[c].length; t++) {
            sum += Math.exp(logits[i++]);
          }
          row[c] = Math.log(sum);
        }
      }
      return scores;
    }
  }

  /** Whether the right label beats every other one; a tie is an error. */
  private static boolean isRight(double[] scores, int gold) {
    for (int c = 0; c < scores.length; c++) {
      if (c != gold && scores[c] >= scores[gold]) {
        return false;
      }
    }
    return true;
  }

  private TokenBatch batch(List<ClozeExample> examples, int[] trigger) {
    return padded(examples.stream().map(e -> e.with(trigger)).toList(), longest(examples));
  }

  private TokenBatch padded(List<int[]> sequences, int length) {
    int rows = sequences.size();
    int[] ids = new int[rows * length];
    byte[] mask = new byte[rows * length];
    int[] positions = new int[rows * length];
    Arrays.fill(ids, model.spec().padId());
    for (int r = 0; r < rows; r++) {
      int[] sequence = sequences.get(r);
      for (int i = 0; i < sequence.length; i++) {
        ids[r * length + i] = sequence[i];
        mask[r * length + i] = 1;
        positions[r * length + i] = i;
      }
    }
    return new TokenBatch(rows, length, ids, mask, positions, new int[0]);
  }

  private static int longest(List<ClozeExample> examples) {
    return examples.stream().mapToInt(ClozeExample::length).max().orElseThrow();
  }

  private static int[] all(TokenBatch batch) {
    return IntStream.range(0, batch.ids().length).toArray();
  }

  private static int[] masks(List<ClozeExample> rows, TokenBatch batch) {
    int[] at = new int[rows.size()];
    Arrays.setAll(at, r -> batch.index(r, rows.get(r).predictAt()));
    return at;
  }
}
