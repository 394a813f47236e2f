package io.promptgrad.llm.instruction;

import io.promptgrad.metric.Outcome;
import java.util.Objects;

/**
 * An outcome, and what can be learnt from it.
 *
 * @param outcome the outcome
 * @param output what the model said, in full
 * @param feedback what a teacher would say about it
 */
public record Rollout(Outcome outcome, String output, String feedback) {

  /** Refuses nulls. */
  public Rollout {
    Objects.requireNonNull(outcome, "outcome");
    Objects.requireNonNull(output, "output");
    Objects.requireNonNull(feedback, "feedback");
  }

  /** The plain feedback: right or wrong, what is right, and why there was no answer. */
  public static Rollout of(Outcome outcome, String output) {
    String feedback =
        outcome.failure().isPresent()
            ? "There is no answer: %s. The right answer is: %s"
                .formatted(outcome.failure().get(), outcome.gold())
            : outcome.value() >= 1
                ? "This is right."
                : "This is wrong. The right answer is: " + outcome.gold();
    return new Rollout(outcome, output, feedback);
  }
}
