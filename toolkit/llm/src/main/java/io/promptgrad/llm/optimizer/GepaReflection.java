package io.promptgrad.llm.optimizer;

import io.promptgrad.llm.parse.Fences;
import java.util.List;
import java.util.Optional;

/**
 * What GEPA asks the proposer: to write a component anew, in view of what came of the present one.
 *
 * @param current the component's text
 * @param uses what it was given, what it said, and feedback on that
 * @param rejected texts that were tried in its place and were no better
 */
record GepaReflection(String current, List<TextProgram.Use> uses, List<String> rejected) {

  String question() {
    StringBuilder examples = new StringBuilder();
    for (int i = 0; i < uses.size(); i++) {
      TextProgram.Use use = uses.get(i);
      examples.append(
          "# Example %d\n## Inputs\n%s\n\n## Generated Outputs\n%s\n\n## Feedback\n%s\n\n"
              .formatted(i + 1, use.inputs(), use.output(), use.feedback()));
    }
    StringBuilder others = new StringBuilder();
    for (String text : rejected) {
      others.append("```\n").append(text).append("\n```\n");
    }
    return "An assistant was given these instructions for a task:\n```\n%s\n```\n\nHere are examples of what it was given, what it wrote, and feedback on that:\n```\n%s```\n\n%sWrite new instructions for the assistant. Work out from the inputs what the task is and what its inputs look like. Read the feedback: keep every fact about this kind of task that the assistant may not know, and every way of going about it that worked. Do not repeat the examples themselves. Write the new instructions between triple backticks."
        .formatted(
            current,
            examples,
            others.isEmpty()
                ? ""
                : "These new instructions were tried and were no better, so write others:\n"
                    + others
                    + "\n");
  }

  /** What the examples gave, for the guard against copies. */
  String inputs() {
    return String.join("\n", uses.stream().map(TextProgram.Use::inputs).toList());
  }

  /**
   * Returns the text between the outermost fences; empty if there are none.
   *
   * @param whole takes an answer without fences whole, as the original does
   */
  static Optional<String> read(String answer, boolean whole) {
    Optional<String> fenced = Fences.outermost(answer);
    return fenced.isEmpty() && whole && !answer.isBlank() ? Optional.of(answer.strip()) : fenced;
  }
}
