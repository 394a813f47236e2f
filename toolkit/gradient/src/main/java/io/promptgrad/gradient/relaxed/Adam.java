package io.promptgrad.gradient.relaxed;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.Floats;

/**
 * AdamW (Loshchilov and Hutter 2019, Algorithm 2) on the host, for the few numbers of a relaxed
 * trigger; betas 0.9 and 0.999, epsilon 1e-8.
 */
final class Adam {

  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;

  private final double learningRate;
  private final double weightDecay;
  private float[] first;
  private float[] second;
  private int updates;

  Adam(int size, double learningRate, double weightDecay) {
    this.first = new float[size];
    this.second = new float[size];
    this.learningRate = learningRate;
    this.weightDecay = weightDecay;
  }

  /** Changes the values in place. */
  void step(float[] values, float[] gradient) {
    updates++;
    double correction1 = 1 - Math.pow(BETA1, updates);
    double correction2 = 1 - Math.pow(BETA2, updates);
    for (int i = 0; i < values.length; i++) {
      double g = gradient[i];
      first[i] = (float) (BETA1 * first[i] + (1 - BETA1) * g);
      second[i] = (float) (BETA2 * second[i] + (1 - BETA2) * g * g);
      double direction = first[i] / correction1 / (Math.sqrt(second[i] / correction2) + EPSILON);
      values[i] -= (float) (learningRate * (direction + weightDecay * values[i]));
    }
  }

  ObjectNode save() {
    return Json.object()
        .put("first", Floats.save(first))
        .put("second", Floats.save(second))
        .put("updates", updates);
  }

  void restore(ObjectNode state) {
    first = Floats.restore(state.path("first").asText());
    second = Floats.restore(state.path("second").asText());
    updates = state.path("updates").asInt();
  }
}
