package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.search.Best;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The prompt that a search would return now, chosen as {@link PromptProblem.Selection} says. On
 * equal scores the earlier one stays.
 */
final class Champion {

  private final PromptProblem problem;
  private InstructionPrompt prompt;
  private double train = Double.NEGATIVE_INFINITY; // best so far, whoever has it
  private double dev = Double.NaN;
  private int step;
  private OptionalDouble measured = OptionalDouble.empty();

  Champion(PromptProblem problem) {
    this.problem = problem;
    this.prompt = problem.seeds().get(0);
  }

  /**
   * Looks at a prompt with its score on the search's own examples.
   *
   * @return whether it is the new champion
   */
  boolean offer(InstructionPrompt candidate, double trainScore, int atStep) {
    measured = OptionalDouble.empty();
    if (!(trainScore > train)) {
      return false;
    }
    train = trainScore;
    if (problem.selection() == PromptProblem.Selection.DEV) {
      double value = problem.scorer().means(List.of(candidate), problem.task().dev())[0];
      measured = OptionalDouble.of(value);
      if (value <= dev) {
        return false;
      }
      dev = value;
    }
    prompt = candidate;
    step = atStep;
    return true;
  }

  /**
   * Looks at the prompt that a method takes for its best, where the scores of different steps
   * cannot be compared because they are of different examples.
   *
   * @param score what counts if dev is left alone
   * @return whether it is the new champion
   */
  boolean measure(InstructionPrompt candidate, double score, int atStep) {
    measured = OptionalDouble.empty();
    boolean onDev = problem.selection() == PromptProblem.Selection.DEV;
    boolean same = candidate.equals(prompt) && step > 0;
    if (same || (!onDev && !(score > train))) {
      return false;
    }
    if (onDev) {
      double value = problem.scorer().means(List.of(candidate), problem.task().dev())[0];
      measured = OptionalDouble.of(value);
      if (value <= dev) {
        return false;
      }
      dev = value;
    }
    train = Math.max(train, score);
    prompt = candidate;
    step = atStep;
    return true;
  }

  /** The dev score of what was offered last, if it was measured. */
  OptionalDouble measured() {
    return measured;
  }

  /** The best score so far on the search's own examples. */
  double train() {
    return train;
  }

  /** The text of the prompt that a search would return now. */
  String text() {
    return prompt.instruction();
  }

  Best best() {
    return new Best(prompt, dev, step);
  }

  ObjectNode save() {
    ObjectNode json = Json.object();
    json.set("prompt", prompt.toJson());
    json.set("train", Json.number(train));
    json.set("dev", Json.number(dev));
    return json.put("step", step);
  }

  void restore(JsonNode json) {
    prompt = InstructionPrompt.fromJson(json.path("prompt"));
    train = Json.toDouble(json.path("train"));
    dev = Json.toDouble(json.path("dev"));
    step = json.path("step").asInt();
  }
}
