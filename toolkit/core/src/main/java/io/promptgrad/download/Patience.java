package io.promptgrad.download;

import java.time.Duration;

/**
 * How long a download bears with a server.
 *
 * <p>After the n-th failure in a row it waits {@code firstWait * 2^(n-1)}, at most {@code
 * longestWait}, times a factor between 0.5 and 1.5, or as long as the server's Retry-After says.
 *
 * @param attempts failures in a row, without progress between them, after which it gives up
 * @param firstWait the wait after the first failure
 * @param longestWait the longest wait; a Retry-After beyond it ends the download
 * @param silence how long the server may send nothing at all
 */
public record Patience(int attempts, Duration firstWait, Duration longestWait, Duration silence) {

  /** Refuses what would never end or never begin. */
  public Patience {
    if (attempts < 1
        || firstWait.isNegative()
        || longestWait.compareTo(firstWait) < 0
        || silence.isNegative()
        || silence.isZero()) {
      throw new IllegalArgumentException(
          "not a patience: %d attempts, waits of %s to %s, silence of %s"
              .formatted(attempts, firstWait, longestWait, silence));
    }
  }

  /** Six attempts over about half a minute; half a minute of silence; two minutes when asked to. */
  public static Patience defaults() {
    return new Patience(6, Duration.ofSeconds(1), Duration.ofMinutes(2), Duration.ofSeconds(30));
  }
}
