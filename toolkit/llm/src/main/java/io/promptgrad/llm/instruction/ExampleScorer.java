package io.promptgrad.llm.instruction;

import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;

/**
 * How good a prompt is on one example. Called by many threads at once.
 *
 * <p>Equal arguments have equal outcomes within a run, so that a search that was killed comes to
 * the result that it would have had.
 */
public interface ExampleScorer {

  /** Returns the outcome; what could not be answered is one that failed. */
  Outcome score(InstructionPrompt prompt, Example example);

  /** Returns the outcome with what was said, for searches that reflect on it. */
  default Rollout run(InstructionPrompt prompt, Example example) {
    Outcome outcome = score(prompt, example);
    return Rollout.of(outcome, outcome.predicted());
  }
}
