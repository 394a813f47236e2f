package io.promptgrad.llm.textgrad;

/** The one way in which feedback on a variable is asked for. */
final class Feedback {

  private static final String SYSTEM =
      """
      You are part of a system that improves a text, the variable. You give feedback on the variable; \
      somebody else will rewrite it by your feedback. Do not rewrite it yourself. Say which parts of it \
      help or hurt the objective, and how it should change. Be brief and concrete.

      Tags in what you are sent:
      <LM_SYSTEM_PROMPT>: what a language model was told above the conversation.
      <LM_INPUT>: what it was asked. <LM_OUTPUT>: what it answered.
      <FUNCTION_PURPOSE>, <INPUTS_TO_FUNCTION>, <OUTPUT_OF_FUNCTION>: the same for a plain function.
      <OBJECTIVE_FUNCTION>: what the feedback is to serve.
      <ROLE>: what the variable is for. <VARIABLE>: the variable itself.\
      """;

  private Feedback() {}

  /**
   * Asks for feedback on an input of an output, and adds it to the input.
   *
   * @param conversation how the output was made
   */
  static void ask(
      Variable input, Variable output, String conversation, boolean shortened, TextEngine engine) {
    String downstream = output.gradientText().strip();
    String objective =
        downstream.isEmpty()
            ? "Make the output better: the <%s> has to get a better evaluation."
                .formatted(output.role())
            : "The output of this conversation got the following feedback; give feedback on the variable that helps to meet it:\n"
                + downstream;
    String question =
        "This variable is part of what follows.\n<ROLE>%s</ROLE>\n\n%s\n\n<OBJECTIVE_FUNCTION>%s</OBJECTIVE_FUNCTION>\n\nGive feedback on this variable, with the role of %s:\n<VARIABLE>%s</VARIABLE>"
            .formatted(
                input.role(),
                conversation,
                objective,
                input.role(),
                shortened ? input.shortened() : input.value());
    engine
        .ask(SYSTEM, question)
        .ifPresent(text -> input.addGradient(new Variable.Gradient(text, conversation)));
  }
}
