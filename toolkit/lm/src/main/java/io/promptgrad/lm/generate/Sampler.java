package io.promptgrad.lm.generate;

import io.promptgrad.input.InvalidInputException;
import java.util.Arrays;
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
    double[] scores = new double[occurred.length];
    for (int id = 0; id < scores.length; id++) {
      double score = logits[start + id];
      if (!(score < Double.POSITIVE_INFINITY)) {
        throw new InvalidInputException(
            "The model computed a logit of "
                + score
                + "; its weights are damaged, or too large for the precision chosen.");
      }
      if (occurred[id] && options.repetitionPenalty() != 1) {
        double penalty = options.repetitionPenalty();
        score = score > 0 ? score / penalty : score * penalty;
      }
      scores[id] = score;
    }
    int id = options.temperature() == 0 ? best(scores) : draw(scores);
    occurred[id] = true;
    return id;
  }

  private static int best(double[] scores) {
    int best = 0;
    for (int id = 1; id < scores.length; id++) {
      if (scores[id] > scores[best]) {
        best = id;
      }
    }
    return best;
  }

  /** Temperature, then top-k, then top-p on what is left, then a draw. */
  private int draw(double[] scores) {
    Integer[] byScore = new Integer[scores.length];
    Arrays.setAll(byScore, i -> i);
    Arrays.sort(byScore, (a, b) -> Double.compare(scores[b], scores[a]));
    int candidates = options.topK() > 0 ? Math.min(options.topK(), scores.length) : scores.length;
    double largest = scores[byScore[0]];
    double[] probabilities = new double[candidates];
    double sum = 0;
    for (int i = 0; i < candidates; i++) {
      probabilities[i] = Math.exp((scores[byScore[i]] - largest) / options.temperature());
      sum += probabilities[i];
    }
    double reached = 0;
    int nucleus = 0;
    while (nucleus < candidates && reached < options.topP() * sum) {
      reached += probabilities[nucleus++];
    }
    double point = random.nextDouble() * reached;
    for (int i = 0; i < nucleus; i++) {
      point -= probabilities[i];
      if (point < 0) {
        return byScore[i];
      }
    }
    return byScore[nucleus - 1];
  }
}
