package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class ReplicasTest {

  // ------------------------------------------------------------------ dividing tasks

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void run_anyNumberOfCopies_doesEachTaskOnce(int copies) {
    try (Replicas<Integer> replicas = new Replicas<>(numbers(copies))) {
      for (int n : new int[] {0, 1, 2, 7, 200}) {
        AtomicIntegerArray done = new AtomicIntegerArray(n);
        replicas.run(n, (copy, i) -> done.incrementAndGet(i));
        for (int i = 0; i < n; i++) {
          assertThat(done.get(i)).isEqualTo(1);
        }
      }
    }
  }

  /** Three tasks that wait for each other end only if each has a copy and a thread of its own. */
  @Test
  void run_threeCopies_workAtTheSameTimeAndEachAlwaysInItsThread() {
    Set<String> seen = ConcurrentHashMap.newKeySet();
    try (Replicas<Integer> replicas = new Replicas<>(numbers(3))) {
      for (int round = 0; round < 5; round++) {
        CyclicBarrier all = new CyclicBarrier(3);
        replicas.run(
            3,
            (copy, i) -> {
              seen.add(copy + " in " + Thread.currentThread().getName());
              await(all);
            });
      }
    }
    assertThat(seen)
        .containsExactlyInAnyOrder(
            "0 in promptgrad-replica-0", "1 in promptgrad-replica-1", "2 in promptgrad-replica-2");
  }

  @Test
  void run_oneCopy_staysInTheCallersThread() {
    Thread here = Thread.currentThread();
    try (Replicas<Integer> replicas = new Replicas<>(numbers(1))) {
      replicas.run(3, (copy, i) -> assertThat(Thread.currentThread()).isSameAs(here));
    }
  }

  @Test
  void run_someTasksFail_throwsTheFirstFailureAndBeginsNoMore() {
    AtomicIntegerArray begun = new AtomicIntegerArray(10_000);
    try (Replicas<Integer> replicas = new Replicas<>(numbers(4))) {
      for (int round = 0; round < 50; round++) {
        assertThatThrownBy(
                () ->
                    replicas.run(
                        10_000,
                        (copy, i) -> {
                          begun.incrementAndGet(i);
                          if (i % 10 == 7) {
                            throw new IllegalStateException("task " + i);
                          }
                        }))
            .hasMessage("task 7");
      }
      assertThat(begun.get(9_999)).isZero();
      AtomicIntegerArray after = new AtomicIntegerArray(9);
      replicas.run(9, (copy, i) -> after.incrementAndGet(i));
      assertThat(after.get(8)).isEqualTo(1); // a failure harms no later call
    }
  }

  /** Each copy has one thread, which cannot wait for itself. */
  @Test
  void run_insideOfATask_isDoneByTheCopyOfThatTask() {
    AtomicIntegerArray done = new AtomicIntegerArray(6 * 5);
    try (Replicas<Integer> replicas = new Replicas<>(numbers(2))) {
      replicas.run(
          6,
          (outer, i) ->
              replicas.run(
                  5,
                  (inner, j) -> {
                    assertThat(inner).isEqualTo(outer);
                    done.incrementAndGet(5 * i + j);
                  }));
    }
    for (int i = 0; i < 30; i++) {
      assertThat(done.get(i)).isEqualTo(1);
    }
  }

  @Test
  void run_afterClose_isRefused() {
    Replicas<Integer> replicas = new Replicas<>(numbers(2));
    replicas.close();
    assertThatThrownBy(() -> replicas.run(5, (copy, i) -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void run_interruptedCaller_getsItsResultsAndStaysInterrupted() {
    AtomicIntegerArray done = new AtomicIntegerArray(40);
    try (Replicas<Integer> replicas = new Replicas<>(numbers(2))) {
      Thread.currentThread().interrupt();
      replicas.run(40, (copy, i) -> done.incrementAndGet(i));
      assertThat(Thread.interrupted()).isTrue();
    }
    for (int i = 0; i < 40; i++) {
      assertThat(done.get(i)).isEqualTo(1);
    }
  }

  // ------------------------------------------------------------------ models

  /** Bit by bit: which replica computes a batch, and when, must not matter. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void logits_severalReplicas_areThoseOfOneAndTheirTokensAddUp(int copies) {
    for (String name : List.of("bert", "llama")) {
      float[][] expected;
      long tokens;
      try (LanguageModel one = TinyModels.load(name, Precision.FLOAT32)) {
        expected = logits(one);
        tokens = one.forwardTokens();
        assertThat(one.devices()).containsExactly(Device.cpu());
      }
      try (LanguageModel several = load(name, copies)) {
        assertThat(several.devices()).hasSize(copies).containsOnly(Device.cpu());
        for (int round = 1; round <= 3; round++) {
          assertThat(logits(several)).isDeepEqualTo(expected);
          assertThat(several.forwardTokens()).isEqualTo(round * tokens);
        }
        assertThat(several.backwardTokens()).isZero();
      }
    }
  }

  /** One replica's memory is full: the size is learnt for all, and nothing is computed twice. */
  @Test
  void run_oneReplicaRunsOutOfMemory_allTakeSmallerBatches() {
    int[] lengths = new int[64];
    Arrays.fill(lengths, 8);
    AtomicIntegerArray done = new AtomicIntegerArray(64);
    MicroBatches batches = new MicroBatches(0, 8 * 8);
    try (Replicas<Integer> replicas = new Replicas<>(numbers(3))) {
      batches.run(
          replicas,
          lengths,
          (copy, group) -> {
            if (copy == 1 && group.length > 2) {
              throw new EngineException("CUDA out of memory.");
            }
            for (int i : group) {
              done.incrementAndGet(i);
            }
          });
    }
    for (int i = 0; i < 64; i++) {
      assertThat(done.get(i)).isEqualTo(1);
    }
    assertThat(batches.largest(8)).isIn(8 * 8, 4 * 8, 2 * 8); // by chance copy 1 may get no task
  }

  @Test
  void closedModel_withReplicas_isRefused() {
    LanguageModel model = load("bert", 2);
    LanguageModel other = model.replicas().copies().get(1);
    model.close();
    model.close();
    assertThatThrownBy(() -> logits(model)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(other::newScope).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void trainableModel_onSeveralDevices_isRefused() {
    LoadOptions two = new LoadOptions(List.of(Device.cpu(), Device.cpu()), Precision.FLOAT32);
    assertThatThrownBy(() -> TrainableModel.load(TinyModels.folder("bert"), two))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("one device");
  }

  private static LanguageModel load(String name, int copies) {
    return LanguageModel.load(
        TinyModels.folder(name),
        new LoadOptions(Collections.nCopies(copies, Device.cpu()), Precision.FLOAT32));
  }

  /** Logits at the last token of 60 sequences of 1 to 20 tokens, in batches of up to 64 tokens. */
  private static float[][] logits(LanguageModel model) {
    Random random = new Random(4);
    List<int[]> sequences = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      sequences.add(random.ints(1 + random.nextInt(20), 0, 97).toArray());
    }
    float[][] logits = new float[60][];
    new MicroBatches(8, 64)
        .run(
            model,
            sequences.stream().mapToInt(s -> s.length).toArray(),
            (replica, group) -> {
              TokenBatch batch =
                  TokenBatch.of(Arrays.stream(group).mapToObj(sequences::get).toList(), 0);
              int[] at = new int[group.length];
              Arrays.setAll(at, r -> batch.index(r, sequences.get(group[r]).length - 1));
              try (NDManager scope = replica.newScope()) {
                float[] flat = replica.logits(scope, batch, at).toFloatArray();
                int v = flat.length / at.length;
                for (int r = 0; r < at.length; r++) {
                  logits[group[r]] = Arrays.copyOfRange(flat, r * v, (r + 1) * v);
                }
              }
            });
    return logits;
  }

  private static List<Integer> numbers(int n) {
    List<Integer> numbers = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      numbers.add(i);
    }
    return numbers;
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
