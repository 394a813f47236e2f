package io.promptgrad.llm.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.CallFailedException.Kind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class GateTest {

  /** Time that passes only by sleeping. */
  private static final class Hand implements Ticker {

    long now = 1_000;
    final List<Duration> slept = new ArrayList<>();

    @Override
    public long nanoTime() {
      return now;
    }

    @Override
    public void sleep(Duration wait) {
      slept.add(wait);
      now += wait.toNanos();
    }
  }

  private final Hand hand = new Hand();
  private final Limits limits =
      Limits.defaults().withAttempts(8, Duration.ofSeconds(1), Duration.ofSeconds(30));

  private static CallFailedException busy(Duration retryAfter) {
    return new CallFailedException(Kind.NOT_TAKEN, "busy", Optional.ofNullable(retryAfter), null);
  }

  private static String failing(int[] left, RuntimeException failure) {
    if (left[0]-- > 0) {
      throw failure;
    }
    return "answer";
  }

  @Test
  void pass_failures_waitLongerEachTimeWithJitter() {
    int[] left = {7};
    Gate gate = new Gate("tiny", limits.withRest(100, Duration.ZERO), hand);
    assertThat(gate.<String>pass(1, a -> 1, () -> failing(left, busy(null)))).isEqualTo("answer");
    // 1, 2, 4, 8, 16, 30 (32 is cut), 30 seconds, each times 0.5 to 1.5.
    long[] seconds = {1, 2, 4, 8, 16, 30, 30};
    assertThat(hand.slept).hasSize(7);
    for (int i = 0; i < seconds.length; i++) {
      assertThat(hand.slept.get(i))
          .isBetween(Duration.ofMillis(seconds[i] * 500), Duration.ofMillis(seconds[i] * 1500));
    }
    assertThat(hand.slept.get(5)).isNotEqualTo(hand.slept.get(6));
  }

  @Test
  void pass_lastAttemptFails_endsTheRunWithASentence() {
    int[] left = {8};
    Gate gate = new Gate("tiny", limits.withRest(100, Duration.ZERO), hand);
    assertThatThrownBy(() -> gate.<String>pass(1, a -> 1, () -> failing(left, busy(null))))
        .isInstanceOf(InvalidInputException.class)
        .hasMessage("tiny did not answer in 8 attempts (busy); see to the server and resume.");
  }

  @Test
  void pass_refused_isNotTriedAgain() {
    int[] left = {1};
    Gate gate = new Gate("tiny", limits, hand);
    assertThatThrownBy(
            () ->
                gate.<String>pass(
                    1, a -> 1, () -> failing(left, new CallFailedException(Kind.REFUSED, "no"))))
        .isInstanceOf(CallFailedException.class);
    assertThat(hand.slept).isEmpty();
  }

  @Test
  void pass_retryAfter_isWaitedForAndHoldsOthersBack() {
    int[] left = {1};
    Gate gate = new Gate("tiny", limits, hand);
    List<Long> sentAt = new ArrayList<>();
    gate.<String>pass(
        1,
        a -> 1,
        () -> {
          sentAt.add(hand.now);
          return failing(left, busy(Duration.ofSeconds(9)));
        });
    assertThat(sentAt.get(1) - sentAt.get(0)).isEqualTo(Duration.ofSeconds(9).toNanos());
    assertThat(hand.slept).containsExactly(Duration.ofSeconds(9));
    assertThatThrownBy(
            () ->
                gate.<String>pass(
                    1, a -> 1, () -> failing(new int[] {1}, busy(Duration.ofHours(1)))))
        .hasMessageContaining("wants to be left alone for 3600 s");
  }

  @Test
  void pass_requestsPerMinute_areKept() {
    Gate gate = new Gate("tiny", limits.withRates(OptionalLong.of(60), OptionalLong.empty()), hand);
    for (int i = 0; i < 90; i++) {
      gate.pass(1, a -> 1, () -> "answer");
    }
    // The bucket holds 60; the other 30 come one per second.
    assertThat(hand.now - 1_000).isBetween(sec(29.9), sec(30.1));
  }

  @Test
  void pass_tokensPerMinute_areKeptByWhatWasUsed() {
    Gate gate =
        new Gate("tiny", limits.withRates(OptionalLong.empty(), OptionalLong.of(6000)), hand);
    for (int i = 0; i < 100; i++) {
      gate.pass(500, a -> 120, () -> "answer");
    }
    // 12,000 tokens used, 6,000 in the bucket, 100 per second: 60 s, and never more than one
    // estimate's difference too late.
    assertThat(hand.now - 1_000).isBetween(sec(59), sec(64));
  }

  @Test
  void pass_lostAnswer_keepsItsTokens() {
    int[] left = {1};
    Gate gate =
        new Gate("tiny", limits.withRates(OptionalLong.empty(), OptionalLong.of(600)), hand);
    gate.<String>pass(600, a -> 600, () -> failing(left, busy(Duration.ZERO)));
    assertThat(hand.now - 1_000).isBetween(sec(59.9), sec(60.1));
  }

  private static long sec(double seconds) {
    return (long) (seconds * 1e9);
  }

  @Test
  void breaker_failuresInARow_restsThenTriesOnce() {
    CircuitBreaker breaker = new CircuitBreaker(3, Duration.ofSeconds(5), Duration.ofSeconds(12));
    for (int i = 0; i < 2; i++) {
      breaker.failed(0);
    }
    assertThat(breaker.ask(0)).isZero();
    breaker.succeeded();
    for (int i = 0; i < 3; i++) {
      assertThat(breaker.ask(0)).isZero();
      breaker.failed(0);
    }
    assertThat(breaker.ask(sec(1))).isEqualTo(Duration.ofSeconds(4));
    assertThat(breaker.ask(sec(5))).isZero(); // the one attempt
    assertThat(breaker.ask(sec(5))).isPositive(); // all others wait
    breaker.failed(sec(6)); // it failed: rest twice as long
    assertThat(breaker.ask(sec(6))).isEqualTo(Duration.ofSeconds(10));
    assertThat(breaker.ask(sec(16))).isZero();
    breaker.failed(sec(16)); // 20 s, but 12 s is the longest
    assertThat(breaker.ask(sec(16))).isEqualTo(Duration.ofSeconds(12));
    assertThat(breaker.ask(sec(28))).isZero();
    breaker.succeeded();
    assertThat(breaker.ask(sec(28))).isZero();
    assertThat(breaker.rests()).isZero();
  }

  @Test
  void breaker_oldFailuresWhileResting_changeNothing() {
    CircuitBreaker breaker = new CircuitBreaker(1, Duration.ofSeconds(5), Duration.ofSeconds(60));
    breaker.failed(0);
    breaker.failed(sec(4)); // was on its way when the rest began
    assertThat(breaker.ask(sec(5))).isZero();
    assertThat(breaker.rests()).isEqualTo(1);
  }

  @Test
  void pass_deadServer_isGivenUpAfterSomeRests() {
    Gate gate =
        new Gate(
            "tiny",
            limits
                .withAttempts(5, Duration.ZERO, Duration.ofSeconds(1))
                .withRest(2, Duration.ofSeconds(1)),
            hand);
    int[] sent = {0};
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(
              () ->
                  gate.<String>pass(
                      1,
                      a -> 1,
                      () -> {
                        sent[0]++;
                        throw busy(null);
                      }))
          .isInstanceOf(InvalidInputException.class);
    }
    // The first request makes five attempts, the last three of them after rests; the second one
    // finds the fifth rest in a row behind its first attempt.
    assertThat(sent[0]).isEqualTo(6);
  }

  @Test
  void limits_outOfRange_areRefused() {
    assertThatThrownBy(() -> limits.withConcurrency(0))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("concurrency");
    assertThatThrownBy(() -> limits.withRates(OptionalLong.of(0), OptionalLong.empty()))
        .isInstanceOf(InvalidInputException.class);
    assertThatThrownBy(() -> limits.withAttempts(1, Duration.ofSeconds(2), Duration.ofSeconds(1)))
        .isInstanceOf(InvalidInputException.class);
  }
}
