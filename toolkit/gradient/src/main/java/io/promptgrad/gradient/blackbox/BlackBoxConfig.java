package io.promptgrad.gradient.blackbox;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.BlackBoxModel.Mode;

/**
 * Settings of black-box tuning.
 *
 * @param length P, vectors of the prompt, if the template has no slots for them
 * @param dimensions d, numbers that are searched
 * @param population candidates of a generation
 * @param calls budget; one call is one candidate on all train examples
 * @param mode whether vectors are added to hidden states or stand instead of words (BBTv2: added)
 * @param uniform the projection's entries are uniform, as in the paper; else normal, as in the
 *     program
 * @param alpha how large A z is at first, relative to word vectors (BBTv2: to hidden states)
 * @param sigma step size at first
 * @param bound numbers are kept within this distance from 0; 0: anywhere
 * @param loss what is minimised
 * @param separable with a diagonal covariance
 * @param devEvery calls from one look at dev to the next
 * @param examples train examples of a generation, drawn anew for each; 0: all, as in the papers
 */
public record BlackBoxConfig(
    int length,
    int dimensions,
    int population,
    int calls,
    Mode mode,
    boolean uniform,
    double alpha,
    double sigma,
    double bound,
    LabelLoss loss,
    boolean separable,
    int devEvery,
    int examples) {

  /** Checks the ranges. */
  public BlackBoxConfig {
    if (length < 1 || dimensions < 1 || population < 2 || calls < population || devEvery < 1) {
      throw new InvalidInputException(
          "The options prompt_length, dimensions, population, calls and dev_every are %d, %d, %d, %d and %d but must be at least 1, 1, 2, the population and 1."
              .formatted(length, dimensions, population, calls, devEvery));
    }
    if (examples < 0) {
      throw new InvalidInputException(
          "The option examples is %d but must be at least 0, which means all.".formatted(examples));
    }
    if (!(alpha > 0) || !(sigma > 0) || !(bound >= 0)) {
      throw new InvalidInputException(
          "The options alpha, sigma and bound are %s, %s and %s but must be above 0, above 0 and at least 0."
              .formatted(alpha, sigma, bound));
    }
  }

  /** The program's: 50 vectors, 500 dimensions, 20 candidates, 8,000 calls. */
  public static BlackBoxConfig original() {
    return new BlackBoxConfig(
        50, 500, 20, 8000, Mode.ADD, false, 1, 1, 0, LabelLoss.CROSS_ENTROPY, false, 100, 0);
  }

  /** The paper's: a uniform projection and numbers within 5. */
  public static BlackBoxConfig paper() {
    return new BlackBoxConfig(
        50, 500, 20, 8000, Mode.ADD, true, 1, 1, 5, LabelLoss.CROSS_ENTROPY, false, 100, 0);
  }

  /** The same with another size. */
  public BlackBoxConfig withSize(
      int newLength, int newDimensions, int newPopulation, int newCalls) {
    return new BlackBoxConfig(
        newLength,
        newDimensions,
        newPopulation,
        newCalls,
        mode,
        uniform,
        alpha,
        sigma,
        bound,
        loss,
        separable,
        devEvery,
        examples);
  }

  EvolutionStrategy strategy() {
    double[] start = new double[dimensions];
    return separable
        ? new SeparableCmaEs(start, sigma, population)
        : new CmaEs(start, sigma, population, CmaEs.Form.TUTORIAL);
  }

  /** Moves points into the bounds. */
  void clip(double[][] points) {
    for (double[] point : points) {
      for (int i = 0; i < point.length && bound > 0; i++) {
        point[i] = Math.max(-bound, Math.min(bound, point[i]));
      }
    }
  }
}
