package io.promptgrad.models.pretrain;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Random;

/**
 * A head start for pretraining: word embeddings from co-occurrence counts, and the output bias from
 * frequencies. Random embeddings need millions of tokens before the model knows more than which
 * words are frequent; counting gives as much in seconds.
 *
 * <p>Vectors are a truncated factorisation of the positive pointwise mutual information with
 * smoothed contexts (Levy, Goldberg and Dagan 2015), {@code E = U_d S_d^(1/2)}, by subspace
 * iteration (Halko, Martinsson and Tropp 2011). With a tied output matrix {@code E_v . E_c} then
 * approximates that information from the first step on.
 *
 * @param vectors word vectors [V, d] row-major, mean row norm 0.5
 * @param logFrequencies natural logs of the smoothed token frequencies [V]
 */
record WordVectors(float[] vectors, float[] logFrequencies) {

  /** Counts take 4 V^2 bytes: 1 GiB at this size. */
  static final int LARGEST_VOCABULARY = 16_384;

  private static final int WINDOW = 5;
  private static final double CONTEXT_SMOOTHING = 0.75;
  private static final int ITERATIONS = 4;

  /** Small enough that the first logits are near the frequencies. */
  private static final double ROW_NORM = 0.5;

  /** Counts over the training part of a corpus, each source as often as its weight says. */
  static WordVectors of(EncodedCorpus corpus, int width, long seed) {
    int v = corpus.description().vocab();
    float[] pairs = new float[v * v];
    double[] words = new double[v];
    for (EncodedCorpus.Range source : corpus.description().train().sources()) {
      float weight = (float) source.weight();
      for (long i = source.first(); i < source.first() + source.tokens(); i++) {
        int word = corpus.trainToken(i);
        words[word] += weight;
        long end = Math.min(i + WINDOW, source.first() + source.tokens() - 1);
        for (long j = i + 1; j <= end; j++) {
          int context = corpus.trainToken(j);
          // Nearer words count more, as in word2vec's shrinking window.
          float share = weight * (WINDOW - (j - i) + 1) / WINDOW;
          pairs[word * v + context] += share;
          pairs[context * v + word] += share;
        }
      }
    }
    toInformation(pairs, v);
    return new WordVectors(factor(pairs, v, width, seed), logFrequencies(words));
  }

  /** Replaces counts by max(0, log(p(w, c) / (p(w) p_smooth(c)))). */
  private static void toInformation(float[] pairs, int v) {
    double[] sums = new double[v];
    double total = 0;
    for (int w = 0; w < v; w++) {
      for (int c = 0; c < v; c++) {
        sums[w] += pairs[w * v + c];
      }
      total += sums[w];
    }
    double smoothedTotal = 0;
    double[] smoothed = new double[v];
    for (int c = 0; c < v; c++) {
      smoothed[c] = Math.pow(sums[c], CONTEXT_SMOOTHING);
      smoothedTotal += smoothed[c];
    }
    for (int w = 0; w < v; w++) {
      for (int c = 0; c < v; c++) {
        double count = pairs[w * v + c];
        pairs[w * v + c] =
            count == 0
                ? 0
                : (float) Math.max(0, Math.log(count / sums[w] / (smoothed[c] / smoothedTotal)));
      }
    }
  }

  private static float[] factor(float[] matrix, int v, int width, long seed) {
    Random random = new Random(seed);
    float[] start = new float[v * width];
    for (int i = 0; i < start.length; i++) {
      start[i] = (float) random.nextGaussian();
    }
    try (NDManager manager = NDManager.newBaseManager(ai.djl.Device.cpu())) {
      NDArray m = manager.create(matrix, new Shape(v, v));
      // Smoothed contexts make it slightly asymmetric; the symmetric part has real eigenvalues.
      m = m.add(m.transpose()).muli(0.5f);
      float[] basis = orthonormal(start, v, width);
      for (int i = 0; i < ITERATIONS; i++) {
        basis =
            orthonormal(
                m.matMul(manager.create(basis, new Shape(v, width))).toFloatArray(), v, width);
      }
      NDArray q = manager.create(basis, new Shape(v, width));
      float[] image = m.matMul(q).toFloatArray();
      float[] vectors = new float[v * width];
      for (int d = 0; d < width; d++) {
        double eigenvalue = 0; // Rayleigh quotient of the d-th direction
        for (int w = 0; w < v; w++) {
          eigenvalue += (double) basis[w * width + d] * image[w * width + d];
        }
        double root = Math.sqrt(Math.max(0, eigenvalue));
        for (int w = 0; w < v; w++) {
          vectors[w * width + d] = (float) (root * basis[w * width + d]);
        }
      }
      return mixed(vectors, v, width, random);
    }
  }

