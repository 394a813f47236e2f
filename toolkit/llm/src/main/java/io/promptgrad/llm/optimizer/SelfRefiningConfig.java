package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;
import java.util.List;

/**
 * Settings of {@link SelfRefining}.
 *
 * @param population prompts that live at a time
 * @param children new prompts in each step
 * @param trainExamples training examples that prompts are scored on; 0 for all
 * @param uses a meta-prompt may be rewritten after so many uses
 * @param metaPrompts how to change a prompt, to begin with
 * @param sampling how answers are drawn
 */
public record SelfRefiningConfig(
    int population,
    int children,
    int trainExamples,
    int uses,
    List<String> metaPrompts,
    Sampling sampling) {

  /** Checks the ranges; copies the list. */
  public SelfRefiningConfig {
    metaPrompts = List.copyOf(metaPrompts);
    if (population < 1 || children < 1 || trainExamples < 0 || uses < 1 || metaPrompts.isEmpty()) {
      throw new InvalidInputException(
          "Self-refinement's population, children and uses must be at least 1, train_examples not negative, and there must be a meta-prompt.");
    }
  }

  /** Five prompts, four children, three meta-prompts that are rewritten after ten uses. */
  public static SelfRefiningConfig defaults() {
    return new SelfRefiningConfig(
        5,
        4,
        0,
        10,
        List.of(
            "Improve the prompt: keep what helps and take out what does not.",
            "Change one thing about the prompt that could be why it fails.",
            "Write the prompt anew from another point of view."),
        Sampling.of(1, 512));
  }

  /** Returns this with other numbers. */
  public SelfRefiningConfig withPopulation(int prompts, int perStep, Sampling how) {
    return new SelfRefiningConfig(prompts, perStep, trainExamples, uses, metaPrompts, how);
  }

  /** Returns this with another number of uses. */
  public SelfRefiningConfig withUses(int n) {
    return new SelfRefiningConfig(population, children, trainExamples, n, metaPrompts, sampling);
  }
}
