package io.promptgrad.models.pretrain;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.AdamW;

/**
 * How a model is pretrained.
 *
 * @param steps optimizer steps
 * @param windows text windows of one step
 * @param length tokens of one window, specials included
 * @param learningRate the highest, reached after the warm-up
 * @param lastLearningRate at the end of the cosine
 * @param warmUp steps of linear growth from 0
 * @param optimizer AdamW's other settings
 * @param dropout probability, on embeddings, sub-layer outputs and attention weights
 * @param initialDeviation standard deviation of the first weights
 * @param seed of weights, windows and masks
 * @param measureEvery steps between two measurements of the held-out loss
 * @param heldOutWindows windows of a measurement, the same each time
 * @param saveEvery steps between two checkpoints
 */
public record PretrainingPlan(
    int steps,
    int windows,
    int length,
    double learningRate,
    double lastLearningRate,
    int warmUp,
    AdamW optimizer,
    double dropout,
    double initialDeviation,
    long seed,
    int measureEvery,
    int heldOutWindows,
    int saveEvery) {

  /** Checks the ranges. */
  public PretrainingPlan {
    atLeast("steps", steps, 1);
    atLeast("windows", windows, 1);
    atLeast("length", length, 32);
    atLeast("warm-up", warmUp, 0);
    atLeast("measure-every", measureEvery, 1);
    atLeast("held-out windows", heldOutWindows, 1);
    atLeast("save-every", saveEvery, 1);
    positive("learning-rate", learningRate);
    positive("initial-deviation", initialDeviation);
    if (!(dropout >= 0 && dropout < 1)) {
      throw new InvalidInputException(
          "The option dropout is %s but must be at least 0 and less than 1.".formatted(dropout));
    }
  }

  private static void atLeast(String name, int value, int least) {
    if (value < least) {
      throw new InvalidInputException(
          "The option %s is %d but must be at least %d.".formatted(name, value, least));
    }
  }

  private static void positive(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new InvalidInputException(
          "The option %s is %s but must be a positive number.".formatted(name, value));
    }
  }

  /** The same plan with another end. */
  PretrainingPlan withSteps(int otherSteps) {
    return new PretrainingPlan(
        otherSteps,
        windows,
        length,
        learningRate,
        lastLearningRate,
        warmUp,
        optimizer,
        dropout,
        initialDeviation,
        seed,
        measureEvery,
        heldOutWindows,
        saveEvery);
  }

  /** Linear warm-up, then a cosine down to the last learning rate. Steps count from 0. */
  public double learningRate(int step) {
    if (step < warmUp) {
      return learningRate * (step + 1) / warmUp;
    }
    double done = (double) (step - warmUp) / Math.max(1, steps - warmUp);
    double cosine = 0.5 * (1 + Math.cos(Math.PI * done));
    return lastLearningRate + (learningRate - lastLearningRate) * cosine;
  }
}
