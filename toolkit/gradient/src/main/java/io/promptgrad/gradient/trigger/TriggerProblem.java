package io.promptgrad.gradient.trigger;

import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.search.RandomSource;
import java.util.List;

/**
 * What a discrete search looks for: n tokens that make a loss small. The loss may be that of a
 * classification task, of texts that models are to go on with, of both and of how the trigger
 * itself reads; the methods need not know.
 *
 * <p>Losses and gradients of a step are those of the step's sample, if the problem draws samples:
 * the same number always means the same examples.
 */
public interface TriggerProblem {

  /** n, tokens of the trigger. */
  int slots();

  /** The models behind it, all of one vocabulary; word vectors are those of the first. */
  List<SearchModel> models();

  /** The tokens that may be used. */
  TokenFilter filter();

  /** The first trigger. */
  int[] start(RandomSource random);

  /** Losses of triggers on the sample of a step. */
  Losses losses(List<int[]> triggers, int[] current, int step);

  /**
   * What triggers are worth.
   *
   * @param values loss of each
   * @param solved whether it reaches everything that was wanted on the sample
   * @param examples how many sequences each was scored on
   */
  record Losses(double[] values, boolean[] solved, int examples) {

    /** Index of the smallest; the first of equal ones. */
    public int smallest() {
      int best = 0;
      for (int i = 1; i < values.length; i++) {
        if (values[i] < values[best]) {
          best = i;
        }
      }
      return best;
    }
  }

  /** Gradients at triggers' own word vectors, on the gradient's sample of a step. */
  List<TriggerGradient> gradients(List<int[]> triggers, int step);

  /** Gradient at one trigger's own word vectors. */
  default TriggerGradient gradient(int[] trigger, int step) {
    return gradients(List.of(trigger), step).get(0);
  }

  /**
   * Gradients at any vectors of the first model in the trigger's place.
   *
   * @param vectors each [n * E], row-major
   * @return each [n * E], with the loss there
   */
  SoftGradients softGradients(List<float[]> vectors, int step);

  /**
   * Result of {@link #softGradients}.
   *
   * @param values for each input [n * E]
   * @param losses of each
   */
  record SoftGradients(List<float[]> values, double[] losses) {}

  /** Whether {@link #dev} measures anything. */
  boolean hasDev();

  /** How good a trigger is on what is kept for choosing; higher is better. */
  double dev(int[] trigger);

  /** Examples behind {@link #dev}. */
  int devSize();

  /** What is saved if a trigger is the result. */
  Prompt prompt(int[] trigger);
}
