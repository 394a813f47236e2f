package io.promptgrad.gradient.discrete;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.FilledBatch;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.lm.EmbeddingGradient;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;

/**
 * The first-order view of a trigger (Ebrahimi et al. 2018; Wallace et al. 2019): replacing the
 * token at position i by v changes the loss by about {@code (E_v - E_current) . g_i}, with g_i the
 * gradient at that position's word embedding. One backward pass ranks the whole vocabulary.
 */
public final class HotFlip {

  private final LanguageModel model;
  private final MicroBatches batches;

  /** Batches of its own: a gradient needs several times the memory of scoring. */
  public HotFlip(LanguageModel model) {
    this(model, MicroBatches.forModel(model));
  }

  public HotFlip(LanguageModel model, MicroBatches batches) {
    this.model = model;
    this.batches = batches;
  }

  /**
   * @param values sum over the examples of weight times gradient, float32 [T, E] row-major
   * @param width E
   * @param losses of each example, unweighted, nats
   */
  public record Gradient(float[] values, int width, double[] losses) {

    /** The gradient at one trigger position [E]. */
    public float[] at(int position) {
      float[] row = new float[width];
      System.arraycopy(values, position * width, row, 0, width);
      return row;
    }
  }

  /**
   * Gradient of {@code sum of weights[n] * loss[n]} at the trigger's word embeddings, where the
   * loss is -log of the summed probability of the example's gold tokens (Shin et al. 2020, section
   * 2.2).
   */
  public Gradient gradient(List<ClozeExample> examples, int[] trigger, float[] weights) {
    return gradient(examples, trigger, weights, null);
  }

  /**
   * The same with probabilities among the label tokens alone.
   *
   * @param among all label tokens; null: the whole vocabulary
   */
  public Gradient gradient(
      List<ClozeExample> examples, int[] trigger, float[] weights, int[] among) {
    int triggers = trigger.length;
    int width = model.spec().wordWidth();
    // The sum of each group, under its first example; added in this order, whoever was done first.
    float[][] sums = new float[examples.size()][];
    double[] losses = new double[examples.size()];
    int[] lengths = examples.stream().mapToInt(ClozeExample::length).toArray();
    batches.run(
        model,
        lengths,
        (model, group) -> {
          FilledBatch batch = batch(examples, group, trigger);
          TokenBatch tokens = batch.tokens();
          try (NDManager scope = model.newScope()) {
            Targets targets = targets(examples, group, batch, weights);
            EmbeddingGradient g =
                among == null
                    ? model.gradient(scope, tokens, targets)
                    : model.gradient(scope, tokens, targets, among);
            long[] rows = new long[group.length * triggers];
            for (int r = 0; r < group.length; r++) {
              for (int t = 0; t < triggers; t++) {
                rows[r * triggers + t] = tokens.index(r, examples.get(group[r]).triggerAt()[t]);
              }
            }
            // Only the trigger's rows, summed over the examples, come back to the host.
            NDArray flat = g.vectors().reshape(-1, width);
            float[] sum =
                flat.get(scope.create(rows))
                    .reshape(new Shape(group.length, triggers, width))
                    .sum(new int[] {0})
                    .toFloatArray();
            LabelScorer.requireNumbers(sum, "gradients");
            float[] groupLosses = g.losses().toFloatArray();
            for (int r = 0; r < group.length; r++) {
              losses[group[r]] = groupLosses[r];
            }
            sums[group[0]] = sum;
          }
        });
    float[] total = new float[triggers * width];
    for (float[] sum : sums) {
      for (int i = 0; sum != null && i < total.length; i++) {
        total[i] += sum[i];
      }
    }
    return new Gradient(total, width, losses);
  }

  private FilledBatch batch(List<ClozeExample> examples, int[] group, int[] trigger) {
    return FilledBatch.of(
        model,
        Arrays.stream(group)
            .mapToObj(index -> LabelScorer.Row.of(examples.get(index), trigger))
            .toList());
  }

  private static Targets targets(
      List<ClozeExample> examples, int[] group, FilledBatch batch, float[] weights) {
    int[][] tokens = new int[group.length][];
    float[] own = new float[group.length];
    for (int r = 0; r < group.length; r++) {
      tokens[r] = examples.get(group[r]).goldTokens();
      own[r] = weights[group[r]];
    }
    return new Targets(batch.at(), tokens, own);
  }

  /** {@code -E_v . g} for every token v [V]: the larger, the more the loss is expected to fall. */
  public float[] scores(float[] gradient) {
    try (NDManager scope = model.newScope()) {
      NDArray g = scope.create(gradient, new Shape(1, gradient.length));
      return model.timesWordEmbedding(scope, g).neg().toFloatArray();
    }
  }

  /**
   * The k allowed tokens with the largest scores, best first; ties go to the lowest id.
   *
   * @param except one more token that is left out; -1 for none
   */
  public static int[] top(float[] scores, int k, TokenFilter filter, int except) {
    // The head of the queue is the worst of those kept.
    PriorityQueue<Integer> kept =
        new PriorityQueue<>(
            (a, b) ->
                scores[a] != scores[b]
                    ? Float.compare(scores[a], scores[b])
                    : Integer.compare(b, a));
    for (int id = 0; id < scores.length; id++) {
      if (id == except || !filter.allows(id) || Float.isNaN(scores[id])) {
        continue;
      }
      kept.add(id);
      if (kept.size() > k) {
        kept.poll();
      }
    }
    int[] best = new int[kept.size()];
    for (int i = best.length - 1; i >= 0; i--) {
      best[i] = kept.poll();
    }
    return best;
  }
}
