package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The gradient against central finite differences of losses computed here from logits. */
class EmbeddingGradientTest {

  private static final double STEP = 1e-5;

  /** With positions, token sets, weights, padding on both sides, and a target before padding. */
  private static final TokenBatch BATCH =
      TokenBatch.leftPadded(
          List.of(new int[] {38, 87, 88, 51, 10}, new int[] {31, 95, 22}, new int[] {7, 8, 9, 10}),
          0);

  private static final Targets TARGETS =
      new Targets(
          new int[] {4, 9, 9, 14, 12},
          new int[][] {{5}, {1, 2, 3}, {96}, {0, 50}, {11}},
          new float[] {0.5f, 1, -0.25f, 2, 0});

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bert",
        "roberta",
        "gpt2",
        "llama__rope_llama3",
        "albert",
        "opt__projected_postnorm",
        "gpt_neox",
        "gemma2",
        "gemma3_text",
        "olmo2",
        "t5__v1_1_gated_untied"
      })
  void gradient_inFloat64_equalsFiniteDifferences(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      double[] vectors = Tensors.doubles(model.wordVectors(scope, BATCH));
      EmbeddingGradient result = model.gradient(scope, batch(model), TARGETS);
      assertThat(result.vectors().getShape()).isEqualTo(new Shape(3, 5, model.spec().wordWidth()));
      assertThat(result.decoderVectors().isPresent()).isEqualTo(model.spec().encoderDecoder());
      double[] gradient = Tensors.doubles(result.vectors());
      Random random = new Random(5);
      for (int n = 0; n < 25; n++) {
        int i = random.nextInt(gradient.length);
        assertThat(gradient[i])
            .as("%s entry %d", name, i)
            .isCloseTo(difference(model, vectors, i, null), within(1e-8));
      }
      // somewhere it is far from zero
      assertThat(Arrays.stream(gradient).map(Math::abs).max().getAsDouble()).isGreaterThan(1e-2);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "gpt2", "llama"})
  void gradient_behindACache_equalsFiniteDifferences(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      TokenBatch prefix = TokenBatch.of(List.of(new int[] {60, 61, 62}), 0);
      NDArray past =
          model.forCaching().extend(scope, null, prefix, null, null, new int[] {0}).keyValues();
      double[] vectors = Tensors.doubles(model.wordVectors(scope, BATCH));
      NDArray given = scope.create(vectors, new Shape(3, 5, 32));
      double[] gradient =
          Tensors.doubles(model.gradient(scope, given, BATCH, past, null, TARGETS).vectors());
      double[] without = Tensors.doubles(model.gradient(scope, BATCH, TARGETS).vectors());
      assertThat(gradient).isNotEqualTo(without);
      Random random = new Random(6);
      for (int n = 0; n < 10; n++) {
        int i = random.nextInt(gradient.length);
        assertThat(gradient[i])
            .as("%s entry %d", name, i)
            .isCloseTo(difference(model, vectors, i, past), within(1e-8));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void gradient_inEveryPrecision_isAtLeastFloat32AndNearTheExactOne(Precision precision) {
    double allowed =
        switch (precision) {
          case FLOAT64 -> 0;
          case FLOAT32 -> 1e-5;
          case FLOAT16 -> 1e-2;
          case BFLOAT16 -> 8e-2;
        };
    for (String name : List.of("bert", "llama")) {
      LanguageModel model = TinyModels.shared(name, precision);
      LanguageModel exact = TinyModels.shared(name, Precision.FLOAT64);
      try (NDManager scope = model.newScope();
          NDManager exactScope = exact.newScope()) {
        NDArray ours = model.gradient(scope, BATCH, TARGETS).vectors();
        assertThat(ours.getDataType())
            .isEqualTo(precision == Precision.FLOAT64 ? DataType.FLOAT64 : DataType.FLOAT32);
        double[] a = Tensors.doubles(ours);
        double[] b = Tensors.doubles(exact.gradient(exactScope, BATCH, TARGETS).vectors());
        assertThat(relativeDistance(a, b))
            .as("%s %s", name, precision)
            .isLessThanOrEqualTo(allowed);
      }
    }
  }

  @Test
  void gradient_fromVectorsOfOtherTypes_isAtLeastFloat32() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      NDArray vectors = model.wordVectors(scope, BATCH);
      double[] expected = Tensors.doubles(model.gradient(scope, BATCH, TARGETS).vectors());
      for (DataType type : List.of(DataType.FLOAT64, DataType.FLOAT16)) {
        NDArray other = vectors.toType(type, true);
        NDArray gradient = model.gradient(scope, other, BATCH, null, null, TARGETS).vectors();
        assertThat(gradient.getDataType())
            .isEqualTo(type == DataType.FLOAT64 ? DataType.FLOAT64 : DataType.FLOAT32);
        assertThat(relativeDistance(Tensors.doubles(gradient), expected)).isLessThan(1e-2);
        assertThat(other.hasGradient()).isFalse(); // the leaf is the program's own
      }
    }
  }

  @Test
  void gradient_ofZeroWeights_isZero() {
    LanguageModel model = TinyModels.shared("bert", Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      Targets none = new Targets(new int[] {4}, new int[][] {{5}}, new float[] {0});
      EmbeddingGradient result = model.gradient(scope, BATCH, none);
      assertThat(Tensors.doubles(result.vectors())).containsOnly(0);
      assertThat(Tensors.doubles(result.losses())[0]).isPositive();
    }
  }

  /** A decoder gets as many tokens, so that the same places exist. */
  private static TokenBatch batch(LanguageModel model) {
    return model.spec().encoderDecoder()
        ? BATCH.withDecoder(
            List.of(new int[] {0, 4, 9, 16, 25}, new int[] {0, 7, 7, 7, 8}, new int[] {0, 1, 2}), 0)
        : BATCH;
  }

  /**
   * Of fourth order: unscaled scores (T5) and caps bend the loss too much for two points, and a
   * larger step would meet the kinks of relu.
   */
  private static double difference(LanguageModel model, double[] vectors, int i, NDArray past) {
    double near =
        loss(model, moved(vectors, i, STEP), past) - loss(model, moved(vectors, i, -STEP), past);
    double far =
        loss(model, moved(vectors, i, 2 * STEP), past)
            - loss(model, moved(vectors, i, -2 * STEP), past);
    return (8 * near - far) / (12 * STEP);
  }

  private static double[] moved(double[] vectors, int i, double by) {
    double[] moved = vectors.clone();
    moved[i] += by;
    return moved;
  }

  /** The weighted loss from logits, with plain sums of exponentials. */
  private static double loss(LanguageModel model, double[] vectors, NDArray past) {
    try (NDManager scope = model.newScope()) {
      NDArray x = scope.create(vectors, new Shape(3, 5, vectors.length / 15));
      double[] logits =
          Tensors.doubles(
              model.forCaching().extend(scope, x, batch(model), past, null, TARGETS.at()).logits());
      double sum = 0;
      for (int n = 0; n < TARGETS.at().length; n++) {
        double all = 0;
        for (double logit : Tensors.row(logits, n, 97)) {
          all += Math.exp(logit);
        }
        double wanted = 0;
        for (int token : TARGETS.tokens()[n]) {
          wanted += Math.exp(logits[n * 97 + token]);
        }
        sum -= TARGETS.weights()[n] * Math.log(wanted / all);
      }
      return sum;
    }
  }

  private static double relativeDistance(double[] a, double[] b) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < a.length; i++) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      size += b[i] * b[i];
    }
    return Math.sqrt(difference / size);
  }
}
