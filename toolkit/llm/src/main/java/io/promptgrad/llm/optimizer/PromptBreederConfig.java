package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;
import java.util.List;

/**
 * Settings of {@link PromptBreeder}; {@link #defaults} are the paper's.
 *
 * @param description the task in a sentence; new prompts and new mutation prompts begin with it
 * @param population units that live at a time; even
 * @param examples training examples that a generation's fitness is measured on, drawn afresh for
 *     each
 * @param context demonstrations of a unit, from its own right answers; 0 for none
 * @param similar two prompts with a higher cosine of their words count as one, for distributions
 * @param crossover how often a child's prompt is another unit's instead, and its context drawn anew
 * @param sampling how prompts are drawn
 * @param mutationPrompts what units are told to do to a prompt, to begin with
 * @param thinkingStyles what new mutation prompts are made from
 */
public record PromptBreederConfig(
    String description,
    int population,
    int examples,
    int context,
    double similar,
    double crossover,
    Sampling sampling,
    List<String> mutationPrompts,
    List<String> thinkingStyles) {

  private static final List<String> MUTATIONS =
      List.of(
          "Say the instruction in a way that nobody has thought of.",
          "Add a step that prevents the most likely mistake.",
          "Make the instruction half as long without losing anything.",
          "Explain the instruction to somebody who has never seen such a task.",
          "Turn the instruction into a list of things to do in order.",
          "Write the instruction as an expert of the field would.",
          "Say what the answer has to look like.",
          "Name the exceptions that the instruction forgets.",
          "Replace every vague word of the instruction with an exact one.",
          "Write the instruction that should have been given instead.");

  private static final List<String> STYLES =
      List.of(
          "How can this be divided into smaller problems?",
          "What would a careful teacher look at first?",
          "What do we know, and what do we only assume?",
          "What would the opposite view be, and what is right about it?",
          "Which similar problem was solved before, and how?",
          "Where do people who solve this usually go wrong?",
          "How would one check that a solution is right?",
          "Let us look at the simplest case first.",
          "What is the goal, in a few words?",
          "Think step by step.");

  /** Checks the ranges; copies the lists. */
  public PromptBreederConfig {
    mutationPrompts = List.copyOf(mutationPrompts);
    thinkingStyles = List.copyOf(thinkingStyles);
    if (population < 2 || population % 2 != 0 || examples < 1 || context < 0) {
      throw new InvalidInputException(
          "PromptBreeder's population is %d and must be even, at least 2; examples must be at least 1, context not negative."
              .formatted(population));
    }
    if (!(crossover >= 0 && crossover <= 1) || !(similar >= 0)) {
      throw new InvalidInputException(
          "PromptBreeder's crossover is %s and similar %s; they must be within 0 and 1."
              .formatted(crossover, similar));
    }
    if (description.isBlank() || mutationPrompts.isEmpty() || thinkingStyles.isEmpty()) {
      throw new InvalidInputException(
          "PromptBreeder needs a description of the task, mutation prompts and thinking styles.");
    }
  }

  /** Fifty units, 100 examples, no context, prompts and styles of our own. */
  public static PromptBreederConfig defaults(String description) {
    return new PromptBreederConfig(
        description, 50, 100, 0, 0.95, 0.1, Sampling.of(1, 512), MUTATIONS, STYLES);
  }

  /** Returns this with another population. */
  public PromptBreederConfig withPopulation(int units, int fitness, Sampling how) {
    return new PromptBreederConfig(
        description,
        units,
        fitness,
        context,
        similar,
        crossover,
        how,
        mutationPrompts,
        thinkingStyles);
  }

  /** Returns this with demonstrations. */
  public PromptBreederConfig withContext(int demonstrations) {
    return new PromptBreederConfig(
        description,
        population,
        examples,
        demonstrations,
        similar,
        crossover,
        sampling,
        mutationPrompts,
        thinkingStyles);
  }
}
