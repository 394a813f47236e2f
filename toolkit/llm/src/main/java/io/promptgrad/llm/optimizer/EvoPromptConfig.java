package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;

/**
 * Settings of {@link EvoPrompt}; {@link #defaults} are the paper's.
 *
 * @param variant genetic algorithm or differential evolution
 * @param population prompts that live at a time
 * @param trainExamples training examples that prompts are scored on; 0 for all
 * @param sampling how new prompts are drawn
 * @param selection how parents are chosen, in the genetic algorithm
 * @param reference takes an answer without tags whole, as the original does
 */
public record EvoPromptConfig(
    Variant variant,
    int population,
    int trainExamples,
    Sampling sampling,
    Parents selection,
    boolean reference) {

  /** The two algorithms. */
  public enum Variant {
    /** Crossover of two parents, then mutation; the best of old and new live on. */
    GA,
    /** Differences of two prompts are mutated, put into the best and crossed with each member. */
    DE
  }

  /** How parents are chosen. */
  public enum Parents {
    /** In proportion to their scores. */
    ROULETTE,
    /** The better of two drawn at random. */
    TOURNAMENT,
    /** Any. */
    RANDOM
  }

  /** Checks the ranges. */
  public EvoPromptConfig {
    int least = variant == Variant.DE ? 3 : 2;
    if (population < least || trainExamples < 0) {
      throw new InvalidInputException(
          "EvoPrompt's population is %d; it must be at least %d, and train_examples not negative."
              .formatted(population, least));
    }
  }

  /** A population of ten, temperature 0.5, roulette. */
  public static EvoPromptConfig defaults(Variant variant) {
    return new EvoPromptConfig(variant, 10, 0, Sampling.of(0.5, 512), Parents.ROULETTE, false);
  }

  /** Returns this with another population. */
  public EvoPromptConfig withPopulation(int n, Sampling how) {
    return new EvoPromptConfig(variant, n, trainExamples, how, selection, reference);
  }

  /** Returns this with another number of training examples. */
  public EvoPromptConfig withTrainExamples(int n) {
    return new EvoPromptConfig(variant, population, n, sampling, selection, reference);
  }

  /** Returns this with another choice of parents. */
  public EvoPromptConfig withSelection(Parents how) {
    return new EvoPromptConfig(variant, population, trainExamples, sampling, how, reference);
  }

  /** Returns this with the original's way of reading. */
  public EvoPromptConfig withReference(boolean on) {
    return new EvoPromptConfig(variant, population, trainExamples, sampling, selection, on);
  }
}
