package io.promptgrad.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** The few statistics that a comparison of prompts needs; no normality is assumed anywhere. */
public final class Statistics {

  /** The 97.5 % point of the standard normal distribution. */
  static final double Z95 = 1.959963984540054;

  /** Resamples of a bootstrap. */
  static final int RESAMPLES = 10_000;

  /** The bootstrap is part of the arithmetic, not of the experiment: its seed never changes. */
  static final long BOOTSTRAP_SEED = 95;

  /** Up to this many pairs the swap test looks at every way to swap them. */
  static final int EXACT_SWAPS = 12;

  /** Up to this many non-zero differences the sign-flip test looks at every sign pattern. */
  static final int EXACT_FLIPS = 20;

  private Statistics() {}

  /**
   * Wilson's score interval (Wilson 1927), 95 %.
   *
   * <p>{@code (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)}
   */
  public static Interval wilson(int successes, int n) {
    if (n < 1 || successes < 0 || successes > n) {
      throw new IllegalArgumentException(successes + " successes of " + n);
    }
    double p = (double) successes / n;
    double z2 = Z95 * Z95;
    double centre = p + z2 / (2 * n);
    double half = Z95 * Math.sqrt(p * (1 - p) / n + z2 / (4.0 * n * n));
    double scale = 1 + z2 / n;
    // At 0 and n successes the end is exactly 0 or 1; rounding must not say otherwise.
    double low = successes == 0 ? 0 : (centre - half) / scale;
    double high = successes == n ? 1 : (centre + half) / scale;
    return new Interval(low, high);
  }

  /** Percentile bootstrap of a mean, 95 %, 10,000 resamples. */
  public static Interval bootstrapMean(double[] values, long seed) {
    requireSome(values.length);
    SplittableRandom random = new SplittableRandom(seed);
    double[] means = new double[RESAMPLES];
    for (int r = 0; r < RESAMPLES; r++) {
      double sum = 0;
      for (int i = 0; i < values.length; i++) {
        sum += values[random.nextInt(values.length)];
      }
      means[r] = sum / values.length;
    }
    return percentiles(means);
  }

