package io.promptgrad.llm.policy;

import java.time.Duration;

/**
 * A rate limit: a bucket that fills evenly and holds one minute's worth at the most; see Turner,
 * "New directions in communications", IEEE Communications Magazine 24(10), 1986.
 *
 * <p>Taking is at once a place in the queue: the bucket may go below empty, and who took waits
 * until it would be at zero. So those who ask for much are not overtaken for ever by those who ask
 * for little. An estimate is put right later by {@link #giveBack}.
 */
final class TokenBucket {

  private final double perNano;
  private final double capacity;
  private double level; // guarded by this; below 0: promised
  private long last;

  /**
   * @param perMinute how much flows in, and how much the bucket holds when full
   */
  TokenBucket(double perMinute, long now) {
    capacity = perMinute;
    perNano = perMinute / Duration.ofMinutes(1).toNanos();
    level = capacity;
    last = now;
  }

  /** Takes an amount and returns how long to wait before using it. */
  synchronized Duration take(double amount, long now) {
    refill(now);
    // More than a whole bucket would never be there: wait for a full one.
    level -= Math.min(amount, capacity);
    return level >= 0 ? Duration.ZERO : Duration.ofNanos((long) Math.ceil(-level / perNano));
  }

  /** Returns what was taken and not used; negative if more was used than taken. */
  synchronized void giveBack(double amount, long now) {
    refill(now);
    level = Math.min(capacity, level + amount);
  }

  private void refill(long now) {
    level = Math.min(capacity, level + (now - last) * perNano);
    last = now;
  }
}
