package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The model that writes prompts. An answer that cannot be read is asked for again, as another draw;
 * after some attempts there is none, and why.
 *
 * <p>Where there are {@link TextEdit}s and less than {@link #LEAST_SHARE} of the answers can be
 * read, the model is asked no more: edits of the prompts at hand stand in for its answers, counted
 * apart. So a search goes on with a model too small to follow it, or with none.
 */
public final class Proposer {

  /** With a smaller share of readable answers edits take over. */
  public static final double LEAST_SHARE = 0.2;

  /** So many answers are looked at before the share means anything. */
  private static final int ENOUGH_ANSWERS = 5;

  private final ModelCalls calls;
  private final Optional<Llm> model;
  private final int attempts;
  private final List<TextEdit> edits;
  private final RandomSource random;
  private final AtomicLong answers = new AtomicLong();
  private final AtomicLong readable = new AtomicLong();
  private final AtomicLong edited = new AtomicLong();

  /**
   * A question, and how its answer is read.
   *
   * @param sample names the draw, see {@link ChatRequest#sample}
   * @param reader the answer's text to what was asked for; empty if it cannot be read
   * @param otherwise what stands in for an answer where edits do
   * @param counted whether it says something about the model that its answer can be read: any text
   *     is a critique
   */
  record Question<T>(
      List<Message> messages,
      Sampling sampling,
      String sample,
      Function<String, Optional<T>> reader,
      Function<Edits, Optional<T>> otherwise,
      boolean counted) {

    /** A question of one user message, for which no edit stands in. */
    static <T> Question<T> of(
        String text, Sampling sampling, String sample, Function<String, Optional<T>> reader) {
      return new Question<>(
          List.of(Message.user(text)), sampling, sample, reader, edits -> Optional.empty(), true);
    }

    Question<T> otherwise(Function<Edits, Optional<T>> how) {
      return new Question<>(messages, sampling, sample, reader, how, counted);
    }

    Question<T> uncounted() {
      return new Question<>(messages, sampling, sample, reader, otherwise, false);
    }
  }

  /**
   * What came of a question.
   *
   * @param value what was read
   * @param why why there is no value; "" if there is one
   */
  record Proposal<T>(Optional<T> value, String why) {}

  /**
   * A model, and edits for the case that its answers cannot be read.
   *
   * @param model empty: edits alone
   * @param attempts answers to one question before going without, at least 1
   * @param edits empty: a model whose answers cannot be read is asked on and on
   * @param random decides on the edits
   */
  public Proposer(
      ModelCalls calls,
      Optional<Llm> model,
      int attempts,
      List<TextEdit> edits,
      RandomSource random) {
    this.calls = Objects.requireNonNull(calls, "calls");
    this.model = Objects.requireNonNull(model, "model");
    this.edits = List.copyOf(edits);
    this.random = Objects.requireNonNull(random, "random");
    if (attempts < 1) {
      throw new IllegalArgumentException("attempts must be at least 1, but is " + attempts);
    }
    if (model.isEmpty() && edits.isEmpty()) {
      throw new IllegalArgumentException("neither a model nor an edit proposes anything");
    }
    this.attempts = attempts;
  }

  /** A model without edits. */
  public Proposer(ModelCalls calls, Llm model, int attempts) {
    this(calls, Optional.of(model), attempts, List.of(), new RandomSource(0));
  }

  /** Three attempts for each question. */
  public Proposer(ModelCalls calls, Llm model) {
    this(calls, model, 3);
  }

  /**
   * Returns the model itself, for methods that read its answers in their own way; where there are
   * only edits, one that must not be asked.
   */
  public Llm model() {
    return model.orElse(new Nobody());
  }

  /** Stands where a method wants a model and there is none. */
  private record Nobody() implements Llm {

    @Override
    public String model() {
      return "nobody";
    }

    @Override
    public String identity() {
      return "nobody";
    }

    @Override
    public ChatReply chat(ChatRequest request) {
      throw new IllegalStateException("There is no model that proposes.");
    }

    @Override
    public Scoring scoring() {
      return new Scoring(Scoring.Kind.NONE, "there is no model that proposes");
    }

    @Override
    public TextScore score(ScoreRequest request) {
      throw new IllegalStateException("There is no model that proposes.");
    }
  }

  /** Asks all questions together and returns what came of each, in their order. */
  <T> List<Proposal<T>> ask(List<Question<T>> questions) {
    // Decided before the first of them, so that it does not depend on which is answered first.
    if (editing()) {
      return questions.stream().map(this::edit).toList();
    }
    List<Proposal<T>> proposals =
        calls.all(questions.stream().<Supplier<Proposal<T>>>map(one -> () -> answer(one)).toList());
    if (!editing()) {
      return proposals;
    }
    // These answers decided it: what could not be read of them is made up for.
    List<Proposal<T>> completed = new ArrayList<>();
    for (int i = 0; i < proposals.size(); i++) {
      Proposal<T> proposal = proposals.get(i);
      completed.add(proposal.value().isPresent() ? proposal : edit(questions.get(i)));
    }
    return completed;
  }

  /** Asks one question. */
  <T> Proposal<T> ask(Question<T> question) {
    return ask(List.of(question)).get(0);
  }

  /** Whether edits have taken over, or were all there is from the beginning. */
  public boolean editing() {
    if (model.isEmpty()) {
      return true;
    }
    boolean instead =
        !edits.isEmpty() && answers.get() >= ENOUGH_ANSWERS && readableShare() < LEAST_SHARE;
    if (instead) {
      calls.warn(
          "Less than %.0f %% of the proposer's answers could be read, so edits of the prompts at hand took over from it; take a model that follows instructions."
              .formatted(100 * LEAST_SHARE));
    }
    return instead;
  }

  private <T> Proposal<T> edit(Question<T> question) {
    Edits how = new Edits(edits, random.stream("proposer.edits." + question.sample(), 0));
    Optional<T> value = question.otherwise().apply(how);
    if (value.isEmpty()) {
      return new Proposal<>(value, "no edit stands in for this answer");
    }
    edited.incrementAndGet();
    return new Proposal<>(value, "");
  }

  /** Counts an answer that was read elsewhere. */
  void count(boolean wasReadable) {
    answers.incrementAndGet();
    readable.addAndGet(wasReadable ? 1 : 0);
  }

  private <T> Proposal<T> answer(Question<T> question) {
    String why = "";
    for (int n = 0; n < attempts; n++) {
      String sample = question.sample() + (n == 0 ? "" : "/again" + n);
      ChatReply reply;
      try {
        reply =
            model
                .orElseThrow()
                .chat(new ChatRequest(question.messages(), question.sampling(), sample));
      } catch (CallFailedException e) {
        answers.addAndGet(question.counted() ? 1 : 0);
        return new Proposal<>(Optional.empty(), "refused: " + e.getMessage());
      }
      answers.addAndGet(question.counted() ? 1 : 0);
      Optional<T> value = question.reader().apply(reply.text());
      if (value.isPresent()) {
        readable.addAndGet(question.counted() ? 1 : 0);
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

  /** Returns what is counted: answers, how many of them could be read, and edits instead. */
  public ObjectNode save() {
    return Json.object()
        .put("answers", answers.get())
        .put("readable", readable.get())
        .put("edits", edited.get());
  }

  /** Goes on from what {@link #save} wrote. */
  void restore(JsonNode json) {
    answers.set(json.path("answers").asLong());
    readable.set(json.path("readable").asLong());
    edited.set(json.path("edits").asLong());
  }
}
