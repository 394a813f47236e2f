package io.promptgrad.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.promptgrad.lm.EmbeddingGradient;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.models.BundledModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NdArrayRobertaTest {

  private static final double TOLERANCE = 1e-4;

  @TempDir Path folder;

  private static TokenBatch padded() {
    return TokenBatch.of(
        List.of(new int[] {0, 17, 230, 99, 12, 4, 2}, new int[] {0, 55, 4, 2}, new int[] {0, 4, 2}),
        1);
  }

  private static TokenBatch full() {
    return TokenBatch.of(List.of(new int[] {0, 17, 4, 2}, new int[] {0, 55, 4, 2}), 1);
  }

  @Test
  void logits_ofAPaddedBatch_agreeWithTheProgram() throws Exception {
    requireSameLogits(TinyRoberta.write(folder, 1), padded(), new int[] {5, 9, 15, 0});
  }

  @Test
  void logits_ofAFullBatch_agreeWithTheProgram() throws Exception {
    requireSameLogits(TinyRoberta.write(folder, 2), full(), new int[] {2, 6});
  }

  @Test
  void logits_ofTheBundledModel_agreeWithTheProgram() {
    requireSameLogits(BundledModel.MINI_ROBERTA.folder(folder), padded(), new int[] {5, 9, 15, 0});
  }

  @Test
  void gradient_ofAPaddedBatch_agreesWithTheProgram() throws Exception {
    requireSameGradient(TinyRoberta.write(folder, 3), padded(), new int[] {5, 9, 15});
  }

  @Test
  void gradient_ofTheBundledModel_agreesWithTheProgram() {
    requireSameGradient(BundledModel.MINI_ROBERTA.folder(folder), padded(), new int[] {5, 9, 15});
  }

  @Test
  void gradient_takenTwice_doesNotAddUp() throws Exception {
    TinyRoberta.write(folder, 4);
    try (NdArrayRoberta model = NdArrayRoberta.load(folder, TinyRoberta.OPTIONS.device());
        NDManager scope = model.newScope()) {
      Targets targets = targets(new int[] {5, 9, 15});
      float[] first = model.gradient(scope, padded(), targets).vectors().toFloatArray();
      float[] second = model.gradient(scope, padded(), targets).vectors().toFloatArray();

      assertThat(first).isNotEqualTo(new float[first.length]);
      assertThat(second).isEqualTo(first);
    }
  }

  @Test
  void calls_leaveNothingWithTheWeights() throws Exception {
    TinyRoberta.write(folder, 5);
    try (NdArrayRoberta model = NdArrayRoberta.load(folder, TinyRoberta.OPTIONS.device());
        NDManager probe = model.newScope()) {
      int before = probe.getParentManager().getManagedArrays().size();
      for (int i = 0; i < 3; i++) {
        try (NDManager scope = model.newScope()) {
          model.logits(scope, padded(), new int[] {5});
          model.gradient(scope, padded(), targets(new int[] {5, 9, 15}));
        }
      }

      assertThat(probe.getParentManager().getManagedArrays()).hasSize(before);
    }
  }

  @Test
  void load_ofAnotherFamily_isRefused() throws Exception {
    TinyRoberta.write(folder, 6);
    Path config = folder.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("roberta", "bert"));

    assertThatThrownBy(() -> NdArrayRoberta.load(folder, TinyRoberta.OPTIONS.device()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no RoBERTa");
  }

  private static Targets targets(int[] at) {
    return new Targets(
        at, new int[][] {{7, 8, 9}, {20, 21, 22}, {7, 8, 9}}, new float[] {0.5f, 0.25f, 0.25f});
  }

  private static void requireSameLogits(Path folder, TokenBatch batch, int[] at) {
    try (LanguageModel program = LanguageModel.load(folder, TinyRoberta.OPTIONS);
        NdArrayRoberta model = NdArrayRoberta.load(folder, TinyRoberta.OPTIONS.device());
        NDManager scope = program.newScope();
        NDManager own = model.newScope()) {
      float[] expected = program.logits(scope, batch, at).toFloatArray();

      assertThat(model.logits(own, batch, at).toFloatArray())
          .hasSize(at.length * program.spec().vocabulary())
          .containsExactly(expected, within((float) TOLERANCE));
    }
  }

  private static void requireSameGradient(Path folder, TokenBatch batch, int[] at) {
    try (LanguageModel program = LanguageModel.load(folder, TinyRoberta.OPTIONS);
        NdArrayRoberta model = NdArrayRoberta.load(folder, TinyRoberta.OPTIONS.device());
        NDManager scope = program.newScope();
        NDManager own = model.newScope()) {
      EmbeddingGradient expected = program.gradient(scope, batch, targets(at));
      EmbeddingGradient found = model.gradient(own, batch, targets(at));

      assertThat(found.losses().toFloatArray())
          .containsExactly(expected.losses().toFloatArray(), within((float) TOLERANCE));
      assertThat(found.vectors().toFloatArray())
          .containsExactly(expected.vectors().toFloatArray(), within((float) TOLERANCE));
    }
  }
}
