package io.promptgrad.search;

import io.promptgrad.input.InvalidInputException;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * How much a search may use. Checked before each step, so that the last step may go over.
 *
 * <p>A limit of 0 steps is allowed: it evaluates the start and changes nothing.
 *
 * @param steps number of steps
 * @param evaluations see {@link Cost#evaluations}
 * @param forwardTokens see {@link Cost#forwardTokens}
 * @param calls see {@link Cost#calls}
 * @param usd see {@link Cost#usd}
 * @param time time spent in steps, summed over resumed parts of the run
 */
public record Budget(
    OptionalLong steps,
    OptionalLong evaluations,
    OptionalLong forwardTokens,
    OptionalLong calls,
    OptionalDouble usd,
    Optional<Duration> time) {

  /** No limit; a search then ends by a stop rule, by itself or not at all. */
  public static final Budget UNLIMITED =
      new Budget(
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalDouble.empty(),
          Optional.empty());

  /** Refuses negative limits. */
  public Budget {
    notNegative("steps", steps);
    notNegative("evaluations", evaluations);
    notNegative("forward_tokens", forwardTokens);
    notNegative("calls", calls);
    if (usd.isPresent() && !(usd.getAsDouble() >= 0)) {
      throw negative("usd", usd.getAsDouble());
    }
    Objects.requireNonNull(time, "time");
    if (time.isPresent() && time.get().isNegative()) {
      throw negative("time", time.get());
    }
  }

  private static void notNegative(String name, OptionalLong limit) {
    if (limit.isPresent() && limit.getAsLong() < 0) {
      throw negative(name, limit.getAsLong());
    }
  }

  private static InvalidInputException negative(String name, Object limit) {
    return new InvalidInputException(
        "The budget's %s is %s; it must not be negative.".formatted(name, limit));
  }

  /** Returns a budget of that many steps and nothing else. */
  public static Budget ofSteps(long steps) {
    return UNLIMITED.withSteps(steps);
  }

  /** Returns this budget with a limit on steps. */
  public Budget withSteps(long limit) {
    return new Budget(OptionalLong.of(limit), evaluations, forwardTokens, calls, usd, time);
  }

  /** Returns this budget with a limit on evaluations. */
  public Budget withEvaluations(long limit) {
    return new Budget(steps, OptionalLong.of(limit), forwardTokens, calls, usd, time);
  }

  /** Returns this budget with a limit on forward tokens. */
  public Budget withForwardTokens(long limit) {
    return new Budget(steps, evaluations, OptionalLong.of(limit), calls, usd, time);
  }

  /** Returns this budget with a limit on calls. */
  public Budget withCalls(long limit) {
    return new Budget(steps, evaluations, forwardTokens, OptionalLong.of(limit), usd, time);
  }

  /** Returns this budget with a limit on US dollars. */
  public Budget withUsd(double limit) {
    return new Budget(steps, evaluations, forwardTokens, calls, OptionalDouble.of(limit), time);
  }

  /** Returns this budget with a limit on time. */
  public Budget withTime(Duration limit) {
    return new Budget(steps, evaluations, forwardTokens, calls, usd, Optional.of(limit));
  }

  /** Returns whether nothing is left for another step. */
  public boolean spent(int stepsDone, Cost cost, double seconds) {
    return reached(steps, stepsDone)
        || reached(evaluations, cost.evaluations())
        || reached(forwardTokens, cost.forwardTokens())
        || reached(calls, cost.calls())
        || (usd.isPresent() && cost.usd() >= usd.getAsDouble())
        || (time.isPresent() && seconds >= time.get().toNanos() / 1e9);
  }

  private static boolean reached(OptionalLong limit, long used) {
    return limit.isPresent() && used >= limit.getAsLong();
  }
}
