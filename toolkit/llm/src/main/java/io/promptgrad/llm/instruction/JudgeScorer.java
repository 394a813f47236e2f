package io.promptgrad.llm.instruction;

import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Lets a judge, another model, say how good an answer is: from -5 to 5, which becomes 0 to 1. An
 * example's label, if it has one, is shown to the judge as a good answer. A verdict that cannot be
 * read is asked for once more; then the example has failed.
 *
 * <p>The judge should not be the model that writes the prompts: it would please itself.
 */
public final class JudgeScorer implements ExampleScorer {

  private static final double MOST = 5;

  private final Llm model;
  private final ChatLayout layout;
  private final Sampling sampling;
  private final Llm judge;
  private final String criterion;

  /**
   * @param criterion what a good answer is, in words
   */
  public JudgeScorer(Llm model, ChatLayout layout, Sampling sampling, Llm judge, String criterion) {
    this.model = Objects.requireNonNull(model, "model");
    this.layout = Objects.requireNonNull(layout, "layout");
    this.sampling = Objects.requireNonNull(sampling, "sampling");
    this.judge = Objects.requireNonNull(judge, "judge");
    this.criterion = Objects.requireNonNull(criterion, "criterion");
  }

  @Override
  public Outcome score(InstructionPrompt prompt, Example example) {
    return run(prompt, example).outcome();
  }

  @Override
  public Rollout run(InstructionPrompt prompt, Example example) {
    try {
      ChatReply answer =
          model.chat(new ChatRequest(layout.messages(prompt, example), sampling, ""));
      if (answer.finish() == ChatReply.Finish.CONTENT_FILTER) {
        return failed(example, "the server's filter took the answer");
      }
      return judged(example, answer.text());
    } catch (CallFailedException e) {
      return failed(example, e.getMessage());
    }
  }

  private Rollout judged(Example example, String answer) {
    String good =
        example.label().isEmpty() ? "" : "\n\nThis would be a good answer:\n" + example.label();
    String question =
        "Judge an answer. What matters: %s\n\nThe question:\n%s%s\n\nThe answer to judge:\n%s\n\nSay in a sentence what is good or bad about it. Then give it a whole number from -5 (useless) to 5 (perfect), between <score> and </score>."
            .formatted(criterion, layout.question(example), good, answer);
    for (String draw : new String[] {"", "again"}) {
      String verdict = judge.chat(ChatRequest.of(question, Sampling.greedy(512), draw)).text();
      OptionalDouble points = points(verdict);
      if (points.isPresent()) {
        Outcome outcome =
            new Outcome(
                example.id(),
                example.label(),
                answer,
                points.getAsDouble(),
                0,
                Map.of(),
                Optional.empty());
        return new Rollout(outcome, answer, verdict);
      }
    }
    return failed(example, "the judge's verdict cannot be read");
  }

  /** The points of a verdict, from 0 to 1; empty if there are none. */
  static OptionalDouble points(String verdict) {
    Optional<String> text = Tags.last(verdict, "score");
    try {
      double points = Double.parseDouble(text.orElse("none").replaceAll("^\\+|\\s*/\\s*5$", ""));
      double clipped = Math.max(-MOST, Math.min(MOST, points));
      return Double.isNaN(points)
          ? OptionalDouble.empty()
          : OptionalDouble.of((clipped + MOST) / (2 * MOST));
    } catch (NumberFormatException e) {
      return OptionalDouble.empty();
    }
  }

  private static Rollout failed(Example example, String why) {
    return Rollout.of(Outcome.failed(example.id(), example.label(), 0, why), "");
  }
}
