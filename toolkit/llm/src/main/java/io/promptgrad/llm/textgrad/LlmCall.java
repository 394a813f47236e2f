package io.promptgrad.llm.textgrad;

import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.client.Sampling;
import java.util.List;
import java.util.Objects;

/** A call of a language model as a part of a pipeline: system prompt and input to an answer. */
public final class LlmCall {

  private final Llm model;
  private final Sampling sampling;
  private final boolean shortened;

  /**
   * @param model answers; feedback comes from the engine that {@link Variable#backward} is given
   * @param shortened whether feedback is asked for with long variables cut to their ends, as the
   *     original does
   */
  public LlmCall(Llm model, Sampling sampling, boolean shortened) {
    this.model = Objects.requireNonNull(model, "model");
    this.sampling = Objects.requireNonNull(sampling, "sampling");
    this.shortened = shortened;
  }

  /** Asks the model. */
  public Variable forward(Variable system, Variable input, String role) {
    String answer =
        model
            .chat(
                new ChatRequest(
                    List.of(Message.system(system.value()), Message.user(input.value())),
                    sampling,
                    ""))
            .text();
    return answered(system, input, answer, role);
  }

  /** An answer that was had elsewhere. */
  public Variable answered(Variable system, Variable input, String answer, String role) {
    return Variable.made(answer, role, List.of(system, input), (o, e) -> backward(o, e, shortened));
  }

  private static void backward(Variable output, TextEngine engine, boolean shortened) {
    Variable system = output.predecessors().get(0);
    Variable input = output.predecessors().get(1);
    String conversation =
        "<LM_SYSTEM_PROMPT>%s</LM_SYSTEM_PROMPT>\n<LM_INPUT>%s</LM_INPUT>\n<LM_OUTPUT>%s</LM_OUTPUT>"
            .formatted(system.value(), input.value(), output.value());
    for (Variable before : output.predecessors()) {
      if (before.requiresGradient()) {
        Feedback.ask(before, output, conversation, shortened, engine);
      }
    }
  }
}
