package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LanguageModelMemoryTest {

  /** What the program keeps must not lie in buffers that Java may collect. */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void logits_afterCollectionsAndOtherAllocations_areTheSame(Precision precision) {
    TokenBatch batch = TokenBatch.of(List.of(new int[] {5, 17, 3, 88, 41, 2}), 0);
    for (String name : List.of("llama", "gpt2")) {
      try (LanguageModel model = TinyModels.load(name, precision)) {
        float[] before = logits(model, batch);
        for (int i = 0; i < 5; i++) {
          System.gc();
          try (NDManager scope = model.newScope()) {
            for (int n = 1; n <= 4096; n *= 2) {
              scope.create(new float[n]).addi(1234.5f);
              scope.create(new double[n]).addi(-1234.5);
            }
          }
          assertThat(logits(model, batch)).as("%s %s", name, precision).isEqualTo(before);
        }
      }
    }
  }

  private static float[] logits(LanguageModel model, TokenBatch batch) {
    try (NDManager scope = model.newScope()) {
      return Tensors.floats(model.logits(scope, batch, new int[] {5}));
    }
  }
}
