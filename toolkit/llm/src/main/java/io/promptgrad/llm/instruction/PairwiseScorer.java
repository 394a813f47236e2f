package io.promptgrad.llm.instruction;

import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Lets a judge compare the answer under a prompt with that under a rival, a fixed prompt: 1 if it
 * is better, 0 if it is worse, a half for a tie. The mean over examples is the share of comparisons
 * won, 0.5 for a prompt as good as the rival. Equal answers are a tie without asking; a verdict
 * that cannot be read is an example that failed. For tasks whose answers have no gold, and where
 * judges tell a better answer from a worse one more surely than they give points.
 *
 * <p>The judge should not be the model that writes the prompts: it would please itself.
 */
public final class PairwiseScorer implements ExampleScorer {

  private final Llm model;
  private final ChatLayout layout;
  private final Sampling sampling;
  private final PairwiseJudge judge;
  private final InstructionPrompt rival;

  /** All prompts are compared with the rival, by answers of one model. */
  public PairwiseScorer(
      Llm model,
      ChatLayout layout,
      Sampling sampling,
      PairwiseJudge judge,
      InstructionPrompt rival) {
    this.model = Objects.requireNonNull(model, "model");
    this.layout = Objects.requireNonNull(layout, "layout");
    this.sampling = Objects.requireNonNull(sampling, "sampling");
    this.judge = Objects.requireNonNull(judge, "judge");
    this.rival = Objects.requireNonNull(rival, "rival");
  }

  @Override
  public Outcome score(InstructionPrompt prompt, Example example) {
    return run(prompt, example).outcome();
  }

  @Override
  public Rollout run(InstructionPrompt prompt, Example example) {
    try {
      Optional<String> own = answer(prompt, example);
      Optional<String> other = answer(rival, example);
      if (own.isEmpty() || other.isEmpty()) {
        return failed(example, "the server's filter took an answer");
      }
      Optional<PairwiseJudge.Verdict> verdict =
          own.equals(other)
              ? Optional.of(PairwiseJudge.Verdict.TIE)
              : judge.compare(layout.question(example), own.get(), other.get());
      return verdict
          .map(which -> judged(example, own.get(), other.get(), which))
          .orElseGet(() -> failed(example, "the judge's verdict cannot be read"));
    } catch (CallFailedException e) {
      return failed(example, e.getMessage());
    }
  }

  private Optional<String> answer(InstructionPrompt prompt, Example example) {
    ChatReply reply = model.chat(new ChatRequest(layout.messages(prompt, example), sampling, ""));
    boolean filtered = reply.finish() == ChatReply.Finish.CONTENT_FILTER;
    return filtered ? Optional.empty() : Optional.of(reply.text().strip());
  }

  private static Rollout judged(
      Example example, String own, String other, PairwiseJudge.Verdict verdict) {
    double value =
        switch (verdict) {
          case FIRST -> 1;
          case SECOND -> 0;
          case TIE -> 0.5;
        };
    String feedback =
        switch (verdict) {
          case FIRST -> "This is better than another answer, which was:\n" + other;
          case SECOND -> "This is worse than another answer, which was:\n" + other;
          case TIE -> "This is no better than another answer, which was:\n" + other;
        };
    Outcome outcome =
        new Outcome(example.id(), example.label(), own, value, 0, Map.of(), Optional.empty());
    return new Rollout(outcome, own, feedback);
  }

  private static Rollout failed(Example example, String why) {
    return Rollout.of(Outcome.failed(example.id(), example.label(), 0, why), "");
  }
}
