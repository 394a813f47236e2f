package io.promptgrad.lm;

import static io.promptgrad.lm.Batches.SEQUENCES;
import static io.promptgrad.lm.Batches.oneTargetInEachRow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.BaseNDManager;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.promptgrad.lm.generate.Generation;
import io.promptgrad.lm.generate.GenerationOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Native memory has owners, and threads do not meet in it. */
class LanguageModelMemoryTest {

  private static final TokenBatch BATCH = TokenBatch.of(SEQUENCES, 0);

  /** What the program keeps must not lie in buffers that Java may collect. */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void logits_afterCollectionsAndOtherAllocations_areTheSame(Precision precision) {
    try (LanguageModel model = TinyModels.load("llama", precision)) {
      double[] before = logits(model);
      for (int i = 0; i < 3; i++) {
        System.gc();
        try (NDManager scope = model.newScope()) {
          for (int n = 1; n <= 4096; n *= 2) {
            scope.create(new float[n]).addi(1234.5f);
            scope.create(new double[n]).addi(-1234.5);
          }
        }
        assertThat(logits(model)).isEqualTo(before);
      }
    }
  }

  @Test
  void everyMethod_calledOftenInScopesThatAreClosed_leavesNothingBehind() throws Exception {
    try (LanguageModel model = TinyModels.load("llama", Precision.FLOAT32)) {
      NDManager root;
      try (NDManager scope = model.newScope()) {
        root = scope.getParentManager();
      }
      callEverything(model); // entry points are named on first use
      int arrays = root.getManagedArrays().size();
      int resources = resources(root).size();
      for (int i = 0; i < 20; i++) { // 10 calls each
        callEverything(model);
      }
      assertThat(root.getManagedArrays()).hasSize(arrays);
      assertThat(resources(root)).hasSize(resources); // scopes are resources, too
    }
  }

  @Test
  void everyMethod_leavesInTheScopeOnlyItsResult() throws Exception {
    try (LanguageModel model = TinyModels.load("llama", Precision.FLOAT32);
        NDManager scope = model.newScope()) {
      int expected = 0;
      model.logits(scope, BATCH, new int[] {0});
      assertThat(resources(scope)).hasSize(expected += 1);
      model.losses(scope, BATCH, oneTargetInEachRow(BATCH));
      assertThat(resources(scope)).hasSize(expected += 1);
      model.hiddenStates(scope, BATCH);
      assertThat(resources(scope)).hasSize(expected += 4);
      model.gradient(scope, BATCH, oneTargetInEachRow(BATCH));
      assertThat(resources(scope)).hasSize(expected += 2);
      var extension = model.forCaching().extend(scope, null, BATCH, null, null, new int[] {0});
      assertThat(resources(scope)).hasSize(expected += 2);
      model.forCaching().joinCaches(scope, extension.keyValues(), extension.keyValues());
      assertThat(resources(scope)).hasSize(expected += 1);
      NDArray room = model.forCaching().roomBehind(scope, extension.keyValues(), 4, 20);
      assertThat(resources(scope)).hasSize(expected += 1);
      model.forCaching().extendInto(scope, BATCH, room, 8, null, new int[] {0});
      assertThat(resources(scope)).hasSize(expected += 1);
    }
  }

  @Test
  void everyMethodOfAnEncoderDecoder_leavesInTheScopeOnlyItsResult() throws Exception {
    try (LanguageModel model = TinyModels.load("t5__v1_1_gated_untied", Precision.FLOAT32);
        NDManager scope = model.newScope()) {
      int[] answers = {0, 5, 0, 6, 0, 7, 0, 8};
      TokenBatch batch = BATCH.withDecoder(SEQUENCES, 0);
      int expected = 0;
      model.logits(scope, batch, new int[] {0});
      assertThat(resources(scope)).hasSize(expected += 1);
      model.gradient(scope, batch, Targets.mean(new int[] {3}, new int[] {4}));
      assertThat(resources(scope)).hasSize(expected += 3);
      model.hiddenStates(scope, BATCH);
      assertThat(resources(scope)).hasSize(expected += 4); // the encoder's
      CachingModel.Encoded text = model.forCaching().encode(scope, null, BATCH);
      assertThat(resources(scope)).hasSize(expected += 1);
      NDArray past =
          model.forCaching().decode(scope, text, 4, answers, null, new int[] {1}).keyValues();
      assertThat(resources(scope)).hasSize(expected += 2);
      model.forCaching().decode(scope, text, 4, new int[4], past, new int[] {1});
      assertThat(resources(scope)).hasSize(expected += 2);
      NDArray room = model.forCaching().roomBehind(scope, past, 4, 3);
      model.forCaching().decodeInto(scope, text, 4, new int[4], room, 2, new int[] {1});
      assertThat(resources(scope)).hasSize(expected += 2);
      Generation.generate(model, SEQUENCES, GenerationOptions.greedy(3));
      assertThat(resources(scope)).hasSize(expected);
    }
  }

