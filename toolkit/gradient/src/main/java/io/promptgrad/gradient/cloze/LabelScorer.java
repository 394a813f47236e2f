package io.promptgrad.gradient.cloze;

import ai.djl.ndarray.NDManager;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.Targets;
import java.util.Arrays;
import java.util.List;

/**
 * Scores filled examples, any number at once: rows of whatever candidates and examples are put into
 * shared batches of similar length, which the model's replicas divide among themselves.
 */
public final class LabelScorer {

  /**
   * A filled sequence and where its answer is read.
   *
   * @param decoderIds what an encoder-decoder's decoder has said before, of which {@code predictAt}
   *     is a column; else empty
   * @param slots columns of the trigger's tokens, in their order
   */
  public record Row(int[] ids, int[] types, int predictAt, int[] decoderIds, int[] slots) {

    /** With what stands in the slots taken as it is. */
    public Row(int[] ids, int[] types, int predictAt, int[] decoderIds) {
      this(ids, types, predictAt, decoderIds, new int[0]);
    }

    /** For a model without a decoder apart. */
    public Row(int[] ids, int[] types, int predictAt) {
      this(ids, types, predictAt, new int[0]);
    }

    /** An example with a trigger in its place. */
    public static Row of(ClozeExample example, int[] trigger) {
      return new Row(
          example.with(trigger),
          example.types(),
          example.predictAt(),
          example.decoderIds(),
          example.triggerAt());
    }
  }

  /** Where logits come from: a model alone, or one under a soft prompt. */
  public interface Source {
    /**
     * Logits of tokens at the rows' answers.
     *
     * @return row-major [rows * tokens]
     */
    float[] logits(LanguageModel model, List<Row> rows, int[] tokens);
  }

  private final LanguageModel model;
  private final MicroBatches batches;
  private final Source source;

  public LabelScorer(LanguageModel model) {
    this(model, MicroBatches.forModel(model));
  }

  public LabelScorer(LanguageModel model, MicroBatches batches) {
    this(model, batches, LabelScorer::plain);
  }

  /** With logits from elsewhere; {@link #logProbabilities} are the model's own all the same. */
  public LabelScorer(LanguageModel model, MicroBatches batches, Source source) {
    this.model = model;
    this.batches = batches;
    this.source = source;
  }

  private static float[] plain(LanguageModel model, List<Row> rows, int[] tokens) {
    FilledBatch batch = FilledBatch.of(model, rows);
    try (NDManager scope = model.newScope()) {
      return model.logits(scope, batch.tokens(), batch.at(), tokens).toFloatArray();
    }
  }

  /**
   * Scores of the labels: log of the summed exponentials of their tokens' logits, so that
   * differences between labels are differences of log-probabilities. Only the label tokens' logits
   * are computed: the rest of the vocabulary enters all labels' probabilities alike.
   *
   * @return [rows][labels]
   */
  public double[][] scores(List<Row> rows, LabelTokens labels) {
    double[][] scores = new double[rows.size()][];
    int[] tokens = labels.flat();
    batches.run(
        model,
        lengths(rows),
        (model, group) -> {
          float[] logits = source.logits(model, chosen(rows, group), tokens);
          requireNumbers(logits, "logits");
          for (int r = 0; r < group.length; r++) {
            scores[group[r]] = perLabel(logits, r * tokens.length, labels);
          }
        });
    return scores;
  }

  /**
   * What a row answers among many labels of one token each.
   *
   * @param best the label with the largest logit; of equal ones another than the right one, as it
   *     cannot be told apart, and of those the first
   * @param rank of the right label, 1 for the first; equal ones come before it
   * @param logProbability of the right label among the labels, natural
   */
  public record Answer(int best, int rank, double logProbability) {}

  /**
   * The answers of rows among open labels. All logits of a row are looked at while its batch is at
   * hand, and only the answer is kept.
   *
   * @param gold index of each row's right label
   */
  public Answer[] answers(List<Row> rows, int[] gold, LabelTokens labels) {
    Answer[] answers = new Answer[rows.size()];
    int[] tokens = labels.flat();
    batches.run(
        model,
        lengths(rows),
        (model, group) -> {
          float[] logits = source.logits(model, chosen(rows, group), tokens);
          requireNumbers(logits, "logits");
          for (int r = 0; r < group.length; r++) {
            answers[group[r]] = answer(logits, r * tokens.length, tokens.length, gold[group[r]]);
          }
        });
    return answers;
  }

  private static Answer answer(float[] logits, int start, int labels, int gold) {
    float own = logits[start + gold];
    int best = gold;
    int rank = 1;
    double sum = 0; // of the exponentials relative to the right label's
    for (int c = 0; c < labels; c++) {
      float logit = logits[start + c];
      sum += Math.exp((double) logit - own);
      if (c != gold && logit >= own) {
        rank++;
        best = best == gold || logit > logits[start + best] ? c : best;
      }
    }
    return new Answer(best, rank, -Math.log(sum));
  }

  /**
   * Natural-log probability of each row's answer over the whole vocabulary.
   *
   * @param answers for each row the tokens whose probabilities are summed
   */
  public double[] logProbabilities(List<Row> rows, List<int[]> answers) {
    double[] out = new double[rows.size()];
    batches.run(
        model,
        lengths(rows),
        (model, group) -> {
          FilledBatch batch = FilledBatch.of(model, chosen(rows, group));
          int[][] wanted = new int[group.length][];
          for (int r = 0; r < group.length; r++) {
            wanted[r] = answers.get(group[r]);
          }
          try (NDManager scope = model.newScope()) {
            float[] losses =
                model
                    .losses(scope, batch.tokens(), Targets.mean(batch.at(), wanted))
                    .toFloatArray();
            requireNumbers(losses, "losses");
            for (int r = 0; r < group.length; r++) {
              out[group[r]] = -losses[r];
            }
          }
        });
    return out;
  }

  /**
   * Refuses NaN, which compares as neither better nor worse, so that it would count as right
   * somewhere.
   */
  public static void requireNumbers(float[] values, String what) {
    for (float value : values) {
      if (Float.isNaN(value)) {
        throw new InvalidInputException(
            "The model's %s are not numbers (NaN); check its weights, or load it with another precision."
                .formatted(what));
      }
    }
  }

  /**
   * Scores of the labels of one row: log of the summed exponentials of their tokens' logits.
   *
   * @param logits of the labels' tokens, label after label, of any number of rows
   * @param start where the row begins
   */
  public static double[] perLabel(float[] logits, int start, LabelTokens labels) {
    double[] scores = new double[labels.size()];
    int i = start;
    for (int c = 0; c < scores.length; c++) {
      int n = labels.ids()[c].length;
      double largest = Double.NEGATIVE_INFINITY;
      for (int t = 0; t < n; t++) {
        largest = Math.max(largest, logits[i + t]);
      }
      double sum = 0;
      for (int t = 0; t < n; t++) {
        sum += Math.exp(logits[i + t] - largest);
      }
      scores[c] = largest + Math.log(sum);
      i += n;
    }
    return scores;
  }

  private static int[] lengths(List<Row> rows) {
    return rows.stream().mapToInt(row -> row.ids().length).toArray();
  }

  private static List<Row> chosen(List<Row> rows, int[] group) {
    return Arrays.stream(group).mapToObj(rows::get).toList();
  }
}