  /**
   * Rotates by a random orthogonal matrix and scales to mean row norm 0.5. The norms inside the
   * model work on single dimensions, which therefore should not carry very different amounts.
   */
  private static float[] mixed(float[] vectors, int v, int width, Random random) {
    float[] start = new float[width * width];
    for (int i = 0; i < start.length; i++) {
      start[i] = (float) random.nextGaussian();
    }
    float[] rotation = orthonormal(start, width, width);
    float[] out = new float[v * width];
    double norms = 0;
    for (int w = 0; w < v; w++) {
      double norm = 0;
      for (int d = 0; d < width; d++) {
        double sum = 0;
        for (int e = 0; e < width; e++) {
          sum += (double) vectors[w * width + e] * rotation[e * width + d];
        }
        out[w * width + d] = (float) sum;
        norm += sum * sum;
      }
      norms += Math.sqrt(norm);
    }
    float scale = (float) (ROW_NORM * v / norms);
    // A token without company (a special one) gets a small random vector instead of none.
    for (int i = 0; i < out.length; i++) {
      out[i] = out[i] * scale + (float) (0.01 * random.nextGaussian());
    }
    return out;
  }

  /** Sinusoids (Vaswani et al. 2017) of row norm 0.5 as first position vectors [rows, width]. */
  static float[] positions(int rows, int width) {
    float[] out = new float[rows * width];
    double amplitude = ROW_NORM / Math.sqrt(width / 2.0);
    for (int p = 0; p < rows; p++) {
      for (int d = 0; d < width; d += 2) {
        double angle = p / Math.pow(10000, (double) d / width);
        out[p * width + d] = (float) (amplitude * Math.sin(angle));
        out[p * width + d + 1] = (float) (amplitude * Math.cos(angle));
      }
    }
    return out;
  }

  /** Gram-Schmidt, twice for accuracy, on the columns of a [rows, columns] matrix. */
  private static float[] orthonormal(float[] matrix, int rows, int columns) {
    double[][] q = new double[columns][rows];
    for (int d = 0; d < columns; d++) {
      for (int w = 0; w < rows; w++) {
        q[d][w] = matrix[w * columns + d];
      }
      for (int pass = 0; pass < 2; pass++) {
        for (int e = 0; e < d; e++) {
          double dot = 0;
          for (int w = 0; w < rows; w++) {
            dot += q[e][w] * q[d][w];
          }
          for (int w = 0; w < rows; w++) {
            q[d][w] -= dot * q[e][w];
          }
        }
      }
      double norm = 0;
      for (int w = 0; w < rows; w++) {
        norm += q[d][w] * q[d][w];
      }
      norm = Math.sqrt(norm);
      for (int w = 0; w < rows; w++) {
        q[d][w] /= norm;
      }
    }
    float[] out = new float[rows * columns];
    for (int d = 0; d < columns; d++) {
      for (int w = 0; w < rows; w++) {
        out[w * columns + d] = (float) q[d][w];
      }
    }
    return out;
  }

  private static float[] logFrequencies(double[] words) {
    double total = 0;
    for (double n : words) {
      total += n + 1;
    }
    float[] logs = new float[words.length];
    for (int w = 0; w < words.length; w++) {
      logs[w] = (float) Math.log((words[w] + 1) / total);
    }
    return logs;
  }
}
