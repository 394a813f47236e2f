package io.promptgrad.llm.policy;

import io.promptgrad.input.InvalidInputException;
import java.time.Duration;
import java.util.OptionalLong;

/**
 * How a server is treated.
 *
 * <p>After the n-th failed attempt of a request it waits {@code firstWait * 2^(n-1)}, at most
 * {@code longestWait}, times a factor between 0.5 and 1.5, or as long as the server's Retry-After
 * says.
 *
 * @param concurrency most requests on their way at once
 * @param requestsPerMinute most requests in a minute
 * @param tokensPerMinute most tokens in a minute, read and written
 * @param attempts attempts for one request before giving up
 * @param firstWait the wait after the first failure
 * @param longestWait the longest wait; a Retry-After beyond it ends the run, to be resumed later
 * @param restAfter the circuit breaker: so many failed attempts in a row, of all requests together,
 *     and nothing is sent for {@code rest}; then one attempt decides whether to go on
 * @param rest how long nothing is sent then; doubled each time, up to {@code longestWait}
 */
public record Limits(
    int concurrency,
    OptionalLong requestsPerMinute,
    OptionalLong tokensPerMinute,
    int attempts,
    Duration firstWait,
    Duration longestWait,
    int restAfter,
    Duration rest) {

  /** Checks the ranges. */
  public Limits {
    atLeastOne("concurrency", concurrency);
    requestsPerMinute.ifPresent(value -> atLeastOne("requests_per_minute", value));
    tokensPerMinute.ifPresent(value -> atLeastOne("tokens_per_minute", value));
    atLeastOne("attempts", attempts);
    atLeastOne("rest_after", restAfter);
    if (firstWait.isNegative() || longestWait.compareTo(firstWait) < 0 || rest.isNegative()) {
      throw new InvalidInputException(
          "The waits are %s, at most %s, and a rest of %s; they must not be negative, and the longest not the shortest."
              .formatted(firstWait, longestWait, rest));
    }
  }

  private static void atLeastOne(String name, long value) {
    if (value < 1) {
      throw new InvalidInputException(
          "The option %s is %d; it must be at least 1.".formatted(name, value));
    }
  }

  /** Eight requests at once, eight attempts over about two minutes, a rest after 20 failures. */
  public static Limits defaults() {
    return new Limits(
        8,
        OptionalLong.empty(),
        OptionalLong.empty(),
        8,
        Duration.ofSeconds(1),
        Duration.ofMinutes(1),
        20,
        Duration.ofSeconds(5));
  }

  /** Returns this with another number of requests at once. */
  public Limits withConcurrency(int most) {
    return new Limits(
        most,
        requestsPerMinute,
        tokensPerMinute,
        attempts,
        firstWait,
        longestWait,
        restAfter,
        rest);
  }

  /** Returns this with limits for each minute. */
  public Limits withRates(OptionalLong requests, OptionalLong tokens) {
    return new Limits(
        concurrency, requests, tokens, attempts, firstWait, longestWait, restAfter, rest);
  }

  /** Returns this with another patience. */
  public Limits withAttempts(int most, Duration first, Duration longest) {
    return new Limits(
        concurrency, requestsPerMinute, tokensPerMinute, most, first, longest, restAfter, rest);
  }

  /** Returns this with another circuit breaker. */
  public Limits withRest(int afterFailures, Duration length) {
    return new Limits(
        concurrency,
        requestsPerMinute,
        tokensPerMinute,
        attempts,
        firstWait,
        longestWait,
        afterFailures,
        length);
  }
}
