package io.promptgrad.llm.optimizer;

import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.instruction.Rollout;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A system whose behaviour is set by named texts: one instruction, or the prompts of a pipeline.
 */
public interface TextProgram {

  /**
   * What became of an example.
   *
   * @param rollout the outcome of the whole
   * @param records for each component what it was given, what it said and what is to be said about
   *     it; components that took no part are left out
   */
  record Run(Rollout rollout, Map<String, Use> records) {

    /** Copies the map. */
    public Run {
      records = Map.copyOf(records);
    }
  }

  /** One use of a component. */
  record Use(String inputs, String output, String feedback) {}

  /**
   * Runs the examples, each counted as an evaluation; a failure is an outcome with the value 0.
   *
   * @param texts the text of each component
   * @return one for each example, in their order
   */
  List<Run> run(Map<String, String> texts, List<Example> examples);

  /** Returns the texts as what a search finds. */
  Prompt prompt(Map<String, String> texts);

  /** One instruction, under the name {@code instruction}. */
  static TextProgram instruction(PromptProblem problem) {
    PromptScorer scorer = problem.scorer();
    return new TextProgram() {
      @Override
      public List<Run> run(Map<String, String> texts, List<Example> examples) {
        List<Rollout> rollouts =
            scorer.rollouts(InstructionPrompt.of(texts.get("instruction")), examples);
        List<Run> runs = new ArrayList<>();
        for (int i = 0; i < examples.size(); i++) {
          Rollout rollout = rollouts.get(i);
          Use use =
              new Use(
                  problem.layout().question(examples.get(i)), rollout.output(), rollout.feedback());
          runs.add(new Run(rollout, Map.of("instruction", use)));
        }
        return runs;
      }

      @Override
      public Prompt prompt(Map<String, String> texts) {
        return InstructionPrompt.of(texts.get("instruction"));
      }
    };
  }
}
