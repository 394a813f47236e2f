package io.promptgrad.llm.textgrad;

import io.promptgrad.llm.parse.Tags;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Rewrites parameters by their feedback (TextGrad's TGD, section 3.3). A parameter without
 * feedback, or for which no rewrite could be read, stays as it is.
 *
 * @param constraints what every rewrite has to keep to, in words
 * @param examples texts as rewrites might be; may be empty
 * @param shortened whether long variables are shown cut to their ends, as the original does
 */
public record TextualGradientDescent(
    List<String> constraints, List<String> examples, boolean shortened) {

  private static final String TAG = "IMPROVED_VARIABLE";

  private static final String SYSTEM =
      """
      You are part of a system that improves a text, the variable. You are sent the variable, its role \
      and feedback on it; you answer with a better variable. Feedback may be wrong or beside the point: \
      take what helps. Write the new variable between <IMPROVED_VARIABLE> and </IMPROVED_VARIABLE>, all \
      of it and nothing else.\
      """;

  /** Copies the lists. */
  public TextualGradientDescent {
    constraints = List.copyOf(constraints);
    examples = List.copyOf(examples);
  }

  /** No constraints, no examples, everything shown in full. */
  public static TextualGradientDescent plain() {
    return new TextualGradientDescent(List.of(), List.of(), false);
  }

  /**
   * Returns the rewrite of a parameter, which it does not change.
   *
   * @param past earlier values with the feedback that they got, oldest first: the momentum
   */
  public Optional<String> rewrite(Variable parameter, List<String> past, TextEngine engine) {
    if (parameter.gradients().isEmpty()) {
      return Optional.empty();
    }
    return engine.ask(SYSTEM, question(parameter, past), answer -> Tags.first(answer, TAG));
  }

  String question(Variable parameter, List<String> past) {
    StringBuilder question =
        new StringBuilder(
            "<ROLE>%s</ROLE>\n\n<VARIABLE>%s</VARIABLE>\n\nThe variable in its surroundings, and the feedback:\n<CONTEXT>\n"
                .formatted(
                    parameter.role(), shortened ? parameter.shortened() : parameter.value()));
    for (Variable.Gradient gradient : parameter.gradients()) {
      if (!gradient.context().isEmpty()) {
        question.append("<CONVERSATION>%s</CONVERSATION>\n".formatted(gradient.context()));
      }
      question.append("<FEEDBACK>%s</FEEDBACK>\n\n".formatted(gradient.feedback()));
    }
    question.append("</CONTEXT>\n\n");
    List<String> parts = new ArrayList<>();
    part(
        parts,
        "PAST_ITERATIONS",
        "Earlier versions; where feedback repeats itself, change more",
        past);
    part(parts, "CONSTRAINTS", "Keep to these constraints", constraints);
    part(parts, "EXAMPLES", "Texts as the new variable might be", examples);
    parts.forEach(question::append);
    return question
        .append("Write the new variable between <%s> and </%s>.".formatted(TAG, TAG))
        .toString();
  }

  private static void part(List<String> parts, String tag, String intro, List<String> items) {
    if (!items.isEmpty()) {
      parts.add("%s:\n<%s>\n%s\n</%s>\n\n".formatted(intro, tag, String.join("\n", items), tag));
    }
  }
}
