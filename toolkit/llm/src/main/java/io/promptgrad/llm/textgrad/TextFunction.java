package io.promptgrad.llm.textgrad;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/** A plain function of texts as a part of a pipeline, with its purpose in words. */
public final class TextFunction {

  private final String purpose;
  private final Function<List<String>, String> function;

  /**
   * @param purpose what the function does, for those who give feedback
   */
  public TextFunction(String purpose, Function<List<String>, String> function) {
    this.purpose = Objects.requireNonNull(purpose, "purpose");
    this.function = Objects.requireNonNull(function, "function");
  }

  /** Applies the function. */
  public Variable forward(List<Variable> inputs, String role) {
    String value = function.apply(inputs.stream().map(Variable::value).toList());
    return Variable.made(value, role, inputs, this::backward);
  }

  private void backward(Variable output, TextEngine engine) {
    List<String> given = new ArrayList<>();
    output.predecessors().forEach(p -> given.add("%s: %s".formatted(p.role(), p.value())));
    String conversation =
        "<FUNCTION_PURPOSE>%s</FUNCTION_PURPOSE>\n<INPUTS_TO_FUNCTION>%s</INPUTS_TO_FUNCTION>\n<OUTPUT_OF_FUNCTION>%s</OUTPUT_OF_FUNCTION>"
            .formatted(purpose, String.join("\n", given), output.value());
    for (Variable before : output.predecessors()) {
      if (before.requiresGradient()) {
        Feedback.ask(before, output, conversation, false, engine);
      }
    }
  }

  /**
   * Joins texts, such as the losses of a batch. Feedback on the sum goes to each of them as it is;
   * without any there is nothing to hand on, and each is made better by itself.
   */
  public static Variable sum(List<Variable> texts) {
    String value = String.join("\n", texts.stream().map(Variable::value).toList());
    return Variable.made(value, "sum of evaluations", texts, (o, e) -> handOn(o));
  }

  private static void handOn(Variable output) {
    String feedback = output.gradientText();
    for (Variable before : output.predecessors()) {
      if (before.requiresGradient() && !feedback.isEmpty()) {
        before.addGradient(new Variable.Gradient(feedback, ""));
      }
    }
  }

  /** Lets the engine summarize texts; feedback on the summary goes to each of them. */
  public static Variable aggregate(List<Variable> texts, TextEngine engine) {
    StringBuilder items = new StringBuilder();
    texts.forEach(text -> items.append("<FEEDBACK>%s</FEEDBACK>\n".formatted(text.value())));
    String joined = String.join("\n", texts.stream().map(Variable::value).toList());
    String value =
        engine
            .ask("You summarize feedback. Keep every point, say nothing twice.", items.toString())
            .orElse(joined);
    return Variable.made(value, "summary of evaluations", texts, (o, e) -> handOn(o));
  }
}
