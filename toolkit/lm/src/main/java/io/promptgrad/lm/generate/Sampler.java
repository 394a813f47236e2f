package io.promptgrad.lm.generate;

import io.promptgrad.input.InvalidInputException;
import java.util.SplittableRandom;

/** Chooses the tokens of one row, one after the other. Ties go to the lowest id. */
final class Sampler {

  private final GenerationOptions options;
  private final boolean[] occurred;
  private final SplittableRandom random;

  Sampler(GenerationOptions options, int[] prompt, int vocabulary, SplittableRandom random) {
    this.options = options;
    this.random = random;
    this.occurred = new boolean[vocabulary];
    for (int id : prompt) {
      occurred[id] = true;
    }
  }

  /** The next token from the logits that begin at {@code start}. */
  int next(float[] logits, int start) {
    float[] scores = new float[occurred.length];
    for (int id = 0; id < scores.length; id++) {
      float score = logits[start + id];
      requireLogit(score);
      if (occurred[id] && options.repetitionPenalty() != 1) {
        double penalty = options.repetitionPenalty();
        score = (float) (score > 0 ? score / penalty : score * penalty);
      }
      scores[id] = score;
    }
    int id = options.temperature() == 0 ? best(scores) : draw(scores);
    occurred[id] = true;
    return id;
  }

  /** Refuses infinity and what is no number. */
  static void requireLogit(float logit) {
    if (!(logit < Float.POSITIVE_INFINITY)) {
      throw new InvalidInputException(
          "The model computed a logit of "
              + logit
              + "; its weights are damaged, or too large for the precision chosen.");
    }
  }

  private static int best(float[] scores) {
    int best = 0;
    for (int id = 1; id < scores.length; id++) {
      if (scores[id] > scores[best]) {
        best = id;
      }
    }
    return best;
  }

  /** Temperature, then top-k, then top-p of what is left, then min-p, then a draw. */
  private int draw(float[] scores) {
    float largest = scores[best(scores)];
    boolean limited = options.topK() > 0 && options.topK() < scores.length;
    if (!limited && options.topP() == 1 && options.minP() == 0) {
      return drawAmongAll(scores, largest);
    }
    Ranking ranking = new Ranking(scores);
    int candidates = limited ? options.topK() : scores.length;
    double sum = 0;
    if (limited) {
      while (candidates < scores.length
          && scores[ranking.id(candidates)] == scores[ranking.id(candidates - 1)]) {
        candidates++; // as likely as the last of the k
      }
      for (int i = 0; i < candidates; i++) {
        sum += weight(scores[ranking.id(i)], largest);
      }
    } else {
      for (float score : scores) {
        sum += weight(score, largest);
      }
    }
    double reached = 0;
    int kept = 0;
    while (kept < candidates && reached < options.topP() * sum) {
      double weight = weight(scores[ranking.id(kept)], largest);
      if (weight < options.minP()) {
        break;
      }
      reached += weight;
      kept++;
    }
    double point = random.nextDouble() * reached;
    for (int i = 0; i < kept; i++) {
      point -= weight(scores[ranking.id(i)], largest);
      if (point < 0) {
        return ranking.id(i);
      }
    }
    return ranking.id(Math.max(0, kept - 1));
  }

  private int drawAmongAll(float[] scores, float largest) {
    double[] weights = new double[scores.length];
    double sum = 0;
    for (int id = 0; id < weights.length; id++) {
      weights[id] = weight(scores[id], largest);
      sum += weights[id];
    }
    double point = random.nextDouble() * sum;
    int last = 0;
    for (int id = 0; id < weights.length; id++) {
      if (weights[id] > 0) {
        point -= weights[id];
        last = id;
      }
      if (point < 0) {
        break;
      }
    }
    return last;
  }

  /** A token's share of the most probable one's probability. */
  private double weight(float score, float largest) {
    return Math.exp(((double) score - largest) / options.temperature());
  }

  /**
   * Ids by score, the largest first and the lowest id first among equals, sorted only as far as
   * asked for: a heap of the rest at the front of an array, what left it at the end.
   */
  private static final class Ranking {

    private final long[] keys; // score above id, so that the smallest is the best
    private int rest;

    Ranking(float[] scores) {
      this.keys = new long[scores.length];
      this.rest = scores.length;
      for (int id = 0; id < keys.length; id++) {
        int bits = Float.floatToIntBits(-(scores[id] + 0f)); // + 0f: no negative zero
        int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE); // as signed integers
        keys[id] = ((long) ordered << 32) | id;
      }
      for (int parent = rest / 2 - 1; parent >= 0; parent--) {
        sink(parent);
      }
    }

    /** The id behind {@code rank} better ones. */
    int id(int rank) {
      while (keys.length - rest <= rank) {
        long best = keys[0];
        keys[0] = keys[--rest];
        keys[rest] = best;
        sink(0);
      }
      return (int) keys[keys.length - 1 - rank];
    }

    private void sink(int start) {
      int parent = start;
      for (int child = 2 * parent + 1; child < rest; child = 2 * parent + 1) {
        if (child + 1 < rest && keys[child + 1] < keys[child]) {
          child++;
        }
        if (keys[parent] <= keys[child]) {
          return;
        }
        long swapped = keys[parent];
        keys[parent] = keys[child];
        keys[child] = swapped;
        parent = child;
      }
    }
  }
}
