package io.promptgrad.llm.policy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.search.RandomSource;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What every attempt to reach one model passes, from whatever thread and for whatever purpose: the
 * circuit breaker, the rate limits, the limit on requests at once, and the waits between attempts.
 */
public final class Gate {

  private static final Logger LOG = LoggerFactory.getLogger(Gate.class);

  private final String name;
  private final Limits limits;
  private final Ticker ticker;
  private final Semaphore places;
  private final Optional<TokenBucket> requests;
  private final Optional<TokenBucket> tokens;
  private final CircuitBreaker breaker;
  private final AtomicLong pausedUntil; // the server asked all of us to wait
  private final AtomicLong failures = new AtomicLong();

  /** One attempt. */
  @FunctionalInterface
  public interface Attempt<T> {

    /**
     * Makes the attempt.
     *
     * @throws CallFailedException if it got no answer
     */
    T make();
  }

  /** How many tokens an answer used. */
  @FunctionalInterface
  public interface Tokens<T> {

    /** Returns the tokens read and written. */
    long of(T answer);
  }

  /**
   * @param name what messages call the model
   */
  public Gate(String name, Limits limits) {
    this(name, limits, Ticker.SYSTEM);
  }

  Gate(String name, Limits limits, Ticker ticker) {
    this.name = name;
    this.limits = limits;
    this.ticker = ticker;
    long now = ticker.nanoTime();
    places = new Semaphore(limits.concurrency(), true);
    requests = bucket(limits.requestsPerMinute(), now);
    tokens = bucket(limits.tokensPerMinute(), now);
    breaker = new CircuitBreaker(limits.restAfter(), limits.rest(), limits.longestWait());
    pausedUntil = new AtomicLong(now);
  }

  private static Optional<TokenBucket> bucket(OptionalLong perMinute, long now) {
    return perMinute.isPresent()
        ? Optional.of(new TokenBucket(perMinute.getAsLong(), now))
        : Optional.empty();
  }

  /** The numbers that this gate keeps to. */
  public Limits limits() {
    return limits;
  }

  /**
   * Makes attempts until one is answered.
   *
   * @param estimate tokens that an attempt is expected to use
   * @throws CallFailedException of kind REFUSED if the server refuses the request
   * @throws InvalidInputException if no attempt was answered; the run can be resumed
   */
  public <T> T pass(long estimate, Tokens<T> used, Attempt<T> attempt) {
    for (int n = 1; ; n++) {
      try {
        T answer = once(estimate, used, attempt);
        breaker.succeeded();
        return answer;
      } catch (CallFailedException e) {
        if (!e.kind().worthAnotherTry()) {
          breaker.succeeded();
          throw e;
        }
        breaker.failed(ticker.nanoTime());
        Duration wait = wait(n, e);
        if (n >= limits.attempts() || breaker.rests() >= limits.attempts()) {
          throw new InvalidInputException(
              "%s did not answer in %d attempts (%s); see to the server and resume."
                  .formatted(name, n, e.getMessage()),
              e);
        }
        LOG.debug("{}: {}; attempt {} in {} ms", name, e.getMessage(), n + 1, wait.toMillis());
        sleep(wait);
      } catch (RuntimeException e) {
        breaker.succeeded(); // whatever it is, the server is not why
        throw e;
      }
    }
  }

  private <T> T once(long estimate, Tokens<T> used, Attempt<T> attempt) {
    awaitPause();
    awaitBreaker();
    boolean answered = false;
    long took = 0;
    try {
      sleep(take(requests, 1));
      sleep(take(tokens, estimate));
      acquire();
      try {
        T answer = attempt.make();
        took = used.of(answer);
        answered = true;
        return answer;
      } finally {
        places.release();
      }
    } finally {
      long unused = answered ? estimate - took : 0; // a lost answer may have been written
      tokens.ifPresent(bucket -> bucket.giveBack(unused, ticker.nanoTime()));
    }
  }

  private Duration take(Optional<TokenBucket> bucket, long amount) {
    return bucket.map(b -> b.take(amount, ticker.nanoTime())).orElse(Duration.ZERO);
  }

  private void acquire() {
    try {
      places.acquire();
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  private void awaitPause() {
    for (long left = left(); left > 0; left = left()) {
      sleep(Duration.ofNanos(left));
    }
  }

  private long left() {
    return pausedUntil.get() - ticker.nanoTime();
  }

  private void awaitBreaker() {
    for (Duration wait = breaker.ask(ticker.nanoTime());
        !wait.isZero();
        wait = breaker.ask(ticker.nanoTime())) {
      sleep(wait);
    }
  }

  /** How long to wait after the n-th failed attempt; a Retry-After makes all others wait too. */
  private Duration wait(int n, CallFailedException failure) {
    if (failure.retryAfter().isEmpty()) {
      return jittered(n);
    }
    Duration wanted = failure.retryAfter().get();
    if (wanted.compareTo(limits.longestWait()) > 0) {
      throw new InvalidInputException(
          "%s wants to be left alone for %d s, longer than the limit of %d s; resume later."
              .formatted(name, wanted.toSeconds(), limits.longestWait().toSeconds()),
          failure);
    }
    long until = ticker.nanoTime() + wanted.toNanos();
    pausedUntil.accumulateAndGet(until, (a, b) -> a - b > 0 ? a : b);
    return wanted;
  }

  /**
   * The exponential wait times 0.5 to 1.5, so that requests that failed together do not come back
   * together. No result depends on these draws.
   */
  private Duration jittered(int n) {
    Duration wait = limits.firstWait().multipliedBy(1L << Math.min(n - 1, 30));
    if (wait.compareTo(limits.longestWait()) > 0) {
      wait = limits.longestWait();
    }
    double factor = 0.5 + new RandomSource(0).stream(name, failures.incrementAndGet()).nextDouble();
    return Duration.ofNanos((long) (wait.toNanos() * factor));
  }

  private void sleep(Duration wait) {
    if (wait.isZero()) {
      return;
    }
    try {
      ticker.sleep(wait);
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  private CancellationException interrupted() {
    Thread.currentThread().interrupt();
    return new CancellationException("interrupted while waiting for " + name);
  }
}
