package io.promptgrad.llm.policy;

import java.time.Duration;

/**
 * Leaves a server alone that answers nobody (Nygard, "Release It!", 2007): after so many failed
 * attempts in a row nothing is sent for a while, then one attempt decides. What is sent by others
 * in the meantime waits; it is not failed.
 */
final class CircuitBreaker {

  private final int after;
  private final Duration rest;
  private final Duration longestRest;
  private int failures; // in a row; guarded by this, like all below
  private int rests; // in a row
  private long restUntil;
  private boolean resting;
  private boolean trying; // the one attempt is on its way

  CircuitBreaker(int after, Duration rest, Duration longestRest) {
    this.after = after;
    this.rest = rest;
    this.longestRest = longestRest;
  }

  /**
   * Asks to send something.
   *
   * @return zero to send it now, else how long to wait before asking again
   */
  synchronized Duration ask(long now) {
    if (!resting) {
      return Duration.ZERO;
    }
    long left = restUntil - now;
    if (left <= 0 && !trying) {
      trying = true;
      return Duration.ZERO;
    }
    // While the one attempt is on its way nobody knows how long it takes: look again soon.
    return Duration.ofNanos(Math.max(left, Duration.ofMillis(20).toNanos()));
  }

  /** An attempt was answered, in whatever way. */
  synchronized void succeeded() {
    failures = 0;
    rests = 0;
    resting = false;
    trying = false;
  }

  /** An attempt was not answered. */
  synchronized void failed(long now) {
    failures++;
    if (resting ? trying : failures >= after) {
      Duration wait = rest.multipliedBy(1L << Math.min(rests, 20));
      wait = wait.compareTo(longestRest) > 0 ? longestRest : wait;
      restUntil = now + wait.toNanos();
      resting = true;
      trying = false;
      rests++;
    }
  }

  /** How many rests in a row the server was given. */
  synchronized int rests() {
    return rests;
  }
}
