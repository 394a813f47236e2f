package io.promptgrad.llm.instruction;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Lets the model choose among short labels, such as A to D, and reads how likely it found each from
 * the alternatives of its answer's first token. Needs a server that gives {@code top_logprobs}.
 *
 * <p>A label that is not among the alternatives, or less likely than {@link #FLOOR}, counts with
 * {@link #FLOOR}: else an unlikely label that is listed would cost more than one that is not.
 */
public final class ChoiceScorer implements ExampleScorer {

  /** ln(1e-4), in nats. */
  public static final double FLOOR = Math.log(1e-4);

  private final Llm model;
  private final ChatLayout layout;
  private final List<String> labels;
  private final Sampling sampling;
  private final Objective objective;

  /** What an example is worth. */
  public enum Objective {
    /** 1 if the likeliest label is the gold one, else 0. */
    ACCURACY,
    /** The gold label's log-probability, in nats: the negative cross entropy. */
    LOG_PROBABILITY
  }

  /**
   * Labels that the model is held to, by the field {@code guided_choice} of the request: for a
   * model of this machine, or a server that gives the labels' own log-probabilities. They may be of
   * any length.
   */
  public static ChoiceScorer guided(
      Llm model, ChatLayout layout, Collection<String> labels, Objective objective) {
    ObjectNode choice = Json.object();
    labels.forEach(choice.putArray("guided_choice")::add);
    Sampling sampling = Sampling.greedy(1).withTopLogProbs(labels.size()).withExtra(choice);
    return new ChoiceScorer(model, layout, labels, sampling, objective);
  }

  /**
   * @param labels no two may begin with the same token; in doubt use letters
   * @param alternatives how many the server is asked for, at most 20
   */
  public ChoiceScorer(
      Llm model,
      ChatLayout layout,
      Collection<String> labels,
      int alternatives,
      Objective objective) {
    this(model, layout, labels, Sampling.greedy(1).withTopLogProbs(alternatives), objective);
  }

  private ChoiceScorer(
      Llm model,
      ChatLayout layout,
      Collection<String> labels,
      Sampling sampling,
      Objective objective) {
    this.model = Objects.requireNonNull(model, "model");
    this.layout = Objects.requireNonNull(layout, "layout");
    this.labels = List.copyOf(labels);
    this.sampling = Objects.requireNonNull(sampling, "sampling");
    this.objective = Objects.requireNonNull(objective, "objective");
  }

  @Override
  public Outcome score(InstructionPrompt prompt, Example example) {
    ChatReply reply;
    try {
      reply = model.chat(new ChatRequest(layout.messages(prompt, example), sampling, ""));
    } catch (CallFailedException e) {
      return failed(example, e.getMessage());
    }
    if (reply.finish() == ChatReply.Finish.CONTENT_FILTER) {
      return failed(example, "the server's filter took the answer");
    }
    if (reply.tokens().isEmpty()) {
      throw new InvalidInputException(
          "%s gives no log-probabilities of its answers; score answers instead of choices."
              .formatted(model.identity()));
    }
    Map<String, Double> scores = scores(reply);
    String predicted = labels.get(0);
    int rank = 1;
    for (String label : labels) {
      predicted = scores.get(label) > scores.get(predicted) ? label : predicted;
      rank += scores.get(label) > scores.getOrDefault(example.label(), FLOOR) ? 1 : 0;
    }
    double gold = scores.getOrDefault(example.label(), FLOOR);
    boolean right = predicted.equals(example.label()) && gold > FLOOR;
    return new Outcome(
        example.id(),
        example.label(),
        predicted,
        objective == Objective.LOG_PROBABILITY ? gold : right ? 1 : 0,
        rank,
        scores,
        Optional.empty());
  }

  private Outcome failed(Example example, String why) {
    double value = objective == Objective.LOG_PROBABILITY ? FLOOR : 0;
    return Outcome.failed(example.id(), example.label(), value, why);
  }

  /** Each label's log-probability: the sum over the tokens that are its beginning. */
  private Map<String, Double> scores(ChatReply reply) {
    Map<String, Double> alternatives = new LinkedHashMap<>(reply.tokens().get(0).alternatives());
    alternatives.putIfAbsent(reply.tokens().get(0).token(), reply.tokens().get(0).logProb());
    Map<String, Double> scores = new LinkedHashMap<>();
    if (alternatives.keySet().containsAll(labels)) { // the labels themselves, not their tokens
      labels.forEach(label -> scores.put(label, Math.max(FLOOR, alternatives.get(label))));
      return scores;
    }
    for (String label : labels) {
      double probability = 0;
      for (Map.Entry<String, Double> one : alternatives.entrySet()) {
        String token = one.getKey().strip().toLowerCase(Locale.ROOT);
        // " A", "A" and "a" are tokens of their own and mean the same.
        if (!token.isEmpty() && label.toLowerCase(Locale.ROOT).startsWith(token)) {
          probability += Math.exp(one.getValue());
        }
      }
      scores.put(label, Math.max(FLOOR, Math.log(probability)));
    }
    return scores;
  }
}
