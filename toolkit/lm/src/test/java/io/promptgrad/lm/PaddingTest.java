package io.promptgrad.lm;

import static io.promptgrad.lm.Batches.SEQUENCES;
import static io.promptgrad.lm.Batches.everywhere;
import static io.promptgrad.lm.Batches.oneTargetInEachRow;
import static io.promptgrad.lm.Batches.real;
import static io.promptgrad.lm.Batches.row;
import static io.promptgrad.lm.Batches.withTypes;
import static io.promptgrad.lm.Tensors.assertFinite;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows do not see each other, and nothing sees padding. */
class PaddingTest {

  @ParameterizedTest
  @CsvSource({
    "bert, FLOAT32, 2e-5",
    "bert, FLOAT64, 1e-12",
    "roberta, FLOAT32, 2e-5",
    "gpt2, FLOAT32, 2e-5",
    "llama, FLOAT32, 2e-5",
    "llama, FLOAT64, 1e-12",
    "albert, FLOAT64, 1e-12",
    "opt, FLOAT64, 1e-12",
    "gpt_neo, FLOAT64, 1e-12",
    "mistral, FLOAT64, 1e-12",
    "gemma2, FLOAT64, 1e-12",
    "gemma3_text, FLOAT64, 1e-12"
  })
  void logits_ofABatch_equalThoseOfItsRowsAloneHoweverPadded(
      String name, Precision precision, double tolerance) {
    LanguageModel model = TinyModels.shared(name, precision);
    try (NDManager scope = model.newScope()) {
      int v = model.spec().vocabulary();
      for (TokenBatch batch :
          List.of(TokenBatch.of(SEQUENCES, 0), TokenBatch.leftPadded(SEQUENCES, 0))) {
        batch = withTypes(model, batch);
        double[] together = Tensors.doubles(model.logits(scope, batch, everywhere(batch)));
        for (int row = 0; row < SEQUENCES.size(); row++) {
          TokenBatch alone = row(batch, row);
          double[] single = Tensors.doubles(model.logits(scope, alone, everywhere(alone)));
          int[] real = real(batch, row);
          for (int i = 0; i < real.length; i++) {
            assertThat(Tensors.row(together, real[i], v))
                .as("%s row %d token %d", name, row, i)
                .containsExactly(Tensors.row(single, i, v), within(tolerance));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "gpt2", "llama", "electra", "mistral", "gemma2"})
  void gradient_ofABatch_equalsThatOfItsRowsAloneAndIsZeroOnPadding(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      int e = model.spec().wordWidth();
      for (TokenBatch batch :
          List.of(TokenBatch.of(SEQUENCES, 0), TokenBatch.leftPadded(SEQUENCES, 0))) {
        batch = withTypes(model, batch);
        double[] together = gradient(model, scope, batch, oneTargetInEachRow(batch));
        for (int row = 0; row < SEQUENCES.size(); row++) {
          TokenBatch alone = row(batch, row);
          double[] single = gradient(model, scope, alone, oneTargetInEachRow(alone));
          List<Integer> real = Arrays.stream(real(batch, row)).boxed().toList();
          for (int column = 0; column < batch.length(); column++) {
            int index = batch.index(row, column);
            int i = real.indexOf(index);
            double[] expected = i < 0 ? new double[e] : Tensors.row(single, i, e);
            assertThat(Tensors.row(together, index, e))
                .as("%s row %d column %d", name, row, column)
                .containsExactly(expected, within(i < 0 ? 0 : 1e-12));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bert, FLOAT32",
    "roberta, BFLOAT16",
    "gpt2, FLOAT32",
    "llama, FLOAT16",
    "gpt_neo, FLOAT32",
    "gemma2, FLOAT32"
  })
  void idsTypesAndPositionsOnPadding_anything_changeNothing(String name, Precision precision) {
    LanguageModel model = TinyModels.shared(name, precision);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = withTypes(model, TokenBatch.leftPadded(SEQUENCES, 0));
      Targets targets = oneTargetInEachRow(batch);
      int[] at = targets.at();
      TokenBatch other = Batches.scrambledPadding(model, batch);
      assertThat(other.ids()).isNotEqualTo(batch.ids());
      assertThat(Tensors.doubles(model.logits(scope, other, at)))
          .isEqualTo(Tensors.doubles(model.logits(scope, batch, at)));
      assertThat(gradient(model, scope, other, targets))
          .isEqualTo(gradient(model, scope, batch, targets));
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void fullyMaskedRow_isFiniteEverywhereAndDisturbsNoOther(Precision precision) {
    for (String name : List.of("bert", "roberta", "gpt2", "llama", "mistral", "gemma2")) {
      LanguageModel model = TinyModels.shared(name, precision);
      try (NDManager scope = model.newScope()) {
        TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
        byte[] mask = batch.mask().clone();
        Arrays.fill(mask, 2 * batch.length(), 3 * batch.length(), (byte) 0);
        TokenBatch masked =
            new TokenBatch(
                batch.rows(), batch.length(), batch.ids(), mask, batch.positions(), new int[0]);
        int v = model.spec().vocabulary();
        double[] before = Tensors.doubles(model.logits(scope, batch, everywhere(batch)));
        double[] after = Tensors.doubles(model.logits(scope, masked, everywhere(batch)));
        assertFinite(after);
        for (int row : new int[] {0, 1, 3}) {
          for (int index : real(batch, row)) {
            assertThat(Tensors.row(after, index, v)).isEqualTo(Tensors.row(before, index, v));
          }
        }
        for (NDArray states : model.hiddenStates(scope, masked)) {
          assertFinite(Tensors.doubles(states));
        }
        // also where a target lies in the masked row
        Targets targets = oneTargetInEachRow(batch);
        EmbeddingGradient gradient = model.gradient(scope, masked, targets);
        assertFinite(Tensors.doubles(gradient.losses()));
        assertFinite(Tensors.doubles(gradient.vectors()));
      }
    }
  }

  @Test
  void maskOfOnes_equalsNoMask() {
    // A full batch takes the path without a mask; a row that is padded elsewhere forces the other.
    LanguageModel model = TinyModels.shared("bert", Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      TokenBatch full = TokenBatch.of(List.of(SEQUENCES.get(0), SEQUENCES.get(0)), 0);
      TokenBatch mixed = TokenBatch.of(List.of(SEQUENCES.get(0), SEQUENCES.get(1)), 0);
      assertThat(Tensors.doubles(model.logits(scope, mixed, new int[] {0, 3, 7})))
          .containsExactly(
              Tensors.doubles(model.logits(scope, full, new int[] {0, 3, 7})), within(1e-12));
    }
  }

  private static double[] gradient(
      LanguageModel model, NDManager scope, TokenBatch batch, Targets targets) {
    return Tensors.doubles(model.gradient(scope, batch, targets).vectors());
  }
}