  /**
   * Percentile bootstrap of the mean of several groups' means, 95 %, 10,000 resamples, each of
   * every group: the groups themselves, such as relations, are not drawn.
   */
  public static Interval bootstrapMacroMean(List<double[]> groups) {
    requireSome(groups.size());
    SplittableRandom random = new SplittableRandom(BOOTSTRAP_SEED);
    double[] means = new double[RESAMPLES];
    for (int r = 0; r < RESAMPLES; r++) {
      double total = 0;
      for (double[] values : groups) {
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
          sum += values[random.nextInt(values.length)];
        }
        total += sum / values.length;
      }
      means[r] = total / groups.size();
    }
    return percentiles(means);
  }

  /** Percentile bootstrap of any statistic of a list, 95 %, 10,000 resamples. */
  public static <T> Interval bootstrap(
      List<T> values, ToDoubleFunction<List<T>> statistic, long seed) {
    requireSome(values.size());
    SplittableRandom random = new SplittableRandom(seed);
    List<T> resample = new ArrayList<>(values);
    double[] statistics = new double[RESAMPLES];
    for (int r = 0; r < RESAMPLES; r++) {
      for (int i = 0; i < values.size(); i++) {
        resample.set(i, values.get(random.nextInt(values.size())));
      }
      statistics[r] = statistic.applyAsDouble(resample);
    }
    return percentiles(statistics);
  }

  /** The 2.5 % and 97.5 % quantiles, interpolated between order statistics (R's type 7). */
  private static Interval percentiles(double[] statistics) {
    Arrays.sort(statistics);
    return new Interval(quantile(statistics, 0.025), quantile(statistics, 0.975));
  }

  private static double quantile(double[] sorted, double q) {
    double place = q * (sorted.length - 1);
    int below = (int) place;
    double fraction = place - below;
    double low = sorted[below];
    double high = sorted[Math.min(below + 1, sorted.length - 1)];
    // Equal infinities have no difference.
    return low == high ? low : low + fraction * (high - low);
  }

  /**
   * McNemar's exact test, two-sided: are the examples that only one of two prompts gets right split
   * evenly between them?
   *
   * <p>{@code p = min(1, 2 Σ_{i <= min(b, c)} C(b + c, i) / 2^(b + c))}
   *
   * @param onlyFirst examples that only the first prompt gets right
   * @param onlySecond examples that only the second prompt gets right
   */
  public static double mcNemar(int onlyFirst, int onlySecond) {
    if (onlyFirst < 0 || onlySecond < 0) {
      throw new IllegalArgumentException(onlyFirst + ", " + onlySecond);
    }
    int n = onlyFirst + onlySecond;
    double tail = 0;
    double logTerm = -n * Math.log(2); // log C(n, i) / 2^n, by recurrence
    for (int i = 0; i <= Math.min(onlyFirst, onlySecond); i++) {
      tail += Math.exp(logTerm);
      logTerm += Math.log(n - i) - Math.log(i + 1);
    }
    return Math.min(1, 2 * tail);
  }

  /**
   * Paired sign-flip permutation test, two-sided: how often is the sum of the differences at least
   * as far from 0 when each keeps or changes its sign by chance? Every sign pattern up to 20
   * non-zero differences, else 100,000 random ones with p = (hits + 1) / (patterns + 1).
   *
   * @param differences first prompt's contribution minus the second's, one per example; finite
   */
  public static double signFlip(double[] differences, long seed) {
    for (double difference : differences) {
      if (!Double.isFinite(difference)) { // every comparison with NaN is false: p would be small
        throw new IllegalArgumentException("A difference is " + difference + ".");
      }
    }
    double[] d = Arrays.stream(differences).filter(x -> x != 0).toArray();
    double observed = Math.abs(sum(d));
    // Sums in another order differ in the last bits; such a difference is a tie.
    double threshold = observed - 1e-12 * Arrays.stream(d).map(Math::abs).sum();
    if (d.length <= EXACT_FLIPS) {
      long patterns = 1L << d.length;
      long hits = 0;
      for (long pattern = 0; pattern < patterns; pattern++) {
        if (Math.abs(flippedSum(d, pattern)) >= threshold) {
          hits++;
        }
      }
      return (double) hits / patterns;
    }
    int patterns = 100_000;
    int hits = 0;
    SplittableRandom random = new SplittableRandom(seed);
    for (int r = 0; r < patterns; r++) {
      double sum = 0;
      for (int i = 0; i < d.length; i += 64) {
        int end = Math.min(i + 64, d.length);
        long signs = random.nextLong();
        for (int j = i; j < end; j++, signs >>>= 1) {
          sum += (signs & 1) == 0 ? d[j] : -d[j];
        }
      }
      if (Math.abs(sum) >= threshold) {
        hits++;
      }
    }
    return (hits + 1.0) / (patterns + 1.0);
  }

  /**
   * Paired randomisation test of any score of a list, two-sided (Noreen 1989; Yeh 2000,
   * arXiv:cs/0008005): how often do the scores of two lists differ at least as much when the two
   * values of each pair keep or change their places by chance? Every way to do so for up to 12
   * pairs that differ, else 10,000 random ones with p = (hits + 1) / (ways + 1).
   *
   * @param first one value per example
   * @param second the other values, in the same order
   */
  public static <T> double swap(
      List<T> first, List<T> second, ToDoubleFunction<List<T>> score, long seed) {
    requireSome(first.size());
    if (first.size() != second.size()) {
      throw new IllegalArgumentException(first.size() + " and " + second.size() + " values");
    }
    List<T> a = new ArrayList<>(first);
    List<T> b = new ArrayList<>(second);
    int[] differ = IntStream.range(0, a.size()).filter(i -> !a.get(i).equals(b.get(i))).toArray();
    double observed = Math.abs(score.applyAsDouble(a) - score.applyAsDouble(b));
    if (!Double.isFinite(observed)) {
      throw new IllegalArgumentException("The scores differ by " + observed + ".");
    }
    double threshold = observed - 1e-12; // sums in another order differ in the last bits
    boolean exact = differ.length <= EXACT_SWAPS;
    int ways = exact ? 1 << differ.length : RESAMPLES;
    SplittableRandom random = new SplittableRandom(seed);
    int hits = 0;
    for (int way = 0; way < ways; way++) {
      for (int k = 0; k < differ.length; k++) {
        boolean swapped = exact ? (way >>> k & 1) == 1 : random.nextBoolean();
        int i = differ[k];
        a.set(i, swapped ? second.get(i) : first.get(i));
        b.set(i, swapped ? first.get(i) : second.get(i));
      }
      if (Math.abs(score.applyAsDouble(a) - score.applyAsDouble(b)) >= threshold) {
        hits++;
      }
    }
    return exact ? (double) hits / ways : (hits + 1.0) / (ways + 1.0);
  }

  private static double flippedSum(double[] d, long pattern) {
    double sum = 0;
    for (int i = 0; i < d.length; i++) {
      sum += (pattern >>> i & 1) == 0 ? d[i] : -d[i];
    }
    return sum;
  }

  static double sum(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum;
  }

  static double min(double[] values) {
    return Arrays.stream(values).min().orElseThrow();
  }

  /** Sample standard deviation with n - 1; 0 for a single value. */
  static double standardDeviation(double[] values) {
    if (values.length < 2) {
      return 0;
    }
    double mean = sum(values) / values.length;
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    return Math.sqrt(squares / (values.length - 1));
  }

  private static void requireSome(int n) {
    if (n < 1) {
      throw new IllegalArgumentException("There are no values.");
    }
  }
}
