package io.promptgrad.gradient.trigger;

import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.lm.SearchModel;
import java.util.ArrayList;
import java.util.List;

/**
 * Gradient of a loss at a trigger's word vectors, in one or several models that share a vocabulary.
 *
 * <p>Its products with the word vectors are the gradient at the trigger's one-hot encoding [n, V]:
 * how much each token at each position would change the loss, to first order and up to a constant
 * for each position.
 *
 * @param slots n
 * @param parts one for each model
 */
public record TriggerGradient(int slots, List<Part> parts) {

  /**
   * The gradient in one model.
   *
   * @param values [n * E], row-major
   */
  public record Part(SearchModel model, float[] values) {

    /** E. */
    public int width() {
      return model.model().spec().wordWidth();
    }
  }

  /** Copies the list. */
  public TriggerGradient {
    parts = List.copyOf(parts);
  }

  /** The gradient at one position in the first model [E]. */
  public float[] at(int slot) {
    Part part = parts.get(0);
    float[] row = new float[part.width()];
    System.arraycopy(part.values(), slot * part.width(), row, 0, row.length);
    return row;
  }

  /**
   * The tokens that promise most at each position, best first: those with the smallest products. Of
   * one model they are found on its device.
   *
   * @param k how many; fewer come back if fewer are allowed
   * @return [n][k]
   */
  public int[][] promising(TokenFilter filter, int k) {
    if (parts.size() == 1) {
      return parts.get(0).model().smallestProducts(parts.get(0).values(), filter.banned(), k);
    }
    float[][] products = products();
    int[][] best = new int[slots][];
    for (int t = 0; t < slots; t++) {
      best[t] = Ranking.smallest(products[t], k, filter);
    }
    return best;
  }

  /** Products with every word vector, summed over the models [n][V]. */
  public float[][] products() {
    float[][] sum = null;
    for (Part part : parts) {
      float[] flat = part.model().products(part.values());
      int vocabulary = flat.length / slots;
      if (sum == null) {
        sum = new float[slots][vocabulary];
      }
      for (int i = 0; i < flat.length; i++) {
        if (i % vocabulary < sum[0].length) {
          sum[i / vocabulary][i % vocabulary] += flat[i];
        }
      }
    }
    return sum;
  }

  /**
   * Scaled so that the products of each position in each model have norm 1, as the original GCG
   * does before it adds models up: it changes no order within a position, but gives every model,
   * every position and every step the same say in a sum.
   */
  public TriggerGradient normalised() {
    List<Part> scaled = new ArrayList<>();
    for (Part part : parts) {
      float[] products = part.model().products(part.values());
      int vocabulary = products.length / slots;
      float[] values = part.values().clone();
      for (int t = 0; t < slots; t++) {
        double square = 0;
        for (int v = 0; v < vocabulary; v++) {
          double x = products[t * vocabulary + v];
          square += x * x;
        }
        double norm = Math.sqrt(square);
        for (int e = 0; norm > 0 && e < part.width(); e++) {
          values[t * part.width() + e] /= (float) norm;
        }
      }
      scaled.add(new Part(part.model(), values));
    }
    return new TriggerGradient(slots, scaled);
  }

  /** {@code factor * this + otherFactor * other}, part by part. */
  public TriggerGradient mixed(double factor, TriggerGradient other, double otherFactor) {
    List<Part> mixed = new ArrayList<>();
    for (int p = 0; p < parts.size(); p++) {
      float[] a = parts.get(p).values();
      float[] b = other.parts.get(p).values();
      float[] values = new float[a.length];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (factor * a[i] + otherFactor * b[i]);
      }
      mixed.add(new Part(parts.get(p).model(), values));
    }
    return new TriggerGradient(slots, mixed);
  }

  /** Both at once: the gradient of the sum of the losses. */
  public TriggerGradient plus(TriggerGradient other) {
    List<Part> all = new ArrayList<>(parts);
    for (Part part : other.parts) {
      int same = -1;
      for (int p = 0; p < all.size(); p++) {
        same = all.get(p).model().model() == part.model().model() ? p : same;
      }
      if (same < 0) {
        all.add(part);
      } else {
        float[] sum = all.get(same).values().clone();
        for (int i = 0; i < sum.length; i++) {
          sum[i] += part.values()[i];
        }
        all.set(same, new Part(part.model(), sum));
      }
    }
    return new TriggerGradient(slots, all);
  }
}
