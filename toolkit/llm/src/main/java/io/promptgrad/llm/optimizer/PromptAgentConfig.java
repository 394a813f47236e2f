package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;

/**
 * Settings of {@link PromptAgent}; {@link #defaults} are the paper's.
 *
 * @param width children of a node, one minibatch each
 * @param depth of a leaf
 * @param minibatch examples in which a node's errors are looked for
 * @param rewardExamples training examples that every node's reward is measured on, the same for the
 *     whole run; 0 for all
 * @param exploration how much a node that was visited little counts
 * @param sampling how the proposer's answers are drawn
 */
public record PromptAgentConfig(
    int width,
    int depth,
    int minibatch,
    int rewardExamples,
    double exploration,
    Sampling sampling) {

  /** Checks the ranges. */
  public PromptAgentConfig {
    if (width < 1 || depth < 1 || minibatch < 1 || rewardExamples < 0 || !(exploration >= 0)) {
      throw new InvalidInputException(
          "PromptAgent's width, depth and minibatch must be at least 1, reward_examples and exploration not negative.");
    }
  }

  /** Width 3, depth 5, minibatches of five, 150 examples for rewards, exploration 2.5. */
  public static PromptAgentConfig defaults() {
    return new PromptAgentConfig(3, 5, 5, 150, 2.5, Sampling.of(1, 1024));
  }

  /** Returns this with another tree. */
  public PromptAgentConfig withTree(int children, int levels, Sampling how) {
    return new PromptAgentConfig(children, levels, minibatch, rewardExamples, exploration, how);
  }

  /** Returns this with other numbers of examples. */
  public PromptAgentConfig withExamples(int batch, int rewards) {
    return new PromptAgentConfig(width, depth, batch, rewards, exploration, sampling);
  }
}
