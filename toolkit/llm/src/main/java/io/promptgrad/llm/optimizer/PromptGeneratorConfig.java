package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;

/**
 * Settings of {@link AutomatedPromptGenerator}; {@link #defaults} are the original program's.
 *
 * @param strategy which rows the meta-prompt shows
 * @param rows how many of them
 * @param trainExamples the first so many training examples are the ones that prompts are scored on
 * @param history how many earlier meta-prompts the generator is sent, newest first
 * @param sampling how prompts are drawn
 * @param reference shows the best and the worst rows whatever the strategy says, as the original
 *     does, and takes an answer as it is, with its label or as an echo of the meta-prompt
 */
public record PromptGeneratorConfig(
    Strategy strategy,
    int rows,
    int trainExamples,
    int history,
    Sampling sampling,
    boolean reference) {

  /** Which rows a meta-prompt shows. */
  public enum Strategy {
    /** Any. */
    RANDOM,
    /** The half with the highest and the half with the lowest cross entropy. */
    BEST_WORST,
    /** Ten steps of the one, ten of the other. */
    ALTERNATING
  }

  /** Checks the ranges. */
  public PromptGeneratorConfig {
    if (rows < 1 || trainExamples < 1 || history < 0) {
      throw new InvalidInputException(
          "The generator's rows and train_examples must be at least 1, history not negative.");
    }
  }

  /** Ten rows, alternating, ten examples, temperature 1.2, eight earlier meta-prompts. */
  public static PromptGeneratorConfig defaults() {
    return new PromptGeneratorConfig(
        Strategy.ALTERNATING, 10, 10, 8, Sampling.of(1.2, 1024), false);
  }

  /** Returns this with other rows. */
  public PromptGeneratorConfig withRows(Strategy which, int n) {
    return new PromptGeneratorConfig(which, n, trainExamples, history, sampling, reference);
  }

  /** Returns this with other draws. */
  public PromptGeneratorConfig withSampling(int examples, Sampling how) {
    return new PromptGeneratorConfig(strategy, rows, examples, history, how, reference);
  }
}
