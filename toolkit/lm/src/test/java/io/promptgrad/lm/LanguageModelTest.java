package io.promptgrad.lm;

import static io.promptgrad.lm.Batches.SEQUENCES;
import static io.promptgrad.lm.Batches.oneTargetInEachRow;
import static io.promptgrad.lm.Tensors.assertFinite;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.Checkpoint;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The heads agree with each other and with what is computed by hand. */
class LanguageModelTest {

  @ParameterizedTest
  @CsvSource({
    "bert, FLOAT32, 1e-5",
    "bert__untied_silu_large_eps, FLOAT32, 1e-5",
    "gpt2, FLOAT64, 1e-12",
    "llama, FLOAT32, 1e-5",
    "phi, FLOAT64, 1e-12",
    "gemma2, FLOAT64, 1e-12",
    // the whole vocabulary is multiplied in bfloat16 (3 digits of up to 8), a few tokens in float32
    "roberta, BFLOAT16, 4e-2"
  })
  void logits_ofChosenTokens_equalTheirColumns(String name, Precision precision, double tolerance) {
    LanguageModel model = TinyModels.shared(name, precision);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
      int[] at = {7, 0, 8, 0, 20};
      int[] tokens = {96, 0, 5, 5, 41};
      NDArray few = model.logits(scope, batch, at, tokens);
      assertThat(few.getShape()).isEqualTo(new Shape(5, 5));
      double[] all = Tensors.doubles(model.logits(scope, batch, at));
      double[] expected = new double[at.length * tokens.length];
      for (int n = 0; n < at.length; n++) {
        for (int c = 0; c < tokens.length; c++) {
          expected[n * tokens.length + c] = all[n * 97 + tokens[c]];
        }
      }
      assertThat(Tensors.doubles(few)).containsExactly(expected, within(tolerance));
    }
  }

  @ParameterizedTest
  @CsvSource({"bert, FLOAT64, 1e-11", "llama, FLOAT64, 1e-11", "gpt2, FLOAT32, 1e-5"})
  void losses_ofTokenSets_areMinusLogOfTheirSummedProbability(
      String name, Precision precision, double tolerance) {
    LanguageModel model = TinyModels.shared(name, precision);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
      int[] at = {3, 8, 3, 16};
      int[][] sets = {{5}, {1, 2, 3}, {96, 0}, {7, 8, 9, 10, 11}};
      Targets targets = new Targets(at, sets, new float[] {1, 0, -2, 0.5f});
      double[] logits = Tensors.doubles(model.logits(scope, batch, at));
      double[] expected = new double[at.length];
      for (int n = 0; n < at.length; n++) {
        double[] row = Tensors.row(logits, n, 97);
        double all = Arrays.stream(row).map(Math::exp).sum();
        double wanted = Arrays.stream(sets[n]).mapToDouble(t -> Math.exp(row[t])).sum();
        expected[n] = -Math.log(wanted / all);
      }
      NDArray losses = model.losses(scope, batch, targets);
      assertThat(losses.getShape()).isEqualTo(new Shape(4));
      assertThat(Tensors.doubles(losses)).containsExactly(expected, within(tolerance));
      assertThat(Tensors.doubles(model.gradient(scope, batch, targets).losses()))
          .containsExactly(expected, within(tolerance));
    }
  }

  @Test
  void losses_ofTheWholeVocabulary_areZero() {
    LanguageModel model = TinyModels.shared("bert", Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      int[] everything = new int[97];
      Arrays.setAll(everything, i -> i);
      TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
      Targets targets = Targets.mean(new int[] {2}, new int[][] {everything});
      assertThat(Tensors.doubles(model.losses(scope, batch, targets))[0])
          .isCloseTo(0, within(1e-12));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bert, bert.embeddings.word_embeddings.weight, bert.embeddings.word_embeddings.weight",
    "llama, model.embed_tokens.weight, lm_head.weight"
  })
  void tables_timesVectors_equalTheProductByHand(String name, String input, String output) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      Random random = new Random(1);
      float[] vectors = new float[3 * 32];
      for (int i = 0; i < vectors.length; i++) {
        vectors[i] = (float) random.nextGaussian();
      }
      Checkpoint checkpoint = Checkpoint.open(TinyModels.folder(name));
      NDArray x = scope.create(vectors, new Shape(3, 32));
      assertThat(Tensors.doubles(model.timesWordEmbedding(scope, x)))
          .containsExactly(product(vectors, checkpoint.get(input).toFloats()), within(1e-5));
      assertThat(Tensors.doubles(model.timesOutputMatrix(scope, x)))
          .containsExactly(product(vectors, checkpoint.get(output).toFloats()), within(1e-5));
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void tables_timesVectorsOfAnyFloatType_areAtLeastFloat32(Precision precision) {
    LanguageModel model = TinyModels.shared("roberta", precision);
    try (NDManager scope = model.newScope()) {
      double[] first = null;
      for (DataType type : List.of(DataType.FLOAT32, DataType.FLOAT64, DataType.FLOAT16)) {
        NDArray x = scope.full(new Shape(2, 32), 0.5f, DataType.FLOAT32).toType(type, true);
        NDArray y = model.timesWordEmbedding(scope, x);
        assertThat(y.getDataType())
            .isEqualTo(precision == Precision.FLOAT64 ? DataType.FLOAT64 : DataType.FLOAT32);
        first = first == null ? Tensors.doubles(y) : first;
        assertThat(Tensors.doubles(y)).isEqualTo(first); // 0.5 is exact in all of them
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bert__untied_silu_large_eps, cls.predictions.bias",
    "roberta, lm_head.bias",
    "gpt2, ''",
    "llama, ''"
  })
  void features_timesTheOutputMatrixPlusBias_areTheLogits(String name, String bias) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
      int[] at = {0, 9, 17};
      double[] products =
          Tensors.doubles(model.timesOutputMatrix(scope, model.features(scope, batch, at)));
      if (!bias.isEmpty()) {
        float[] added = Checkpoint.open(TinyModels.folder(name)).get(bias).toFloats();
        for (int i = 0; i < products.length; i++) {
          products[i] += added[i % 97];
        }
      }
      assertThat(products)
          .containsExactly(Tensors.doubles(model.logits(scope, batch, at)), within(1e-5));
    }
  }

  /** Gemma 3's word vectors are scaled rows; its gradient ranks tokens by what is looked up. */
  @ParameterizedTest
  @ValueSource(strings = {"gemma", "gemma3_text", "electra"})
  void timesWordEmbedding_isTheProductWithEachTokensWordVector(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      int e = model.spec().wordWidth();
      int[] all = new int[97];
      Arrays.setAll(all, i -> i);
      TokenBatch batch = new TokenBatch(97, 1, all, new byte[97], new int[97], new int[0]);
      double[] words = Tensors.doubles(model.wordVectors(scope, batch));
      double[] x = new Random(8).doubles(e, -1, 1).toArray();
      double[] expected = new double[97];
      for (int i = 0; i < words.length; i++) {
        expected[i / e] += words[i] * x[i % e];
      }
      assertThat(Tensors.doubles(model.timesWordEmbedding(scope, scope.create(x, new Shape(1, e)))))
          .containsExactly(expected, within(1e-12));
    }
  }

  @Test
  void wordVectors_areRowsOfTheTable() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      float[] table =
          Checkpoint.open(TinyModels.folder("gpt2")).get("transformer.wte.weight").toFloats();
      TokenBatch batch = TokenBatch.of(List.of(new int[] {96, 0}, new int[] {3, 96}), 0);
      NDArray vectors = model.wordVectors(scope, batch);
      assertThat(vectors.getShape()).isEqualTo(new Shape(2, 2, 32));
      List<Float> expected = new ArrayList<>();
      for (int id : batch.ids()) {
        for (int i = 0; i < 32; i++) {
          expected.add(table[id * 32 + i]);
        }
      }
      assertThat(vectors.toFloatArray()).containsExactly(expected.toArray(new Float[0]));
    }
  }

  @Test
  void counters_countTokensThatWentThroughTheLayers() {
    try (LanguageModel model = TinyModels.load("llama", Precision.FLOAT32);
        NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(SEQUENCES, 0); // 4 x 8
      Targets targets = oneTargetInEachRow(batch);
      model.wordVectors(scope, batch);
      model.timesWordEmbedding(scope, scope.zeros(new Shape(1, 32)));
      assertThat(model.forwardTokens()).isZero();
      model.logits(scope, batch, new int[] {0});
      model.logits(scope, batch, new int[] {0}, new int[] {1, 2});
      model.losses(scope, batch, targets);
      model.features(scope, batch, new int[] {0});
      model.hiddenStates(scope, batch);
      assertThat(model.forwardTokens()).isEqualTo(5 * 32);
      assertThat(model.backwardTokens()).isZero();
      model.gradient(scope, batch, targets);
      assertThat(model.forwardTokens()).isEqualTo(6 * 32);
      assertThat(model.backwardTokens()).isEqualTo(32);
      TokenBatch one = TokenBatch.of(List.of(new int[] {1, 2}), 0);
      NDArray past =
          model.forCaching().extend(scope, null, one, null, null, new int[] {0}).keyValues();
      model.forCaching().extend(scope, null, batch, past, null, new int[] {0});
      assertThat(model.forwardTokens()).isEqualTo(7 * 32 + 2); // cached tokens do not count again
      assertThatThrownBy(() -> model.logits(scope, batch, new int[] {32}))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(model.forwardTokens()).isEqualTo(7 * 32 + 2);
    }
  }

  @Test
  void parameters_areCountedOnce() {
    try (LanguageModel model = TinyModels.load("gpt2", Precision.FLOAT32)) {
      long expected =
          Checkpoint.open(TinyModels.folder("gpt2")).names().stream()
              .mapToLong(n -> Checkpoint.open(TinyModels.folder("gpt2")).get(n).elements())
              .sum();
      assertThat(model.parameters()).isEqualTo(expected);
    }
  }

  @Test
  void sequence_longerThanThePositions_isRefusedInOneSentence() {
    LanguageModel model = TinyModels.shared("roberta", Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      // 40 rows, of which the padding id 1 reserves two
      TokenBatch fits = TokenBatch.of(List.of(new int[38]), 0);
      assertFinite(Tensors.doubles(model.logits(scope, fits, new int[] {37})));
      assertThatThrownBy(
              () -> model.logits(scope, TokenBatch.of(List.of(new int[39]), 0), new int[] {0}))
          .isInstanceOf(InvalidInputException.class)
          .hasMessage(
              "A sequence of 39 tokens is longer than the 38 that this model accepts; shorten the"
                  + " text or the template.");
    }
  }

  @Test
  void tokenizer_ofAFolderWithout_isRefused() {
    try (LanguageModel model = TinyModels.load("bert", Precision.FLOAT32)) {
      assertThat(model.hasTokenizer()).isFalse();
      assertThatThrownBy(model::tokenizer)
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("no tokenizer.json");
    }
  }

  /** x [n, 32] times the rows of a table [97, 32]. */
  private static double[] product(float[] x, float[] table) {
    int n = x.length / 32;
    double[] y = new double[n * 97];
    for (int i = 0; i < n; i++) {
      for (int id = 0; id < 97; id++) {
        for (int d = 0; d < 32; d++) {
          y[i * 97 + id] += (double) x[i * 32 + d] * table[id * 32 + d];
        }
      }
    }
    return y;
  }
}
