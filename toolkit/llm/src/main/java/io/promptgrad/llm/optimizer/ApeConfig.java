package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;

/**
 * Settings of {@link Ape}; {@link #defaults} are those of the original's configuration file.
 *
 * @param mode how instructions are asked for
 * @param subsamples sets of demonstrations that are drawn
 * @param demonstrations solved examples in each set
 * @param samples instructions asked for each set, one call each
 * @param sampling how they are drawn
 * @param evaluation examples that an instruction is scored on
 * @param keep share of the instructions that resampling keeps and varies, in (0, 1]
 * @param resamples rounds of resampling behind the first generation; 0 for none, as the original
 * @param bandit how examples are given to instructions
 * @param reference does as the original: each instruction is scored on examples of its own, and an
 *     answer is taken whole, without tags
 */
public record ApeConfig(
    Mode mode,
    int subsamples,
    int demonstrations,
    int samples,
    Sampling sampling,
    int evaluation,
    double keep,
    int resamples,
    Bandit bandit,
    boolean reference) {

  /** How instructions are asked for. */
  public enum Mode {
    /** Behind the demonstrations. */
    FORWARD,
    /** In a gap before the demonstrations. */
    REVERSE
  }

  /**
   * Gives examples to the instructions that promise most, by upper confidence bounds: {@code mean +
   * c * sqrt(ln(sum N) / N)}, N being the examples that one has had.
   *
   * @param rounds 0: every instruction gets all examples, and no bandit is used
   * @param prompts instructions in each round
   * @param examples examples for each of them
   * @param c how much an unsure score counts
   */
  public record Bandit(int rounds, int prompts, int examples, double c) {

    /** No bandit. */
    public static final Bandit NONE = new Bandit(0, 1, 1, 1);

    /** Five rounds of 50 instructions with 50 examples each. */
    public static Bandit defaults() {
      return new Bandit(5, 50, 50, 1);
    }
  }

  /** Checks the ranges. */
  public ApeConfig {
    if (subsamples < 1 || demonstrations < 1 || samples < 1 || evaluation < 1 || resamples < 0) {
      throw new InvalidInputException(
          "APE's subsamples, demonstrations, samples and evaluation must be at least 1, resamples at least 0.");
    }
    if (!(keep > 0 && keep <= 1)) {
      throw new InvalidInputException(
          "APE keeps a share of %s; it must be above 0 and at most 1.".formatted(keep));
    }
    if (bandit.rounds() < 0 || bandit.prompts() < 1 || bandit.examples() < 1) {
      throw new InvalidInputException("APE's bandit needs at least one prompt and one example.");
    }
  }

  /** Five sets of five demonstrations, 50 instructions each, scored on 50 examples. */
  public static ApeConfig defaults() {
    return new ApeConfig(
        Mode.FORWARD,
        5,
        5,
        50,
        Sampling.of(0.9, 50).withTopP(0.9),
        50,
        0.25,
        0,
        Bandit.NONE,
        false);
  }

  /** Returns this with other draws. */
  public ApeConfig withGeneration(int sets, int shown, int draws, Sampling how) {
    return new ApeConfig(
        mode, sets, shown, draws, how, evaluation, keep, resamples, bandit, reference);
  }

  /** Returns this with another way of asking. */
  public ApeConfig withMode(Mode how) {
    return new ApeConfig(
        how,
        subsamples,
        demonstrations,
        samples,
        sampling,
        evaluation,
        keep,
        resamples,
        bandit,
        reference);
  }

  /** Returns this with another number of examples for each instruction. */
  public ApeConfig withEvaluation(int examples) {
    return new ApeConfig(
        mode,
        subsamples,
        demonstrations,
        samples,
        sampling,
        examples,
        keep,
        resamples,
        bandit,
        reference);
  }

  /** Returns this with rounds of resampling. */
  public ApeConfig withResamples(int rounds, double share) {
    return new ApeConfig(
        mode,
        subsamples,
        demonstrations,
        samples,
        sampling,
        evaluation,
        share,
        rounds,
        bandit,
        reference);
  }

  /** Returns this with a bandit. */
  public ApeConfig withBandit(Bandit how) {
    return new ApeConfig(
        mode,
        subsamples,
        demonstrations,
        samples,
        sampling,
        evaluation,
        keep,
        resamples,
        how,
        reference);
  }

  /** Returns this with the original's ways. */
  public ApeConfig withReference(boolean on) {
    return new ApeConfig(
        mode,
        subsamples,
        demonstrations,
        samples,
        sampling,
        evaluation,
        keep,
        resamples,
        bandit,
        on);
  }
}
