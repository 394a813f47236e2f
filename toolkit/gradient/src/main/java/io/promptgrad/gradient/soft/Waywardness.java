package io.promptgrad.gradient.soft;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How far virtual tokens are from the words of a text, and what draws them there (Khashabi et al.
 * 2022, arXiv:2112.08348): a prompt can do its task and yet project onto any text, so a projection
 * does not explain a prompt.
 *
 * @param text d
 * @param ids its tokens, special ones not included [P]
 * @param vectors e(d), the tokens' vectors [P * E]
 */
record Waywardness(LanguageModel model, String text, int[] ids, float[] vectors) {

  /**
   * A text.
   *
   * @throws InvalidInputException if it has no tokens
   */
  static Waywardness of(LanguageModel model, String text) {
    int[] ids = tokens(model, text);
    if (ids.length == 0) {
      throw new InvalidInputException(
          "The text '%s' has no tokens to draw a prompt to.".formatted(text));
    }
    return new Waywardness(model, text, ids, model.forSearch().vectors(ids));
  }

  /** The tokens of a text, which are as many as the virtual ones must be. */
  static int[] tokens(LanguageModel model, String text) {
    return model.tokenizer().encode(text);
  }

  /**
   * Gradient of gamma * 1/P * sum over i of |p_i - e(d_i)|^2 for each of several prompts: 2 gamma /
   * P * (p - e).
   *
   * @param scope gets it and what it is made of
   * @param prompts one after the other [N * P, E]
   */
  NDArray gradient(NDManager scope, NDArray prompts, double gamma) {
    Shape shape = prompts.getShape();
    float[] all = new float[Math.toIntExact(shape.size())];
    for (int at = 0; at < all.length; at += vectors.length) {
      System.arraycopy(vectors, 0, all, at, vectors.length);
    }
    NDArray target = scope.create(all, shape).toType(prompts.getDataType(), false);
    return prompts.sub(target).mul(2 * gamma / ids.length);
  }

  /**
   * The mean of |p_i - e(d_i)|^2 over all virtual tokens of one prompt, or of several.
   *
   * @param values [N * P * E]
   */
  double distance(float[] values) {
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      double difference = values[i] - vectors[i % vectors.length];
      sum += difference * difference;
    }
    return sum * vectors.length / values.length / ids.length;
  }

  /**
   * What a report shows: the distance, and by each measure the text that a prompt projects onto
   * with its overlap with the text wanted.
   *
   * @param values of one prompt [P * E]
   */
  ObjectNode measure(float[] values) {
    ObjectNode json = Json.object().put("text", text).put("distance", distance(values));
    ObjectNode projections = json.putObject("projections");
    for (VirtualTokens.Measure measure : VirtualTokens.Measure.values()) {
      int[] nearest =
          VirtualTokens.nearest(model, values, measure, 1).stream()
              .mapToInt(near -> near.get(0).id())
              .toArray();
      String found = model.tokenizer().decode(nearest);
      projections
          .putObject(measure.name().toLowerCase(Locale.ROOT))
          .put("text", found)
          .put("f1", f1(text, found));
    }
    return json;
  }

  /**
   * F1 of the words that two texts share, each as often as it occurs, without capitals and
   * punctuation.
   */
  static double f1(String wanted, String found) {
    List<String> left = new ArrayList<>(words(wanted));
    List<String> words = words(found);
    if (left.isEmpty() || words.isEmpty()) {
      return left.isEmpty() && words.isEmpty() ? 1 : 0;
    }
    double all = left.size() + (double) words.size();
    int shared = 0;
    for (String word : words) {
      shared += left.remove(word) ? 1 : 0;
    }
    return 2 * shared / all;
  }

  private static List<String> words(String text) {
    String plain = text.toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}]+", " ").strip();
    return plain.isEmpty() ? List.of() : Arrays.asList(plain.split(" "));
  }
}
