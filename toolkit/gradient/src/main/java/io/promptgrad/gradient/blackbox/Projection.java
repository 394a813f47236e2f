package io.promptgrad.gradient.blackbox;

import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * A fixed random matrix A that turns few numbers z into the vectors of a prompt: A z.
 *
 * <p>On the host: 100 MB for 500 dimensions and 50 vectors of 1,024.
 */
final class Projection {

  /** How its entries are drawn. */
  enum Kind {
    /** Normal, with a standard deviation that makes A z like word vectors: the program. */
    NORMAL,
    /**
     * Uniform within 1 / sqrt d, as linear layers begin: the paper, and an option of the program.
     */
    UNIFORM
  }

  /** So many columns of all candidates stay in the processor's cache. */
  private static final int TILE = 2048;

  private final float[][] rows; // [d][values]

  /**
   * @param dimensions d
   * @param values of A z
   * @param deviation of entries that are normal
   */
  Projection(Kind kind, int dimensions, int values, double deviation, RandomGenerator random) {
    rows = new float[dimensions][values];
    double bound = 1 / Math.sqrt(dimensions);
    for (float[] row : rows) {
      for (int i = 0; i < values; i++) {
        row[i] =
            (float)
                (kind == Kind.NORMAL
                    ? deviation * random.nextGaussian()
                    : bound * (2 * random.nextDouble() - 1));
      }
    }
  }

  /** alpha * std / (sqrt d * sigma): A z is then as spread as what std was taken of, at first. */
  static double deviation(double alpha, double std, int dimensions, double sigma) {
    return alpha * std / (Math.sqrt(dimensions) * sigma);
  }

  /** A z for many z [n][d], in one pass over A. -> [n][values] */
  float[][] times(double[][] z) {
    int values = rows[0].length;
    float[][] out = new float[z.length][values];
    for (int start = 0; start < values; start += TILE) {
      int end = Math.min(values, start + TILE);
      for (int k = 0; k < rows.length; k++) {
        for (int c = 0; c < z.length; c++) {
          axpy((float) z[c][k], rows[k], out[c], start, end);
        }
      }
    }
    return out;
  }

  private static void axpy(float factor, float[] x, float[] sum, int start, int end) {
    for (int i = start; i < end; i++) {
      sum[i] += factor * x[i];
    }
  }

  /** Standard deviation of all entries of the word embedding. */
  static double stdOfWords(LanguageModel model) {
    SearchModel search = model.forSearch();
    int vocabulary = model.spec().vocabulary();
    double sum = 0;
    double squares = 0;
    long n = 0;
    for (int start = 0; start < vocabulary; start += 4096) {
      int[] ids = IntStream.range(start, Math.min(vocabulary, start + 4096)).toArray();
      for (float value : search.vectors(ids)) {
        sum += value;
        squares += (double) value * value;
        n++;
      }
    }
    return Math.sqrt(Math.max(0, squares / n - sum / n * (sum / n)));
  }
}