  @Test
  void refusedCall_leavesNothingBehind() throws Exception {
    try (LanguageModel model = TinyModels.load("llama", Precision.FLOAT32);
        NDManager scope = model.newScope()) {
      NDManager root = scope.getParentManager();
      logits(model);
      int resources = resources(root).size();
      TokenBatch tooLong = TokenBatch.of(List.of(new int[65]), 0);
      for (int i = 0; i < 10; i++) {
        assertThatThrownBy(() -> model.logits(scope, tooLong, new int[] {0}))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(
                () ->
                    model
                        .forCaching()
                        .extend(scope, scope.create(1f), BATCH, null, null, new int[] {0}))
            .isInstanceOf(IllegalArgumentException.class);
      }
      assertThat(resources(root)).hasSize(resources);
    }
  }

  @Test
  void fourThreadsAtOnce_getTheSameNumbersAsOne() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try (LanguageModel model = TinyModels.load("bert", Precision.FLOAT32)) {
      List<double[]> alone = compute(model);
      List<Callable<List<double[]>>> work = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        work.add(() -> compute(model));
      }
      for (Future<List<double[]>> result : threads.invokeAll(work)) {
        assertThat(result.get()).usingRecursiveComparison().isEqualTo(alone);
      }
      assertThat(model.backwardTokens()).isEqualTo(17 * BATCH.tokens());
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void closedModel_orClosedScope_isRefused() {
    LanguageModel model = TinyModels.load("bert", Precision.FLOAT32);
    NDManager closed = model.newScope();
    closed.close();
    assertThatThrownBy(() -> model.logits(closed, BATCH, new int[] {0}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("open scope");
    NDManager open = model.newScope();
    model.close();
    model.close(); // as often as one likes
    assertThatThrownBy(() -> model.logits(open, BATCH, new int[] {0}))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(model::newScope).isInstanceOf(IllegalStateException.class);
  }

  private static List<double[]> compute(LanguageModel model) {
    try (NDManager scope = model.newScope()) {
      EmbeddingGradient gradient = model.gradient(scope, BATCH, oneTargetInEachRow(BATCH));
      return List.of(
          Tensors.doubles(model.logits(scope, BATCH, new int[] {7, 8, 20})),
          Tensors.doubles(gradient.losses()),
          Tensors.doubles(gradient.vectors()));
    }
  }

  private static double[] logits(LanguageModel model) {
    try (NDManager scope = model.newScope()) {
      return Tensors.doubles(model.logits(scope, BATCH, new int[] {5}));
    }
  }

  private static void callEverything(LanguageModel model) {
    Targets targets = oneTargetInEachRow(BATCH);
    int[] at = {0, 9};
    try (NDManager scope = model.newScope()) {
      model.logits(scope, BATCH, at);
      model.logits(scope, BATCH, at, new int[] {1, 2});
      model.losses(scope, BATCH, targets);
      model.hiddenStates(scope, BATCH);
      NDArray vectors = model.wordVectors(scope, BATCH);
      model.timesOutputMatrix(scope, model.features(scope, BATCH, at));
      var extension = model.forCaching().extend(scope, vectors, BATCH, null, null, at);
      model.gradient(scope, vectors, BATCH, extension.keyValues(), null, targets);
      model.forCaching().joinCaches(scope, extension.keyValues(), extension.keyValues());
      NDArray room = model.forCaching().roomBehind(scope, extension.keyValues(), 4, 16);
      model.forCaching().extendInto(scope, BATCH, room, 8, null, at);
    }
    Generation.generate(model, SEQUENCES, GenerationOptions.greedy(3));
  }

  /** What a manager holds: arrays and sub-managers. */
  private static Map<?, ?> resources(NDManager manager) throws Exception {
    var field = BaseNDManager.class.getDeclaredField("resources");
    field.setAccessible(true);
    return (Map<?, ?>) field.get(manager);
  }
}
