package io.promptgrad.llm.textgrad;

import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;

/** An evaluation in words: a language model that is told how to evaluate. */
public final class TextLoss {

  private final Variable instruction;
  private final LlmCall call;

  /**
   * @param instruction how to evaluate, as system prompt of the call
   */
  public TextLoss(String instruction, Llm model, Sampling sampling) {
    this.instruction = Variable.constant(instruction, "instruction for the evaluation");
    this.call = new LlmCall(model, sampling, false);
  }

  /** Evaluates a text. */
  public Variable forward(Variable text) {
    return call.forward(instruction, text, "evaluation");
  }
}
