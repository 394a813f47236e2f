package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.instruction.Rollout;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
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

  /**
   * One instruction, whole or in parts: the components' texts in their order, with blank lines in
   * between. What is said about a component is what is said about the whole.
   */
  static TextProgram instruction(PromptProblem problem) {
    PromptScorer scorer = problem.scorer();
    return new TextProgram() {
      @Override
      public List<Run> run(Map<String, String> texts, List<Example> examples) {
        List<Rollout> rollouts = scorer.rollouts(prompt(texts), examples);
        List<Run> runs = new ArrayList<>();
        for (int i = 0; i < examples.size(); i++) {
          Rollout rollout = rollouts.get(i);
          String question = problem.layout().question(examples.get(i));
          Use use = new Use(question, rollout.output(), rollout.feedback());
          Map<String, Use> uses = new HashMap<>();
          texts.keySet().forEach(name -> uses.put(name, use));
          runs.add(new Run(rollout, uses));
        }
        return runs;
      }

      @Override
      public InstructionPrompt prompt(Map<String, String> texts) {
        return InstructionPrompt.of(String.join("\n\n", texts.values()));
      }
    };
  }

  /**
   * The components of an instruction: its paragraphs, which blank lines separate.
   *
   * @throws InvalidInputException if there is only one
   */
  static Map<String, String> paragraphs(String instruction) {
    Map<String, String> texts = new LinkedHashMap<>();
    for (String paragraph : instruction.strip().split("\\n\\s*\\n")) {
      texts.put("paragraph " + (texts.size() + 1), paragraph.strip());
    }
    if (texts.size() < 2) {
      throw new InvalidInputException(
          "The first seed prompt has one paragraph, but its paragraphs are the components; separate some by blank lines.");
    }
    return texts;
  }
}
