package io.promptgrad.lm.generate;

import java.util.List;
import java.util.function.Consumer;

/**
 * How the next token is chosen, and when to stop.
 *
 * <p>As in Hugging Face's generate, the repetition penalty comes first, then the temperature, then
 * top-k, top-p of what is left, and min-p.
 *
 * @param maxNewTokens at most this many tokens
 * @param temperature divides the logits before sampling; 0 means greedy
 * @param topK sample among the k most probable; 0: no limit
 * @param topP sample among the fewest tokens whose probability reaches p (nucleus); 1: no limit
 * @param minP sample among the tokens that have at least this share of the most probable one's
 *     probability (Nguyen et al. 2024, arXiv:2407.01082); 0: no limit
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens that occurred
 *     (Keskar et al. 2019); 1: none
 * @param stopIds end a sequence, and are not part of it
 * @param stopStrings end a sequence at the first occurrence in its text, and are cut off
 * @param seed of the sampling
 * @param keepsLogits whether the logits of every step are kept
 */
public record GenerationOptions(
    int maxNewTokens,
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    List<Integer> stopIds,
    List<String> stopStrings,
    long seed,
    boolean keepsLogits) {

  /** Checks the ranges. */
  public GenerationOptions {
    if (maxNewTokens < 1) {
      throw new IllegalArgumentException("maxNewTokens is " + maxNewTokens + ", at least 1 needed");
    }
    if (!(temperature >= 0) || Double.isInfinite(temperature)) {
      throw new IllegalArgumentException("temperature is " + temperature + ", at least 0 needed");
    }
    if (topK < 0) {
      throw new IllegalArgumentException("topK is " + topK + ", at least 0 needed");
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException("topP is " + topP + ", must be in (0, 1]");
    }
    if (!(minP >= 0 && minP <= 1)) {
      throw new IllegalArgumentException("minP is " + minP + ", must be in [0, 1]");
    }
    if (!(repetitionPenalty > 0) || Double.isInfinite(repetitionPenalty)) {
      throw new IllegalArgumentException(
          "repetitionPenalty is " + repetitionPenalty + ", must be greater than 0");
    }
    stopIds = List.copyOf(stopIds);
    stopStrings = List.copyOf(stopStrings);
    if (stopStrings.contains("")) {
      throw new IllegalArgumentException("a stop string is empty, which would stop every text");
    }
  }

  /** The most probable token each time. */
  public static GenerationOptions greedy(int maxNewTokens) {
    return new GenerationOptions(maxNewTokens, 0, 0, 1, 0, 1, List.of(), List.of(), 0, false);
  }

  /** Draws from the model's distribution. */
  public static GenerationOptions sampling(int maxNewTokens, double temperature, long seed) {
    return greedy(maxNewTokens).withTemperature(temperature).withSeed(seed);
  }

  /** Whether nothing is wanted of the logits but which is the largest. */
  boolean onlyTheBest() {
    return temperature == 0 && repetitionPenalty == 1 && !keepsLogits;
  }

  // ------------------------------------------------------------------ changes

  public GenerationOptions withMaxNewTokens(int most) {
    return changed(d -> d.maxNewTokens = most);
  }

  public GenerationOptions withTemperature(double value) {
    return changed(d -> d.temperature = value);
  }

  public GenerationOptions withTopK(int k) {
    return changed(d -> d.topK = k);
  }

  public GenerationOptions withTopP(double p) {
    return changed(d -> d.topP = p);
  }

  public GenerationOptions withMinP(double p) {
    return changed(d -> d.minP = p);
  }

  public GenerationOptions withRepetitionPenalty(double penalty) {
    return changed(d -> d.repetitionPenalty = penalty);
  }

  /** Replaces the stop ids; without arguments nothing stops a sequence but its length. */
  public GenerationOptions withStopIds(Integer... ids) {
    return changed(d -> d.stopIds = List.of(ids));
  }

  public GenerationOptions withStopStrings(String... strings) {
    return changed(d -> d.stopStrings = List.of(strings));
  }

  public GenerationOptions withSeed(long number) {
    return changed(d -> d.seed = number);
  }

  public GenerationOptions keepLogits() {
    return changed(d -> d.keepsLogits = true);
  }

  /** The same fields, to be changed. */
  private static final class Draft {
    private int maxNewTokens;
    private double temperature;
    private int topK;
    private double topP;
    private double minP;
    private double repetitionPenalty;
    private List<Integer> stopIds;
    private List<String> stopStrings;
    private long seed;
    private boolean keepsLogits;

    Draft(GenerationOptions options) {
      maxNewTokens = options.maxNewTokens;
      temperature = options.temperature;
      topK = options.topK;
      topP = options.topP;
      minP = options.minP;
      repetitionPenalty = options.repetitionPenalty;
      stopIds = options.stopIds;
      stopStrings = options.stopStrings;
      seed = options.seed;
      keepsLogits = options.keepsLogits;
    }
  }

  private GenerationOptions changed(Consumer<Draft> change) {
    Draft d = new Draft(this);
    change.accept(d);
    return new GenerationOptions(
        d.maxNewTokens,
        d.temperature,
        d.topK,
        d.topP,
        d.minP,
        d.repetitionPenalty,
        d.stopIds,
        d.stopStrings,
        d.seed,
        d.keepsLogits);
  }
}
