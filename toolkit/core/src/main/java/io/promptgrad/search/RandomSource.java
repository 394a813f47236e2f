package io.promptgrad.search;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * All randomness of a run, from one seed.
 *
 * <p>Every component asks for a fresh generator per step, by name. Nothing is shared, so a draw
 * more in one place changes nothing elsewhere, and a resumed run needs no generator state: step 57
 * draws the same numbers whether or not steps 1 to 56 ran in this process.
 *
 * <p>The generator is the JDK's {@link SplittableRandom} (SplitMix64, Steele, Lea and Flood, OOPSLA
 * 2014), seeded with the first eight bytes, big-endian, of SHA-256 over the UTF-8 text {@code
 * "<seed>/<component>/<step>"}. A test pins its draws, so that a JDK that draws otherwise is
 * noticed.
 *
 * @param seed any number; equal seeds give equal runs on one device
 */
public record RandomSource(long seed) {

  /** Returns the generator of a component for a step; equal arguments give equal generators. */
  public RandomGenerator stream(String component, long step) {
    byte[] name = (seed + "/" + component + "/" + step).getBytes(StandardCharsets.UTF_8);
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(name);
      return new SplittableRandom(ByteBuffer.wrap(hash).getLong());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }

  /** Returns 0 to n-1 in random order (Fisher and Yates, from the last place down). */
  public static int[] permutation(int n, RandomGenerator random) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      order[i] = i;
    }
    for (int i = n - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
    return order;
  }
}
