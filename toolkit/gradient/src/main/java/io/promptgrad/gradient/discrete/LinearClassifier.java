package io.promptgrad.gradient.discrete;

import io.promptgrad.search.RandomSource;
import java.util.random.RandomGenerator;

/**
 * Multinomial logistic regression with bias, trained by Adam (Kingma and Ba 2015) on features that
 * fit into memory.
 */
public final class LinearClassifier {

  /** Adam's step size, how often the examples are seen, and L2 that is added to the gradient. */
  public record Config(int epochs, int batchSize, double learningRate, double weightDecay) {}

  /** Looks at a classifier that is still trained. */
  public interface AfterEpoch {
    void accept(int epoch, LinearClassifier classifier);
  }

  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;

  private final int classes;
  private final int width;

  /** Weights [classes][width + 1], the bias last. */
  private final double[][] weights;

  private LinearClassifier(int classes, int width) {
    this.classes = classes;
    this.width = width;
    this.weights = new double[classes][width + 1];
  }

  static LinearClassifier train(
      float[][] features, int[] gold, int classes, Config config, RandomSource random) {
    return train(features, gold, classes, config, random, (epoch, classifier) -> {});
  }

  /**
   * Trains.
   *
   * @param features [examples][width]
   * @param gold class of each example
   * @param afterEpoch called with 1, 2 ... and the classifier as it is then
   */
  public static LinearClassifier train(
      float[][] features,
      int[] gold,
      int classes,
      Config config,
      RandomSource random,
      AfterEpoch afterEpoch) {
    int width = features[0].length;
    LinearClassifier c = new LinearClassifier(classes, width);
    RandomGenerator start = random.stream("linear-classifier.start", 0);
    double bound = 1 / Math.sqrt(width); // as torch.nn.Linear
    for (double[] row : c.weights) {
      for (int i = 0; i <= width; i++) {
        row[i] = bound * (2 * start.nextDouble() - 1);
      }
    }
    double[][] m = new double[classes][width + 1];
    double[][] v = new double[classes][width + 1];
    int t = 0;
    for (int epoch = 0; epoch < config.epochs(); epoch++) {
      int[] order =
          RandomSource.permutation(
              features.length, random.stream("linear-classifier.epoch", epoch));
      for (int from = 0; from < order.length; from += config.batchSize()) {
        int to = Math.min(order.length, from + config.batchSize());
        double[][] gradient = c.gradient(features, gold, order, from, to);
        t++;
        double rate =
            config.learningRate() * Math.sqrt(1 - Math.pow(BETA2, t)) / (1 - Math.pow(BETA1, t));
        for (int k = 0; k < classes; k++) {
          for (int i = 0; i <= width; i++) {
            double g = gradient[k][i] + config.weightDecay() * c.weights[k][i];
            m[k][i] = BETA1 * m[k][i] + (1 - BETA1) * g;
            v[k][i] = BETA2 * v[k][i] + (1 - BETA2) * g * g;
            c.weights[k][i] -= rate * m[k][i] / (Math.sqrt(v[k][i]) + EPSILON);
          }
        }
      }
      afterEpoch.accept(epoch + 1, c);
    }
    return c;
  }

  /** A copy that further training does not change. */
  public LinearClassifier copy() {
    LinearClassifier copy = new LinearClassifier(classes, width);
    for (int k = 0; k < classes; k++) {
      System.arraycopy(weights[k], 0, copy.weights[k], 0, width + 1);
    }
    return copy;
  }

  /** Gradient of the mean cross-entropy over {@code order[from..to)}. */
  private double[][] gradient(float[][] features, int[] gold, int[] order, int from, int to) {
    double[][] gradient = new double[classes][width + 1];
    for (int n = from; n < to; n++) {
      float[] x = features[order[n]];
      double[] p = probabilities(x);
      for (int k = 0; k < classes; k++) {
        double error = (p[k] - (gold[order[n]] == k ? 1 : 0)) / (to - from);
        for (int i = 0; i < width; i++) {
          gradient[k][i] += error * x[i];
        }
        gradient[k][width] += error;
      }
    }
    return gradient;
  }

  /** Softmax over the classes. */
  public double[] probabilities(float[] x) {
    double[] z = new double[classes];
    double largest = Double.NEGATIVE_INFINITY;
    for (int k = 0; k < classes; k++) {
      z[k] = weights[k][width];
      for (int i = 0; i < width; i++) {
        z[k] += weights[k][i] * x[i];
      }
      largest = Math.max(largest, z[k]);
    }
    double sum = 0;
    for (int k = 0; k < classes; k++) {
      z[k] = Math.exp(z[k] - largest);
      sum += z[k];
    }
    for (int k = 0; k < classes; k++) {
      z[k] /= sum;
    }
    return z;
  }

  double accuracy(float[][] features, int[] gold) {
    int right = 0;
    for (int n = 0; n < features.length; n++) {
      double[] p = probabilities(features[n]);
      int best = 0;
      for (int k = 1; k < classes; k++) {
        best = p[k] > p[best] ? k : best;
      }
      right += best == gold[n] ? 1 : 0;
    }
    return (double) right / features.length;
  }

  /** Weights without the biases, row-major [classes, width]. */
  float[] flatWeights() {
    float[] flat = new float[classes * width];
    for (int k = 0; k < classes; k++) {
      for (int i = 0; i < width; i++) {
        flat[k * width + i] = (float) weights[k][i];
      }
    }
    return flat;
  }
}
