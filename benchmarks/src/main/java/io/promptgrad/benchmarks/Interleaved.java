package io.promptgrad.benchmarks;

import java.util.Arrays;
import java.util.List;

/**
 * Times alternatives in turns, so that whatever else the machine does hits all of them alike: for
 * ratios. Single figures are JMH's business.
 */
final class Interleaved {

  private Interleaved() {}

  /**
   * Runs each alternative once a round, in the order given.
   *
   * @param warmup rounds that do not count
   * @param rounds rounds that do
   * @return milliseconds [alternatives][rounds]
   */
  static double[][] milliseconds(List<Runnable> alternatives, int warmup, int rounds) {
    double[][] times = new double[alternatives.size()][rounds];
    for (int round = -warmup; round < rounds; round++) {
      for (int a = 0; a < times.length; a++) {
        long start = System.nanoTime();
        alternatives.get(a).run();
        long nanoseconds = System.nanoTime() - start;
        if (round >= 0) {
          times[a][round] = nanoseconds / 1e6;
        }
      }
    }
    return times;
  }

  /** The middle value, or the mean of the two in the middle. */
  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
}
