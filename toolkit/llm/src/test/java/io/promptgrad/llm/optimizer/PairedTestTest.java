package io.promptgrad.llm.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class PairedTestTest {

  /**
   * With one degree of freedom t is Cauchy's: P(T > t) = 1/2 - arctan(t) / pi. Differences 0 and 1:
   * mean 1/2, standard error 1/2, t = 1, p = 1/4. With two degrees, P(T > t) = 1/2 - t / (2 sqrt(2
   * + t^2)). Differences 0, 1, 2: mean 1, standard deviation 1, t = sqrt(3), p = 1/2 - sqrt(3/5) /
   * 2.
   */
  @Test
  void better_fewDegreesOfFreedom_byHand() {
    assertThat(PairedTest.better(new double[] {1, 2}, new double[] {1, 1}))
        .isCloseTo(0.25, within(1e-10));
    assertThat(PairedTest.better(new double[] {1, 2, 3}, new double[] {1, 1, 1}))
        .isCloseTo(0.5 - Math.sqrt(0.6) / 2, within(1e-10));
    assertThat(PairedTest.better(new double[] {1, 1}, new double[] {1, 2}))
        .isCloseTo(0.75, within(1e-10));
  }

  /** Student's table: with ten degrees of freedom P(T > 1.812461) = 0.05. */
  @Test
  void incompleteBeta_studentsTable_isMet() {
    double t = 1.8124611228107335;
    assertThat(0.5 * PairedTest.incompleteBeta(10 / (10 + t * t), 5, 0.5))
        .isCloseTo(0.05, within(1e-9));
  }

  @Test
  void better_noSpread_isCertainOrNot() {
    assertThat(PairedTest.better(new double[] {1, 1}, new double[] {0, 0})).isZero();
    assertThat(PairedTest.better(new double[] {0, 0}, new double[] {1, 1})).isEqualTo(1);
    assertThat(PairedTest.better(new double[] {1, 0}, new double[] {1, 0})).isEqualTo(0.5);
  }
}
