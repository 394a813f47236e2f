package io.promptgrad.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class StatisticsTest {

  @Test
  void wilson_eightOfTen_isTheTextbookInterval() {
    // Agresti and Coull's formula by hand: centre (0.8 + 0.19207) / 1.38415 = 0.716740,
    // half 1.95996 sqrt(0.016 + 0.0096037) / 1.38415 = 0.226577.
    Interval interval = Statistics.wilson(8, 10);
    assertThat(interval.low()).isCloseTo(0.490162, within(1e-6));
    assertThat(interval.high()).isCloseTo(0.943318, within(1e-6));
  }

  @Test
  void wilson_noneAndAll_reachTheEndExactly() {
    // High end of 0 of 10: z² / (n + z²) = 3.841459 / 13.841459.
    assertThat(Statistics.wilson(0, 10).low()).isZero();
    assertThat(Statistics.wilson(0, 10).high()).isCloseTo(0.277533, within(1e-6));
    assertThat(Statistics.wilson(10, 10).high()).isEqualTo(1);
    assertThat(Statistics.wilson(10, 10).low()).isCloseTo(1 - 0.277533, within(1e-6));
  }

  @Property(tries = 1_000)
  void wilson_anyProportion_holdsItAndIsSymmetric(
      @ForAll @IntRange(min = 1, max = 5000) int n, @ForAll @IntRange(max = 5000) int k) {
    int successes = k % (n + 1);
    Interval interval = Statistics.wilson(successes, n);
    assertThat(interval.contains((double) successes / n)).isTrue();
    assertThat(interval.low()).isBetween(0.0, 1.0);
    assertThat(interval.high()).isBetween(0.0, 1.0);
    Interval mirrored = Statistics.wilson(n - successes, n);
    assertThat(mirrored.low()).isCloseTo(1 - interval.high(), within(1e-12));
  }

  @Test
  void mcNemar_smallCounts_areBinomialTails() {
    // 2 (1 + 12 + 66) / 4096
    assertThat(Statistics.mcNemar(10, 2)).isCloseTo(158.0 / 4096, within(1e-12));
    assertThat(Statistics.mcNemar(2, 10)).isCloseTo(158.0 / 4096, within(1e-12));
    // 2 / 2^5
    assertThat(Statistics.mcNemar(5, 0)).isCloseTo(0.0625, within(1e-12));
    assertThat(Statistics.mcNemar(0, 0)).isEqualTo(1);
    assertThat(Statistics.mcNemar(3, 3)).isEqualTo(1);
    assertThat(Statistics.mcNemar(1, 0)).isEqualTo(1);
  }

  @Test
  void mcNemar_largeCounts_doNotUnderflow() {
    // Exact with whole numbers: 2 Σ_{i<=80} C(200, i) / 2^200.
    assertThat(Statistics.mcNemar(120, 80)).isCloseTo(0.005685156, within(1e-8));
    // 2^-3000 is 0 in a double; the sum of its multiples is not.
    assertThat(Statistics.mcNemar(1500, 1500)).isEqualTo(1);
    assertThat(Statistics.mcNemar(1400, 1600)).isBetween(2e-4, 3e-4);
  }

  @Test
  void signFlip_fewDifferences_countsEveryPattern() {
    // Sums of ±1 ±2 ±3 with |sum| >= 6: two of eight patterns.
    assertThat(Statistics.signFlip(new double[] {1, 2, 3}, 0)).isEqualTo(2.0 / 8);
    // |1 + 2 - 3| = 0: every pattern.
    assertThat(Statistics.signFlip(new double[] {1, 2, -3}, 0)).isEqualTo(1);
    // Zeros say nothing.
    assertThat(Statistics.signFlip(new double[] {0, 1, 2, 0, 3}, 0)).isEqualTo(2.0 / 8);
    assertThat(Statistics.signFlip(new double[] {0, 0}, 0)).isEqualTo(1);
    // 0.1 + 0.2 differs from 0.3 in the last bit; as a tie it counts: patterns with
    // |±0.1 ±0.2 ±0.3| >= 0.6 are two.
    assertThat(Statistics.signFlip(new double[] {0.3, 0.1, 0.2}, 0)).isEqualTo(2.0 / 8);
  }

  @Test
  void signFlip_manyDifferences_agreesWithTheExactTail() {
    // 30 ones and 10 minus ones: the sign test's exact tail, McNemar's.
    double[] differences = new double[40];
    Arrays.fill(differences, 0, 30, 1);
    Arrays.fill(differences, 30, 40, -1);
    assertThat(Statistics.signFlip(differences, 1))
        .isCloseTo(Statistics.mcNemar(30, 10), within(5e-4));
    double[] all = new double[70]; // more than one word of sign bits
    Arrays.fill(all, 1);
    assertThat(Statistics.signFlip(all, 1)).isCloseTo(1.0 / 100_001, within(1e-12));
  }

  /** A NaN made every pattern's comparison false, and so p as small as could be. */
  @Test
  void signFlip_notFinite_isAFault() {
    double[] many = new double[40];
    Arrays.fill(many, 1);
    for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
      many[7] = bad;
      assertThatThrownBy(() -> Statistics.signFlip(many, 1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> Statistics.signFlip(new double[] {1, bad}, 1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(
              () -> Statistics.swap(List.of(1.0, bad), List.of(2.0, 3.0), list -> list.get(1), 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void bootstrapMean_halfOnes_isNearTheNormalInterval() {
    double[] values = new double[400];
    Arrays.fill(values, 0, 200, 1);
    Interval interval = Statistics.bootstrapMean(values, 7);
    // 0.5 ± 1.96 sqrt(0.25 / 400) = 0.5 ± 0.049
    assertThat(interval.low()).isCloseTo(0.451, within(0.004));
    assertThat(interval.high()).isCloseTo(0.549, within(0.004));
    assertThat(Statistics.bootstrapMean(values, 7)).isEqualTo(interval);
  }

  @Test
  void bootstrap_ofTheMean_equalsBootstrapMean() {
    List<Double> values = List.of(0.5, 1.0, 4.0, -2.0, 0.25);
    double[] array = values.stream().mapToDouble(x -> x).toArray();
    Interval general =
        Statistics.bootstrap(values, v -> v.stream().mapToDouble(x -> x).sum() / v.size(), 7);
    Interval mean = Statistics.bootstrapMean(array, 7);
    assertThat(general.low()).isCloseTo(mean.low(), within(1e-12));
    assertThat(general.high()).isCloseTo(mean.high(), within(1e-12));
  }

  @Test
  void bootstrap_infiniteValues_giveAnInterval() {
    double minus = Double.NEGATIVE_INFINITY;
    assertThat(Statistics.bootstrapMean(new double[] {minus, minus}, 0))
        .isEqualTo(new Interval(minus, minus));
    assertThat(Statistics.bootstrapMean(new double[] {minus, 0}, 0).low()).isEqualTo(minus);
  }

  @Test
  void standardDeviation_isTheSampleOne() {
    // mean 5, squares 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32, 32 / 7
    double[] values = {2, 4, 4, 4, 5, 5, 7, 9};
    assertThat(Statistics.standardDeviation(values)).isCloseTo(Math.sqrt(32.0 / 7), within(1e-12));
    assertThat(Statistics.standardDeviation(new double[] {3})).isZero();
  }

  @Test
  void badArguments_areFaults() {
    assertThatThrownBy(() -> Statistics.wilson(3, 2)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Statistics.wilson(0, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Statistics.mcNemar(-1, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Statistics.bootstrapMean(new double[0], 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Interval(1, 0)).isInstanceOf(IllegalArgumentException.class);
  }

  /** A group of one value adds no spread and counts as much as a large one. */
  @Test
  void bootstrapMacroMean_ofGroups_countsGroupsAlike() {
    double[] half = new double[400];
    java.util.Arrays.fill(half, 0, 200, 1);
    Interval one = Statistics.bootstrapMean(half, Statistics.BOOTSTRAP_SEED);
    Interval two = Statistics.bootstrapMacroMean(List.of(half, new double[] {1}));
    assertThat(two.low()).isCloseTo((one.low() + 1) / 2, within(0.01));
    assertThat(two.high()).isCloseTo((one.high() + 1) / 2, within(0.01));
    assertThat(Statistics.bootstrapMacroMean(List.of(new double[] {0}, new double[] {1})))
        .isEqualTo(new Interval(0.5, 0.5));
  }
}
