package io.promptgrad.gradient.soft;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.Targets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * XPrompt (Ma et al. 2022, arXiv:2210.04457): virtual tokens that do little are left out, and of
 * those that stay the pieces that do little become zero.
 *
 * <p>Importance is the mean, over examples, of the absolute derivative of an example's loss by a
 * factor in front of a token or piece: the product of its numbers with their gradient. {@link
 * XPrompt} prunes a prompt that it has trained and trains what is left; {@link #only} takes tokens
 * out of one, which makes it shorter.
 */
public final class Pruning {

  /** Pieces that a virtual token is cut into in the paper. */
  public static final int PIECES = 16;

  /** Examples whose gradients are taken at once, each with a copy of the prompt. */
  private static final int TOGETHER = 8;

  /**
   * How much is pruned.
   *
   * @param tokens share of the virtual tokens
   * @param pieces share of the pieces of those that are left
   * @param perToken pieces of a virtual token, of equal width
   */
  public record Shares(double tokens, double pieces, int perToken) {

    /** Refuses what is no share. */
    public Shares {
      if (!(tokens >= 0 && tokens < 1) || !(pieces >= 0 && pieces < 1) || perToken < 1) {
        throw new InvalidInputException(
            "prune_tokens %s, prune_pieces %s and pieces %d: [0, 1), [0, 1) and at least 1 needed."
                .formatted(tokens, pieces, perToken));
      }
    }

    /** How many of so many virtual tokens go; at least one stays. */
    int goneOf(int all) {
      return Math.min(all - 1, (int) Math.round(tokens * all));
    }

    /** How many pieces of the tokens that stay go; at least one stays. */
    int cutOf(int stay) {
      return Math.min(stay * perToken - 1, (int) Math.round(pieces * stay * perToken));
    }

    /**
     * Refuses shares of a prompt that round to nothing, since it would be trained twice for
     * nothing.
     *
     * @param all virtual tokens
     */
    void requireSome(int all) {
      int gone = goneOf(all);
      int stay = all - gone;
      if ((tokens > 0 && gone == 0) || (tokens == 0 && pieces == 0)) {
        throw new InvalidInputException(
            "prune_tokens %s of %d virtual tokens is none, since at least one stays; take a larger share or more tokens, or prune nothing."
                .formatted(tokens, all));
      }
      if (pieces > 0 && cutOf(stay) == 0) {
        throw new InvalidInputException(
            "prune_pieces %s of the %d pieces of %d virtual tokens is none, since at least one stays; take a larger share or more pieces, or set it to 0."
                .formatted(pieces, stay * perToken, stay));
      }
    }
  }

  private Pruning() {}

  /**
   * The same prompt without the least important virtual tokens and then, weighed anew, without the
   * least important pieces of the others. At least one of each stays.
   *
   * @param values [P * width]
   */
  public static SoftStart.Pruned pruned(
      SoftProblem problem, float[] values, SoftModel.Layout layout, Shares shares) {
    int width = problem.model().forSoft().width(layout);
    int tokens = values.length / width;
    float[] mask = new float[values.length];
    Arrays.fill(mask, 1);
    SoftStart.Pruned pruned = new SoftStart.Pruned(values, mask);
    int gone = shares.goneOf(tokens);
    int[] stay = IntStream.range(0, tokens).toArray();
    if (gone > 0) {
      stay = kept(importance(problem, values, layout, 1), gone);
      Arrays.fill(mask, 0);
      for (int t : stay) {
        Arrays.fill(mask, t * width, (t + 1) * width, 1);
      }
    }
    int cut = shares.cutOf(stay.length);
    if (cut > 0) {
      double[][] importance = importance(problem, pruned.left(), layout, shares.perToken());
      double[][] own = Arrays.stream(stay).mapToObj(t -> importance[t]).toArray(double[][]::new);
      float[] rest = withoutPieces(only(mask, width, stay), own, cut);
      for (int i = 0; i < stay.length; i++) {
        System.arraycopy(rest, i * width, mask, stay[i] * width, width);
      }
    }
    return pruned;
  }

  /**
   * Importance of each piece of each virtual token of a problem's prompt.
   *
   * @param values [P * width]
   * @param pieces of equal width; 1: whole tokens
   * @return [P][pieces]
   */
  public static double[][] importance(
      SoftProblem problem, float[] values, SoftModel.Layout layout, int pieces) {
    LanguageModel model = problem.model();
    SoftModel soft = model.forSoft();
    int width = soft.width(layout);
    if (width % pieces != 0) {
      throw new InvalidInputException(
          "The %d values of a virtual token cannot be cut into %d pieces of equal width; take another number of pieces."
              .formatted(width, pieces));
    }
    if (values.length % width != 0) {
      throw new IllegalArgumentException(
          "%d values are no virtual tokens of %d".formatted(values.length, width));
    }
    int tokens = values.length / width;
    double[][] importance = new double[tokens][pieces];
    SoftModel.Loss loss = problem.loss(false, 0, 0);
    List<SoftRow> train = problem.train();
    for (int from = 0; from < train.size(); from += TOGETHER) {
      // absolute values do not add up, so each example has a prompt and a gradient of its own
      List<SoftRow> rows = new ArrayList<>();
      for (int i = from; i < Math.min(from + TOGETHER, train.size()); i++) {
        rows.add(train.get(i).with(i - from));
      }
      double[] gradient = gradients(model, values, layout, tokens, rows, loss);
      for (int r = 0; r < rows.size(); r++) {
        for (int t = 0; t < tokens; t++) {
          for (int p = 0; p < pieces; p++) {
            int at = t * width + p * width / pieces;
            double product = 0;
            for (int i = at; i < at + width / pieces; i++) {
              product += gradient[r * values.length + i] * values[i];
            }
            importance[t][p] += Math.abs(product) / train.size();
          }
        }
      }
    }
    return importance;
  }

  /** Gradients of the rows' mean losses, each at a copy of the prompt [rows * P * width]. */
  private static double[] gradients(
      LanguageModel model,
      float[] values,
      SoftModel.Layout layout,
      int tokens,
      List<SoftRow> rows,
      SoftModel.Loss loss) {
    float[] copies = new float[rows.size() * values.length];
    for (int r = 0; r < rows.size(); r++) {
      System.arraycopy(values, 0, copies, r * values.length, values.length);
    }
    SoftBatch batch = SoftBatch.of(model, rows, layout, tokens);
    int[][] wanted =
        rows.stream().flatMap(row -> Arrays.stream(row.targets())).toArray(int[][]::new);
    float[] weights = new float[wanted.length];
    int next = 0;
    for (SoftRow row : rows) {
      Arrays.fill(weights, next, next + row.at().length, 1f / row.at().length);
      next += row.at().length;
    }
    try (NDManager scope = model.newScope()) {
      SoftModel soft = model.forSoft();
      return soft.gradient(
              scope,
              batch.tokens(),
              soft.prompt(scope, copies, layout),
              batch.placement(),
              new Targets(batch.at(), wanted, weights),
              loss)
          .prompt()
          .toType(DataType.FLOAT64, false)
          .toDoubleArray();
    }
  }

  /** The tokens that stay, in their order: all but the least important ones. */
  public static int[] kept(double[][] importance, int pruned) {
    if (pruned < 0 || pruned >= importance.length) {
      throw new IllegalArgumentException(
          pruned + " of " + importance.length + " virtual tokens cannot be pruned");
    }
    return IntStream.range(0, importance.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer t) -> Arrays.stream(importance[t]).sum()))
        .skip(pruned)
        .mapToInt(Integer::intValue)
        .sorted()
        .toArray();
  }

  /**
   * The numbers of these tokens.
   *
   * @param values [P * width]
   */
  public static float[] only(float[] values, int width, int[] tokens) {
    float[] left = new float[tokens.length * width];
    for (int t = 0; t < tokens.length; t++) {
      System.arraycopy(values, tokens[t] * width, left, t * width, width);
    }
    return left;
  }

  /** Sets the least important pieces of all tokens together to zero. */
  public static float[] withoutPieces(float[] values, double[][] importance, int pruned) {
    int pieces = importance[0].length;
    int size = values.length / importance.length / pieces;
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < importance.length * pieces; i++) {
      order.add(i);
    }
    order.sort(Comparator.comparingDouble(i -> importance[i / pieces][i % pieces]));
    float[] left = values.clone();
    for (int i : order.subList(0, pruned)) {
      Arrays.fill(left, i * size, (i + 1) * size, 0);
    }
    return left;
  }
}
