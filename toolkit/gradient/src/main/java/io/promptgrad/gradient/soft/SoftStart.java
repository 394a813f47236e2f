package io.promptgrad.gradient.soft;

import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.search.RandomSource;
import java.util.Arrays;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Where the numbers of a prompt begin. {@link Vocabulary}, {@link Text}, {@link Tokens} and {@link
 * Labels} begin at word vectors; {@link Text} is, for keys and values, those of the text's tokens,
 * so that a causal model begins with the very loss that it has with these tokens in front.
 */
public sealed interface SoftStart {

  /**
   * Normal numbers around 0. PEFT's RANDOM has a deviation of 1, which dwarfs most models' word
   * vectors.
   *
   * @param deviation standard deviation; 0: that of the model's word vectors
   */
  record Normal(double deviation) implements SoftStart {}

  /** Even numbers from {@code low} to {@code high}. Lester et al. write [-0.5, 0.5]. */
  record Uniform(double low, double high) implements SoftStart {}

  /**
   * Vectors of tokens drawn from the first ids of the vocabulary.
   *
   * @param first how many ids there are to draw from; 0: all. The program of Lester et al. has 5000
   * @param repeats whether a token may come twice, as in PEFT; if there are too few it may
   */
  record Vocabulary(int first, boolean repeats) implements SoftStart {}

  /**
   * The tokens of a text, special ones included, cut or repeated to the prompt's length, as in
   * PEFT.
   */
  record Text(String text) implements SoftStart {}

  /** Given tokens, such as a trigger that a discrete search found; one for each virtual token. */
  record Tokens(int[] ids) implements SoftStart {}

  /**
   * Row i is the mean of the vectors of label i's tokens, other rows are {@code Vocabulary(5000,
   * false)}; labels beyond the prompt's length are left out (Lester et al.).
   */
  record Labels() implements SoftStart {}

  /** Zeros. */
  record Zero() implements SoftStart {}

  /**
   * Given numbers, such as another prompt's (Vu et al. 2022, arXiv:2110.07904, SPoT).
   *
   * @param values row-major
   */
  record Given(float[] values) implements SoftStart {}

  /**
   * Another prompt's numbers, of which some are pruned: they are 0 and stay so.
   *
   * @param values row-major
   * @param mask 0 where one is pruned, else 1
   */
  record Pruned(float[] values, float[] mask) implements SoftStart {

    /** The numbers with zeros. */
    float[] left() {
      float[] left = new float[values.length];
      for (int i = 0; i < left.length; i++) {
        left[i] = mask[i] == 0 ? 0 : values[i];
      }
      return left;
    }
  }

  /**
   * Where every prompt begins if nothing is drawn, so that several begin alike; empty if something
   * is.
   *
   * @param labels of the task, if it has any
   */
  default Optional<String> fixed(int n, Optional<LabelTokens> labels) {
    if (this instanceof Zero) {
      return Optional.of("zero");
    }
    if (this instanceof Text text) {
      return Optional.of("the text '%s'".formatted(text.text()));
    }
    if (this instanceof Tokens) {
      return Optional.of("given tokens (of the text towards, or of a trigger)");
    }
    if (this instanceof Given || this instanceof Pruned) {
      return Optional.of("another prompt's numbers");
    }
    return this instanceof Labels && n <= labels.map(LabelTokens::size).orElse(0)
        ? Optional.of("the means of the label words (labels)")
        : Optional.empty();
  }

  private static float[] vectors(LanguageModel model, int[] ids) {
    return model.forSearch().vectors(ids);
  }

  /**
   * The first numbers of one prompt [n * width].
   *
   * @param labels of the task, if it has any
   * @throws InvalidInputException if they cannot be had
   */
  default float[] values(
      LanguageModel model,
      SoftModel.Layout layout,
      int n,
      Optional<LabelTokens> labels,
      RandomGenerator random) {
    int width = model.forSoft().width(layout);
    float[] values = new float[n * width];
    if (this instanceof Normal normal) {
      double deviation = normal.deviation() == 0 ? deviation(model) : normal.deviation();
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (deviation * random.nextGaussian());
      }
      return values;
    }
    if (this instanceof Uniform uniform) {
      for (int i = 0; i < values.length; i++) {
        values[i] =
            (float) (uniform.low() + (uniform.high() - uniform.low()) * random.nextDouble());
      }
      return values;
    }
    if (this instanceof Zero) {
      return values;
    }
    if (this instanceof Given || this instanceof Pruned) {
      float[] given = this instanceof Given own ? own.values() : ((Pruned) this).left();
      if (given.length != values.length) {
        throw new InvalidInputException(
            "The start has %d values, but a prompt of %d virtual tokens has %d x %d; take as many tokens as the other prompt has, and the same kind of prompt."
                .formatted(given.length, n, n, width));
      }
      return given.clone();
    }
    if (this instanceof Text text) {
      int[] ids = tiled(model.tokenizer().encodeWithSpecials(text.text()), n);
      return layout == SoftModel.Layout.VECTORS
          ? vectors(model, ids)
          : model.forSoft().prefixOf(ids);
    }
    if (layout != SoftModel.Layout.VECTORS) {
      throw new InvalidInputException(
          "Keys and values cannot begin at word vectors; begin at random numbers, at zero, or at a text.");
    }
    if (this instanceof Tokens given) {
      if (given.ids().length != n) {
        throw new InvalidInputException(
            "The start has %d tokens for a prompt of %d virtual ones."
                .formatted(given.ids().length, n));
      }
      return vectors(model, given.ids());
    }
    if (this instanceof Vocabulary vocabulary) {
      return vectors(model, drawn(model, vocabulary, n, random));
    }
    float[] drawn = vectors(model, drawn(model, new Vocabulary(5000, false), n, random));
    int[][] sets = labels.map(LabelTokens::ids).orElse(new int[0][]);
    for (int c = 0; c < Math.min(n, sets.length); c++) {
      float[] own = vectors(model, sets[c]);
      for (int e = 0; e < width; e++) {
        double sum = 0;
        for (int t = 0; t < sets[c].length; t++) {
          sum += own[t * width + e];
        }
        drawn[c * width + e] = (float) (sum / sets[c].length);
      }
    }
    return drawn;
  }

  private static int[] tiled(int[] ids, int n) {
    if (ids.length == 0) {
      throw new InvalidInputException("The text that the prompt begins with has no tokens.");
    }
    return IntStream.range(0, n).map(i -> ids[i % ids.length]).toArray();
  }

  private static int[] drawn(LanguageModel model, Vocabulary from, int n, RandomGenerator random) {
    int all = model.hasTokenizer() ? model.tokenizer().vocabularySize() : model.spec().vocabulary();
    int first = from.first() == 0 ? all : Math.min(from.first(), all);
    if (from.repeats() || n > first) {
      return IntStream.range(0, n).map(i -> random.nextInt(first)).toArray();
    }
    return Arrays.copyOf(RandomSource.permutation(first, random), n);
  }

  /** Standard deviation of the numbers in a thousand word vectors, evenly spaced. */
  static double deviation(LanguageModel model) {
    int vocabulary = model.spec().vocabulary();
    int n = Math.min(1000, vocabulary);
    float[] values =
        vectors(model, IntStream.range(0, n).map(i -> (int) ((long) i * vocabulary / n)).toArray());
    double sum = 0;
    double squares = 0;
    for (float value : values) {
      sum += value;
      squares += (double) value * value;
    }
    double mean = sum / values.length;
    return Math.sqrt(squares / values.length - mean * mean);
  }
}
