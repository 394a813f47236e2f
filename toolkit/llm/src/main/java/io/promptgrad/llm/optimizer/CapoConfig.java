package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;

/**
 * Settings of {@link Capo}; {@link #defaults} are the paper's.
 *
 * @param population prompts that live at a time
 * @param crossovers children in each step
 * @param mostShots most demonstrations of a prompt
 * @param block examples of a block
 * @param mostBlocks most blocks of a race
 * @param alpha a rival is better if the paired t-test's one-sided p-value is below this
 * @param lengthPenalty what a prompt as long as the longest of the first population loses
 * @param sampling how instructions are drawn
 */
public record CapoConfig(
    int population,
    int crossovers,
    int mostShots,
    int block,
    int mostBlocks,
    double alpha,
    double lengthPenalty,
    Sampling sampling) {

  /** Checks the ranges. */
  public CapoConfig {
    if (population < 2 || crossovers < 1 || mostShots < 0 || block < 2 || mostBlocks < 1) {
      throw new InvalidInputException(
          "CAPO's population and block must be at least 2, crossovers and blocks at least 1, shots not negative.");
    }
    if (!(alpha > 0 && alpha < 1) || !(lengthPenalty >= 0)) {
      throw new InvalidInputException(
          "CAPO's alpha is %s and its length penalty %s; they must be within 0 and 1, and not negative."
              .formatted(alpha, lengthPenalty));
    }
  }

  /** Ten prompts of up to five shots, four children, ten blocks of 30, alpha 0.2, penalty 0.05. */
  public static CapoConfig defaults() {
    return new CapoConfig(10, 4, 5, 30, 10, 0.2, 0.05, Sampling.of(0.7, 512));
  }

  /** Returns this with another population. */
  public CapoConfig withPopulation(int prompts, int children, int shots, Sampling how) {
    return new CapoConfig(prompts, children, shots, block, mostBlocks, alpha, lengthPenalty, how);
  }

  /** Returns this with another race. */
  public CapoConfig withRace(int examples, int blocks, double level, double penalty) {
    return new CapoConfig(
        population, crossovers, mostShots, examples, blocks, level, penalty, sampling);
  }
}
