package io.promptgrad.gradient.soft;

import java.util.Arrays;

/** Points in the two directions in which words and virtual tokens together vary most. */
final class PrincipalComponents {

  private static final int ITERATIONS = 60;

  private PrincipalComponents() {}

  /**
   * Coordinates of all points, the words' first.
   *
   * @param words row-major
   * @param virtual row-major
   * @param width of a row
   * @return [points][2]
   */
  static double[][] of(float[] words, float[] virtual, int width) {
    int n = (words.length + virtual.length) / width;
    double[][] x = new double[n][width];
    double[] mean = new double[width];
    for (int i = 0; i < n; i++) {
      for (int e = 0; e < width; e++) {
        int at = i * width + e;
        x[i][e] = at < words.length ? words[at] : virtual[at - words.length];
        mean[e] += x[i][e] / n;
      }
    }
    for (double[] row : x) {
      Arrays.setAll(row, e -> row[e] - mean[e]);
    }
    double[] first = direction(x, null);
    double[] second = direction(x, first);
    double[][] points = new double[n][];
    Arrays.setAll(points, i -> new double[] {dot(x[i], first), dot(x[i], second)});
    return points;
  }

  /** Power iteration on the covariance, at right angles to what was found before. */
  private static double[] direction(double[][] x, double[] before) {
    int width = x[0].length;
    double[] v = new double[width];
    Arrays.setAll(v, e -> 1 + (e * 7 % 13) / 13.0); // not at right angles to much
    for (int step = 0; step < ITERATIONS; step++) {
      if (before != null) {
        double along = dot(v, before);
        for (int e = 0; e < width; e++) {
          v[e] -= along * before[e];
        }
      }
      double[] next = new double[width];
      for (double[] row : x) {
        double projected = dot(row, v);
        for (int e = 0; e < width; e++) {
          next[e] += projected * row[e];
        }
      }
      double norm = Math.sqrt(dot(next, next));
      if (norm == 0) {
        return next; // all points are one
      }
      Arrays.setAll(next, e -> next[e] / norm);
      v = next;
    }
    return v;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int e = 0; e < a.length; e++) {
      sum += a[e] * b[e];
    }
    return sum;
  }
}
