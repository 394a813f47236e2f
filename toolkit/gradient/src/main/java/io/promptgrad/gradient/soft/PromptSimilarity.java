package io.promptgrad.gradient.soft;

/**
 * How alike two prompts are, and with them two tasks (Vu et al. 2022, arXiv:2110.07904, section
 * 3.1).
 */
public final class PromptSimilarity {

  private PromptSimilarity() {}

  /** Cosine of the mean rows. */
  public static double ofMeans(float[] a, float[] b, int width) {
    return cosine(mean(a, width), mean(b, width));
  }

  /** Mean of the cosines of all pairs of rows. */
  public static double ofPairs(float[] a, float[] b, int width) {
    double sum = 0;
    int n = a.length / width;
    int m = b.length / width;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < m; j++) {
        sum += cosine(row(a, i, width), row(b, j, width));
      }
    }
    return sum / n / m;
  }

  private static double[] row(float[] values, int row, int width) {
    double[] out = new double[width];
    for (int e = 0; e < width; e++) {
      out[e] = values[row * width + e];
    }
    return out;
  }

  private static double[] mean(float[] values, int width) {
    double[] mean = new double[width];
    int n = values.length / width;
    for (int i = 0; i < values.length; i++) {
      mean[i % width] += (double) values[i] / n;
    }
    return mean;
  }

  private static double cosine(double[] a, double[] b) {
    if (a.length != b.length) {
      throw new IllegalArgumentException("rows of " + a.length + " and " + b.length + " values");
    }
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int e = 0; e < a.length; e++) {
      ab += a[e] * b[e];
      aa += a[e] * a[e];
      bb += b[e] * b[e];
    }
    return ab / Math.sqrt(aa * bb);
  }
}
