package io.promptgrad.llm.account;

import io.promptgrad.input.InvalidInputException;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Limits on calls, tokens and dollars that many threads together cannot pass: what an attempt may
 * use at the most is set aside before it is sent, and put right when it is answered. Where the rest
 * is too small only because of what others have set aside, the attempt waits for them.
 *
 * <p>The bound: what is spent passes a limit by no more than the requests on their way, at most one
 * for each thread, use beyond what was set aside for them; that is nothing where requests have a
 * longest answer and the server keeps to it.
 */
public final class Allowance {

  private final OptionalLong calls;
  private final OptionalLong tokens;
  private final OptionalDouble usd;

  private Amount spent = new Amount(0, 0, 0); // guarded by this, like below
  private Amount aside = new Amount(0, 0, 0);
  private int onTheirWay;

  /**
   * So much.
   *
   * @param calls requests
   * @param tokens tokens read and written
   * @param usd US dollars
   */
  public record Amount(long calls, long tokens, double usd) {

    Amount plus(Amount other) {
      return new Amount(calls + other.calls, tokens + other.tokens, usd + other.usd);
    }

    Amount minus(Amount other) {
      return new Amount(calls - other.calls, tokens - other.tokens, usd - other.usd);
    }
  }

  /** Limits; empty ones do not limit. */
  public Allowance(OptionalLong calls, OptionalLong tokens, OptionalDouble usd) {
    if (calls.orElse(0) < 0 || tokens.orElse(0) < 0 || !(usd.orElse(0) >= 0)) {
      throw new InvalidInputException("A limit on calls, tokens or dollars is negative.");
    }
    this.calls = calls;
    this.tokens = tokens;
    this.usd = usd;
  }

  /** No limits. */
  public static Allowance unlimited() {
    return new Allowance(OptionalLong.empty(), OptionalLong.empty(), OptionalDouble.empty());
  }

  /** Whether dollars are limited, so that prices must be known. */
  public boolean limitsUsd() {
    return usd.isPresent();
  }

  /**
   * Sets an amount aside, waiting for others if it would fit without theirs.
   *
   * @return whether it fits; if not, nothing is set aside
   * @throws InterruptedException if interrupted while waiting
   */
  public synchronized boolean reserve(Amount most) throws InterruptedException {
    while (!fits(spent.plus(aside).plus(most))) {
      if (onTheirWay == 0 || !fits(spent.plus(most))) {
        return false;
      }
      wait();
    }
    aside = aside.plus(most);
    onTheirWay++;
    return true;
  }

  /** Puts right what {@link #reserve} set aside: so much was used in fact. */
  public synchronized void settle(Amount most, Amount used) {
    aside = aside.minus(most);
    onTheirWay--;
    if (onTheirWay == 0) {
      aside = new Amount(0, 0, 0); // sums of dollars leave crumbs
    }
    spent = spent.plus(used);
    notifyAll();
  }

  /** Counts what was used elsewhere, such as by a killed process. */
  public synchronized void count(Amount used) {
    spent = spent.plus(used);
  }

  private boolean fits(Amount sum) {
    return sum.calls <= calls.orElse(Long.MAX_VALUE)
        && sum.tokens <= tokens.orElse(Long.MAX_VALUE)
        && (usd.isEmpty() || sum.usd <= usd.getAsDouble() * (1 + 1e-12));
  }

  /** Returns what was spent. */
  public synchronized Amount spent() {
    return spent;
  }

  /** Returns limits and spending in words. */
  @Override
  public synchronized String toString() {
    return "%d of %s calls, %d of %s tokens, %s of %s dollars"
        .formatted(
            spent.calls,
            calls.isPresent() ? calls.getAsLong() : "any number of",
            spent.tokens,
            tokens.isPresent() ? tokens.getAsLong() : "any number of",
            spent.usd,
            usd.isPresent() ? usd.getAsDouble() : "any number of");
  }
}
