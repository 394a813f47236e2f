package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.textgrad.TextualGradientDescent;

/**
 * Settings of {@link TextGrad}; {@link #defaults} are the paper's for prompts.
 *
 * @param batch examples of a step
 * @param momentum how many earlier versions a rewrite is shown with their feedback; 0 for none
 * @param descent how variables are rewritten
 * @param revert whether a rewrite that is worse on dev than the last accepted one is taken back
 * @param skipRight leaves out feedback on examples that are right; the original asks for it
 * @param attempts answers to one question before going without
 */
public record TextGradConfig(
    int batch,
    int momentum,
    TextualGradientDescent descent,
    boolean revert,
    boolean skipRight,
    int attempts) {

  /** Checks the ranges. */
  public TextGradConfig {
    if (batch < 1 || momentum < 0 || attempts < 1) {
      throw new InvalidInputException(
          "TextGrad's batch and attempts must be at least 1, momentum not negative.");
    }
  }

  /** Batches of three, no momentum, full texts, taken back if worse on dev. */
  public static TextGradConfig defaults() {
    return new TextGradConfig(3, 0, TextualGradientDescent.plain(), true, false, 5);
  }

  /** Returns this with another batch. */
  public TextGradConfig withBatch(int examples, boolean onlyErrors) {
    return new TextGradConfig(examples, momentum, descent, revert, onlyErrors, attempts);
  }

  /** Returns this with momentum. */
  public TextGradConfig withMomentum(int versions) {
    return new TextGradConfig(batch, versions, descent, revert, skipRight, attempts);
  }

  /** Returns this with another way of rewriting. */
  public TextGradConfig withDescent(TextualGradientDescent how) {
    return new TextGradConfig(batch, momentum, how, revert, skipRight, attempts);
  }
}
