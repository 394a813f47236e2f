package io.promptgrad.models.pretrain;

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
