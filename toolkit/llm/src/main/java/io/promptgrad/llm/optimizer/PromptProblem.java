package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.instruction.ChatLayout;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What every optimizer is given.
 *
 * @param calls all calls of the run; the cost of a step is read from it
 * @param scorer scores prompts on examples
 * @param proposer the model that writes prompts
 * @param task the examples
 * @param layout how prompt and example are shown to the scored model, for proposers to see
 * @param seeds prompts to begin with, at least one
 * @param selection what the result is chosen by
 * @param random all randomness of the run
 */
public record PromptProblem(
    ModelCalls calls,
    PromptScorer scorer,
    Proposer proposer,
    Task task,
    ChatLayout layout,
    List<InstructionPrompt> seeds,
    Selection selection,
    RandomSource random) {

  /** What the result is chosen by. */
  public enum Selection {
    /** The score on dev, measured for each prompt that is the best so far on train. */
    DEV,
    /** The score on the search's own examples, as most papers do; dev is left alone. */
    TRAIN
  }

  /** Copies the list and refuses an empty one. */
  public PromptProblem {
    Objects.requireNonNull(calls, "calls");
    Objects.requireNonNull(scorer, "scorer");
    Objects.requireNonNull(proposer, "proposer");
    Objects.requireNonNull(task, "task");
    Objects.requireNonNull(layout, "layout");
    Objects.requireNonNull(selection, "selection");
    Objects.requireNonNull(random, "random");
    seeds = List.copyOf(seeds);
    if (seeds.isEmpty()) {
      throw new InvalidInputException(
          "The search has no prompt to begin with; give at least one instruction.");
    }
  }

  /**
   * Returns training examples that stay the same for the whole run.
   *
   * @param component names the draw
   * @param n how many; 0 for all, and never more than there are
   */
  List<Example> fixedTrain(String component, int n) {
    return n == 0 || n >= task.train().size() ? task.train() : draw(component, 0, n);
  }

  /** Returns n different training examples, drawn for a step, in the order of the draw. */
  List<Example> draw(String component, long step, int n) {
    int[] order = RandomSource.permutation(task.train().size(), random.stream(component, step));
    List<Example> drawn = new ArrayList<>();
    for (int i = 0; i < Math.min(n, order.length); i++) {
      drawn.add(task.train().get(order[i]));
    }
    return drawn;
  }

  /** Returns the name of a draw of the proposer: equal in a resumed run, different in another. */
  String sample(int step, int number) {
    return random.seed() + "/" + step + "/" + number;
  }

  /** Returns the counts of calls and proposals for a checkpoint. */
  ObjectNode saveCalls() {
    ObjectNode json = calls.save();
    json.set("proposals", proposer.save()); // beside the meters, by role
    return json;
  }

  /** Goes on from what {@link #saveCalls} wrote. */
  void restoreCalls(JsonNode json) {
    calls.restore(json);
    proposer.restore(json.path("proposals"));
  }
}
