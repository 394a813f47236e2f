package io.promptgrad.llm.optimizer;

/** The one-sided paired t-test (Student 1908). */
final class PairedTest {

  private PairedTest() {}

  /**
   * Returns the p-value of "the first is not better than the second".
   *
   * @param first values by example
   * @param second values of the same examples
   */
  static double better(double[] first, double[] second) {
    int n = first.length;
    double mean = 0;
    for (int i = 0; i < n; i++) {
      mean += (first[i] - second[i]) / n;
    }
    double squares = 0;
    for (int i = 0; i < n; i++) {
      double deviation = first[i] - second[i] - mean;
      squares += deviation * deviation;
    }
    if (n < 2 || squares < 1e-18) { // all differences are the same
      return mean > 1e-12 ? 0 : mean < -1e-12 ? 1 : 0.5;
    }
    double t = mean / Math.sqrt(squares / (n - 1) / n);
    double tail = 0.5 * incompleteBeta((n - 1) / (n - 1 + t * t), (n - 1) / 2.0, 0.5);
    return t > 0 ? tail : 1 - tail;
  }

  /** The regularized incomplete beta function I_x(a, b), by its continued fraction. */
  static double incompleteBeta(double x, double a, double b) {
    if (x <= 0 || x >= 1) {
      return x <= 0 ? 0 : 1;
    }
    if (x > (a + 1) / (a + b + 2)) { // converges fast on the other side
      return 1 - incompleteBeta(1 - x, b, a);
    }
    double front =
        Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
            / a;
    // Lentz's algorithm, DLMF 8.17.22.
    double tiny = 1e-300;
    double f = 1;
    double c = 1;
    double d = 0;
    for (int i = 0; i <= 500; i++) {
      int m = i / 2;
      double numerator =
          i == 0
              ? 1
              : i % 2 == 0
                  ? m * (b - m) * x / ((a + 2.0 * m - 1) * (a + 2.0 * m))
                  : -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1));
      d = 1 + numerator * d;
      d = 1 / (Math.abs(d) < tiny ? tiny : d);
      c = 1 + numerator / c;
      c = Math.abs(c) < tiny ? tiny : c;
      f *= c * d;
      if (Math.abs(1 - c * d) < 1e-14) {
        break;
      }
    }
    return front * (f - 1);
  }

  /** ln Gamma(x) for x above 0: Stirling's series behind a shift to 8 and more. */
  private static double logGamma(double x) {
    double shift = 0;
    double z = x;
    while (z < 8) {
      shift += Math.log(z);
      z++;
    }
    double series =
        1 / (12 * z)
            - 1 / (360 * Math.pow(z, 3))
            + 1 / (1260 * Math.pow(z, 5))
            - 1 / (1680 * Math.pow(z, 7));
    return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - shift;
  }
}
