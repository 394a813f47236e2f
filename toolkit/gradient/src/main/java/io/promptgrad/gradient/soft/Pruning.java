package io.promptgrad.gradient.soft;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
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
 * factor in front of a token or piece: the product of its numbers with their gradient. After
 * pruning, train once more from {@link SoftStart.Given} the numbers that were kept.
 *
 * <p>Where this differs: tokens are pruned by taking them out, not by a mask.
 */
public final class Pruning {

  /** Pieces that a virtual token is cut into in the paper. */
  public static final int PIECES = 16;

  private Pruning() {}

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
    if (width % pieces != 0 || values.length % width != 0) {
      throw new IllegalArgumentException(
          "%d pieces of %d values, %d values in all".formatted(pieces, width, values.length));
    }
    int tokens = values.length / width;
    double[][] importance = new double[tokens][pieces];
    SoftModel.Loss loss = problem.loss(false, 0, 0);
    try (NDManager scope = model.newScope()) {
      NDArray prompt = soft.prompt(scope, values, layout);
      for (SoftRow row : problem.train()) { // one by one: absolute values do not add up
        SoftBatch batch = SoftBatch.of(model, List.of(row), layout, tokens);
        SoftModel.Gradient found =
            soft.gradient(
                scope,
                batch.tokens(),
                prompt,
                batch.placement(),
                LoadedPrompt.targets(batch, List.of(row), 1f / row.at().length),
                loss);
        double[] gradient = found.prompt().toType(DataType.FLOAT64, false).toDoubleArray();
        found.prompt().close();
        for (int t = 0; t < tokens; t++) {
          for (int p = 0; p < pieces; p++) {
            int from = t * width + p * width / pieces;
            double product = 0;
            for (int i = from; i < from + width / pieces; i++) {
              product += gradient[i] * values[i];
            }
            importance[t][p] += Math.abs(product) / problem.train().size();
          }
        }
      }
    }
    return importance;
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
