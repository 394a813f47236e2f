package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import io.promptgrad.lm.weights.SafetensorsFile;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two steps of the optimizer against the formulas of its paper, computed here in double. */
class AdamWTest {

  private static final TokenBatch BATCH =
      TokenBatch.of(List.of(new int[] {38, 87, 88, 51, 10}, new int[] {31, 95, 22}), 0);

  private static final AdamW SETTINGS = new AdamW(0.8, 0.9, 1e-5, 0.1, 0);

  @TempDir Path directory;

  /** Weight, moments and number of updates of one tensor. */
  private static final class State {
    double[] weight;
    double[] first;
    double[] second;
    int count;
    boolean matrix;
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.5, 1e9}) // never clipped, always, never in effect
  void update_twice_followsThePaper(double largestNorm) {
    AdamW optimizer = new AdamW(0.8, 0.9, 1e-5, 0.1, largestNorm);
    try (TrainableModel model =
        TrainableModel.load(
            TinyModels.folder("gpt2"), new LoadOptions(Device.cpu(), Precision.FLOAT32))) {
      Map<String, State> states = new HashMap<>();
      for (String name : model.names()) {
        State state = new State();
        state.weight = doubles(model.weight(name));
        state.first = new double[state.weight.length];
        state.second = new double[state.weight.length];
        state.matrix = model.shape(name).length > 1;
        states.put(name, state);
      }
      double[] rates = {0.01, 0.003};
      for (int step = 0; step < 2; step++) {
        model.accumulate(BATCH, Targets.mean(new int[] {4, 7}, new int[] {5 + step, 60}), 0);
        Map<String, double[]> gradients = new HashMap<>();
        double square = 0;
        for (String name : model.names()) {
          double[] gradient = doubles(model.gradient(name));
          gradients.put(name, gradient);
          for (double g : gradient) {
            square += g * g;
          }
        }
        double norm = Math.sqrt(square);
        assertThat(norm).isBetween(0.6, 1e6); // so that 0.5 clips
        double shrink = largestNorm == 0 ? 1 : Math.min(1, largestNorm / (norm + 1e-6));
        assertThat(model.update(optimizer, rates[step])).isCloseTo(norm, within(1e-4 * norm));
        for (String name : model.names()) {
          byHand(states.get(name), gradients.get(name), shrink, rates[step]);
        }
      }
      Path file = directory.resolve("state.safetensors");
      model.save(file, "");
      SafetensorsFile saved = SafetensorsFile.open(file);
      for (String name : model.names()) {
        State state = states.get(name);
        assertNear(name, doubles(model.weight(name)), state.weight, 2e-6);
        assertNear(name, doubles(saved.get(name).toFloats()), state.weight, 2e-6);
        assertNear(name, doubles(saved.get(name + "/first_moment").toFloats()), state.first, 1e-6);
        assertNear(
            name, doubles(saved.get(name + "/second_moment").toFloats()), state.second, 1e-6);
        assertThat(saved.get(name + "/count").toFloats()).containsExactly(2);
      }
    }
  }

  /** Loshchilov and Hutter 2019, Algorithm 2, lines 6 to 12. */
  private static void byHand(State s, double[] gradient, double shrink, double rate) {
    s.count++;
    for (int i = 0; i < gradient.length; i++) {
      double g = gradient[i] * shrink;
      s.first[i] = 0.8 * s.first[i] + 0.2 * g;
      s.second[i] = 0.9 * s.second[i] + 0.1 * g * g;
      double mean = s.first[i] / (1 - Math.pow(0.8, s.count));
      double variance = s.second[i] / (1 - Math.pow(0.9, s.count));
      double decay = s.matrix ? 0.1 : 0;
      s.weight[i] -= rate * (mean / (Math.sqrt(variance) + 1e-5) + decay * s.weight[i]);
    }
  }

  @Test
  void update_withoutGradients_onlyDecaysMatrices() {
    try (TrainableModel model =
        TrainableModel.load(
            TinyModels.folder("llama"), new LoadOptions(Device.cpu(), Precision.FLOAT64))) {
      double[] matrix = doubles(model.weight("lm_head.weight"));
      float[] norm = model.weight("model.norm.weight");
      assertThat(model.update(SETTINGS, 0.5)).isZero();
      double[] after = doubles(model.weight("lm_head.weight"));
      for (int i = 0; i < matrix.length; i++) {
        matrix[i] *= 1 - 0.5 * 0.1;
      }
      assertNear("lm_head.weight", after, matrix, 1e-7);
      assertThat(model.weight("model.norm.weight")).isEqualTo(norm);
    }
  }

  @Test
  void update_ofTheModelComputedWith_isSeenByItsLosses() {
    Targets targets = Targets.mean(new int[] {4}, new int[] {5});
    try (TrainableModel model =
        TrainableModel.load(
            TinyModels.folder("bert"), new LoadOptions(Device.cpu(), Precision.BFLOAT16))) {
      float before = model.losses(BATCH, targets)[0];
      for (int i = 0; i < 3; i++) {
        model.accumulate(BATCH, targets, 0);
        model.update(SETTINGS, 0.01);
      }
      assertThat(model.losses(BATCH, targets)[0]).isLessThan(before);
      for (double bad : new double[] {-1e-3, Double.NaN, Double.POSITIVE_INFINITY}) {
        assertThatThrownBy(() -> model.update(SETTINGS, bad))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  @Test
  void settings_outOfRange_areRefused() {
    double[][] bad = {
      {1, 0.9, 1e-8, 0, 0},
      {-0.1, 0.9, 1e-8, 0, 0},
      {0.9, 1, 1e-8, 0, 0},
      {0.9, Double.NaN, 1e-8, 0, 0},
      {0.9, 0.9, 0, 0, 0},
      {0.9, 0.9, 1e-8, -1, 0},
      {0.9, 0.9, 1e-8, 0, -1},
      {0.9, 0.9, 1e-8, 0, Double.NaN}
    };
    for (double[] b : bad) {
      assertThatThrownBy(() -> new AdamW(b[0], b[1], b[2], b[3], b[4]))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  private static void assertNear(
      String name, double[] actual, double[] expected, double tolerance) {
    double worst = 0;
    for (int i = 0; i < actual.length; i++) {
      double error = Math.abs(actual[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
      worst = error <= worst ? worst : error; // a NaN stays
    }
    assertThat(worst).as(name).isLessThanOrEqualTo(tolerance);
  }

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    for (int i = 0; i < doubles.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }
}
