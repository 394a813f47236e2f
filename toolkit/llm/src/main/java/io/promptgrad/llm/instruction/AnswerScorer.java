package io.promptgrad.llm.instruction;

import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.Objects;

/**
 * Asks the model and grades its answer. An answer that the server's filter took, and a request that
 * it refuses, are outcomes that failed: asking again would not change them.
 */
public final class AnswerScorer implements ExampleScorer {

  private final Llm model;
  private final ChatLayout layout;
  private final Sampling sampling;
  private final Grader grader;

  /**
   * @param sampling how answers are drawn; with a temperature, too, an example has one answer
   */
  public AnswerScorer(Llm model, ChatLayout layout, Sampling sampling, Grader grader) {
    this.model = Objects.requireNonNull(model, "model");
    this.layout = Objects.requireNonNull(layout, "layout");
    this.sampling = Objects.requireNonNull(sampling, "sampling");
    this.grader = Objects.requireNonNull(grader, "grader");
  }

  @Override
  public Outcome score(InstructionPrompt prompt, Example example) {
    return run(prompt, example).outcome();
  }

  @Override
  public Rollout run(InstructionPrompt prompt, Example example) {
    ChatReply reply;
    try {
      reply = model.chat(new ChatRequest(layout.messages(prompt, example), sampling, ""));
    } catch (CallFailedException e) {
      return Rollout.of(Outcome.failed(example.id(), example.label(), 0, e.getMessage()), "");
    }
    if (reply.finish() == ChatReply.Finish.CONTENT_FILTER) {
      return Rollout.of(
          Outcome.failed(example.id(), example.label(), 0, "the server's filter took the answer"),
          "");
    }
    return Rollout.of(grader.grade(example, reply.text()), reply.text());
  }
}
