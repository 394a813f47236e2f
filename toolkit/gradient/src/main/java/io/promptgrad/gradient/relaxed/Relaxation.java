package io.promptgrad.gradient.relaxed;

import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.SearchModel;

/** What methods that move vectors instead of tokens need of a problem. */
final class Relaxation {

  private Relaxation() {}

  /** The problem's only model: several have no word vectors in common. */
  static SearchModel only(TriggerProblem problem, String method) {
    if (problem.models().size() != 1) {
      throw new InvalidInputException(
          "%s moves word vectors, and %d models have none in common; give it one model, or take gcg."
              .formatted(method, problem.models().size()));
    }
    return problem.models().get(0);
  }
}
