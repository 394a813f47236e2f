package io.promptgrad.llm.client;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * How an answer is drawn. What is empty is left to the server: reasoning models refuse a
 * temperature.
 *
 * @param temperature 0 for the most likely answer
 * @param topP share of the probability that is drawn from
 * @param maxTokens longest answer in tokens; without it no bound on the cost of a call is known
 * @param stop texts at which an answer ends
 * @param topLogProbs how many alternatives are wanted for each token of the answer; empty: no
 *     log-probabilities at all
 * @param seed for servers that take one; the wire's seed is made from it and the request's sample
 * @param extra further fields of the request's body, as they are
 */
public record Sampling(
    OptionalDouble temperature,
    OptionalDouble topP,
    OptionalInt maxTokens,
    List<String> stop,
    OptionalInt topLogProbs,
    OptionalInt seed,
    ObjectNode extra) {

  /** Checks the ranges; copies the collections. */
  public Sampling {
    if (temperature.isPresent() && !(temperature.getAsDouble() >= 0)) {
      throw new InvalidInputException(
          "The temperature is %s; it must be 0 or more.".formatted(temperature.getAsDouble()));
    }
    if (topP.isPresent() && !(topP.getAsDouble() > 0 && topP.getAsDouble() <= 1)) {
      throw new InvalidInputException(
          "The option top_p is %s; it must be above 0 and at most 1."
              .formatted(topP.getAsDouble()));
    }
    if (maxTokens.isPresent() && maxTokens.getAsInt() < 1) {
      throw new InvalidInputException(
          "The option max_tokens is %d; it must be at least 1.".formatted(maxTokens.getAsInt()));
    }
    if (topLogProbs.isPresent() && topLogProbs.getAsInt() < 0) {
      throw new InvalidInputException(
          "The option top_logprobs is %d; it must not be negative."
              .formatted(topLogProbs.getAsInt()));
    }
    Objects.requireNonNull(seed, "seed");
    stop = List.copyOf(stop);
    extra = extra.deepCopy();
  }

  /** The most likely answer, with a bound on its length. */
  public static Sampling greedy(int maxTokens) {
    return of(0, maxTokens);
  }

  /** A temperature and a bound on the length. */
  public static Sampling of(double temperature, int maxTokens) {
    return new Sampling(
        OptionalDouble.of(temperature),
        OptionalDouble.empty(),
        OptionalInt.of(maxTokens),
        List.of(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        Json.object());
  }

  /** Returns the fields of the body, a fresh copy. */
  @Override
  public ObjectNode extra() {
    return extra.deepCopy();
  }

  /** Returns this with another temperature; empty leaves it to the server. */
  public Sampling withTemperature(OptionalDouble value) {
    return new Sampling(value, topP, maxTokens, stop, topLogProbs, seed, extra);
  }

  /** Returns this with a bound on the probability that is drawn from. */
  public Sampling withTopP(double value) {
    return new Sampling(
        temperature, OptionalDouble.of(value), maxTokens, stop, topLogProbs, seed, extra);
  }

  /** Returns this with texts at which an answer ends. */
  public Sampling withStop(List<String> texts) {
    return new Sampling(temperature, topP, maxTokens, texts, topLogProbs, seed, extra);
  }

  /** Returns this with log-probabilities of the answer's tokens and their alternatives. */
  public Sampling withTopLogProbs(int alternatives) {
    return new Sampling(
        temperature, topP, maxTokens, stop, OptionalInt.of(alternatives), seed, extra);
  }

  /** Returns this with a seed. */
  public Sampling withSeed(int value) {
    return new Sampling(
        temperature, topP, maxTokens, stop, topLogProbs, OptionalInt.of(value), extra);
  }

  /** Returns this with further fields of the body. */
  public Sampling withExtra(ObjectNode fields) {
    return new Sampling(temperature, topP, maxTokens, stop, topLogProbs, seed, fields);
  }

  /** Returns every field that is set, for keys of the cache. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    temperature.ifPresent(value -> json.put("temperature", value));
    topP.ifPresent(value -> json.put("top_p", value));
    maxTokens.ifPresent(value -> json.put("max_tokens", value));
    if (!stop.isEmpty()) {
      ArrayNode texts = json.putArray("stop");
      stop.forEach(texts::add);
    }
    topLogProbs.ifPresent(value -> json.put("top_logprobs", value));
    seed.ifPresent(value -> json.put("seed", value));
    if (!extra.isEmpty()) {
      json.set("extra", extra());
    }
    return json;
  }
}
