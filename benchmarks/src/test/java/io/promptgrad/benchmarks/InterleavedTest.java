package io.promptgrad.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class InterleavedTest {

  @Test
  void milliseconds_ofTwoAlternatives_takesTurnsAndForgetsTheWarmup() {
    List<String> order = new ArrayList<>();

    double[][] times =
        Interleaved.milliseconds(List.of(() -> order.add("a"), () -> order.add("b")), 1, 2);

    assertThat(order).containsExactly("a", "b", "a", "b", "a", "b");
    assertThat(times).hasDimensions(2, 2);
    assertThat(java.util.Arrays.stream(times[0]).boxed()).allMatch(time -> time >= 0);
  }

  @Test
  void milliseconds_ofASleep_areMilliseconds() {
    double[][] times = Interleaved.milliseconds(List.of(() -> sleep(30)), 0, 1);

    assertThat(times[0][0]).isBetween(29.0, 10_000.0);
  }

  @Test
  void median_ofOddAndEvenCounts_isTheMiddle() {
    assertThat(Interleaved.median(new double[] {9, 1, 5})).isEqualTo(5);
    assertThat(Interleaved.median(new double[] {9, 1, 5, 6})).isEqualTo(5.5);
  }

  private static void sleep(long milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
