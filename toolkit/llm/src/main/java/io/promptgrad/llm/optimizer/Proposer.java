package io.promptgrad.llm.optimizer;

import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.client.Sampling;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The model that writes prompts. An answer that cannot be read is asked for again, as another draw;
 * after some attempts there is none, and why.
 */
public final class Proposer {

  private final ModelCalls calls;
  private final Llm model;
  private final int attempts;
  private final AtomicLong answers = new AtomicLong();
  private final AtomicLong readable = new AtomicLong();

  /**
   * A question, and how its answer is read.
   *
   * @param sample names the draw, see {@link ChatRequest#sample}
   * @param reader the answer's text to what was asked for; empty if it cannot be read
   */
  public record Question<T>(
      List<Message> messages,
      Sampling sampling,
      String sample,
      Function<String, Optional<T>> reader) {

    /** A question of one user message. */
    public static <T> Question<T> of(
        String text, Sampling sampling, String sample, Function<String, Optional<T>> reader) {
      return new Question<>(List.of(Message.user(text)), sampling, sample, reader);
    }
  }

  /**
   * What came of a question.
   *
   * @param value what was read
   * @param why why there is no value; "" if there is one
   */
  public record Proposal<T>(Optional<T> value, String why) {}

  /**
   * @param attempts answers to one question before going without, at least 1
   */
  public Proposer(ModelCalls calls, Llm model, int attempts) {
    this.calls = Objects.requireNonNull(calls, "calls");
    this.model = Objects.requireNonNull(model, "model");
    if (attempts < 1) {
      throw new IllegalArgumentException("attempts must be at least 1, but is " + attempts);
    }
    this.attempts = attempts;
  }

  /** Three attempts for each question. */
  public Proposer(ModelCalls calls, Llm model) {
    this(calls, model, 3);
  }

  /** Returns the model itself, for methods that read its answers in their own way. */
  public Llm model() {
    return model;
  }

  /** Asks all questions together and returns what came of each, in their order. */
  public <T> List<Proposal<T>> ask(List<Question<T>> questions) {
    return calls.all(
        questions.stream().<Supplier<Proposal<T>>>map(one -> () -> answer(one)).toList());
  }

  /** Asks one question. */
  public <T> Proposal<T> ask(Question<T> question) {
    return ask(List.of(question)).get(0);
  }

  private <T> Proposal<T> answer(Question<T> question) {
    String why = "";
    for (int n = 0; n < attempts; n++) {
      String sample = question.sample() + (n == 0 ? "" : "/again" + n);
      ChatReply reply;
      try {
        reply = model.chat(new ChatRequest(question.messages(), question.sampling(), sample));
      } catch (CallFailedException e) {
        return new Proposal<>(Optional.empty(), "refused: " + e.getMessage());
      }
      answers.incrementAndGet();
      Optional<T> value = question.reader().apply(reply.text());
      if (value.isPresent()) {
        readable.incrementAndGet();
        return new Proposal<>(value, "");
      }
      why =
          switch (reply.finish()) {
            case CONTENT_FILTER -> "the server's filter took the answer";
            case LENGTH -> "the answer was cut before it could be read";
            default -> "the answer cannot be read";
          };
    }
    return new Proposal<>(Optional.empty(), why + ", " + attempts + " times");
  }

  /** The share of all answers so far that could be read; NaN before the first. */
  public double readableShare() {
    return (double) readable.get() / answers.get();
  }
}
