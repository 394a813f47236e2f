package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;

/**
 * Settings of {@link ProTeGi}; {@link #defaults} are the original program's.
 *
 * @param beam prompts that live at a time
 * @param minibatch examples in which a prompt's errors are looked for
 * @param gradients reasons that are asked for, each for other errors
 * @param errors errors that are shown for a reason
 * @param paraphrases of each edit and of the prompt itself
 * @param expansion most successors of a prompt, drawn at random if there are more
 * @param rejectOnErrors whether twice as many are drawn, compared on some of the errors, and the
 *     better half of them taken
 * @param selector how the next beam is selected
 * @param evaluations most evaluations of one selection
 * @param examples examples of a round, for bounds
 * @param prompts prompts of a round, for bounds and samples
 * @param c how much an unsure score counts, for bounds
 * @param sampling how the proposer's answers are drawn
 * @param reference asks for reasons even if the minibatch has no errors, as the original does
 */
public record ProTeGiConfig(
    int beam,
    int minibatch,
    int gradients,
    int errors,
    int paraphrases,
    int expansion,
    boolean rejectOnErrors,
    Selector selector,
    int evaluations,
    int examples,
    int prompts,
    double c,
    Sampling sampling,
    boolean reference) {

  /** How the next beam is selected. */
  public enum Selector {
    /** Every prompt gets the same number of examples. */
    BRUTE_FORCE,
    /** Upper confidence bounds. */
    UCB,
    /** Upper confidence bounds for finding the best. */
    UCB_E,
    /** The worst is dropped in each phase. */
    SUCCESSIVE_REJECTS,
    /** The same on a sample of the prompts in each phase. */
    SAMPLED_SUCCESSIVE_REJECTS,
    /** Those below the mean are dropped in each round. */
    SUCCESSIVE_HALVING
  }

  /** Checks the ranges. */
  public ProTeGiConfig {
    if (beam < 1
        || minibatch < 1
        || gradients < 0
        || errors < 1
        || paraphrases < 0
        || expansion < 1
        || evaluations < 1
        || examples < 1
        || prompts < 1) {
      throw new InvalidInputException(
          "ProTeGi's numbers must be at least 1, gradients and paraphrases at least 0.");
    }
  }

  /** Beam 4, four reasons for four errors each of 64 examples, two paraphrases, UCB. */
  public static ProTeGiConfig defaults() {
    return new ProTeGiConfig(
        4, 64, 4, 4, 2, 8, false, Selector.UCB, 2048, 32, 8, 1, Sampling.of(0.7, 1024), false);
  }

  /** Returns this with another expansion. */
  public ProTeGiConfig withExpansion(int reasons, int reworded, int most, Sampling how) {
    return new ProTeGiConfig(
        beam,
        minibatch,
        reasons,
        errors,
        reworded,
        most,
        rejectOnErrors,
        selector,
        evaluations,
        examples,
        prompts,
        c,
        how,
        reference);
  }

  /** Returns this with another beam and minibatch. */
  public ProTeGiConfig withBeam(int width, int batch) {
    return new ProTeGiConfig(
        width,
        batch,
        gradients,
        errors,
        paraphrases,
        expansion,
        rejectOnErrors,
        selector,
        evaluations,
        examples,
        prompts,
        c,
        sampling,
        reference);
  }

  /** Returns this with another selector. */
  public ProTeGiConfig withSelector(Selector how, int most, int perRound, int promptsPerRound) {
    return new ProTeGiConfig(
        beam,
        minibatch,
        gradients,
        errors,
        paraphrases,
        expansion,
        rejectOnErrors,
        how,
        most,
        perRound,
        promptsPerRound,
        c,
        sampling,
        reference);
  }

  /** Returns this with or without a comparison on errors. */
  public ProTeGiConfig withRejectOnErrors(boolean on) {
    return new ProTeGiConfig(
        beam,
        minibatch,
        gradients,
        errors,
        paraphrases,
        expansion,
        on,
        selector,
        evaluations,
        examples,
        prompts,
        c,
        sampling,
        reference);
  }

  BestArms arms() {
    return new BestArms(BestArms.Kind.valueOf(selector.name()), evaluations, examples, prompts, c);
  }
}
