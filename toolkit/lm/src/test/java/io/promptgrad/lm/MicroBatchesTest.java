package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntUnaryOperator;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class MicroBatchesTest {

  // ------------------------------------------------------------------ the plan

  @Property(tries = 500)
  void plan_anyLengths_coversEachOnceSortedAndWithinTheLimit(
      @ForAll @Size(max = 60) List<@IntRange(min = 1, max = 40) Integer> given,
      @ForAll @IntRange(max = 100) int callTokens,
      @ForAll @IntRange(min = 1, max = 200) int largest) {
    int[] lengths = array(given);
    boolean[] covered = new boolean[lengths.length];
    for (int[] group : new MicroBatches(callTokens, largest).plan(lengths)) {
      assertThat(group).isNotEmpty();
      for (int i = 0; i < group.length; i++) {
        assertThat(covered[group[i]]).isFalse();
        covered[group[i]] = true;
        if (i > 0) {
          int before = group[i - 1];
          assertThat(lengths[before]).isLessThanOrEqualTo(lengths[group[i]]);
          assertThat(lengths[before] < lengths[group[i]] || before < group[i]).isTrue();
        }
      }
      assertThat(group.length == 1 || padded(group, lengths) <= largest).isTrue();
    }
    assertThat(covered).doesNotContain(false);
  }

  @Property(tries = 300)
  void plan_fewLengths_costsNoMoreThanAnyDivision(
      @ForAll @Size(min = 1, max = 7) List<@IntRange(min = 1, max = 9) Integer> given,
      @ForAll @IntRange(max = 12) int callTokens,
      @ForAll @IntRange(min = 1, max = 40) int largest) {
    int[] lengths = array(given);
    long cost = 0;
    for (int[] group : new MicroBatches(callTokens, largest).plan(lengths)) {
      cost += padded(group, lengths) + callTokens;
    }
    assertThat(cost)
        .isEqualTo(cheapest(lengths, 0, new ArrayList<>(), callTokens, length -> largest));
  }

  /** Tries every division of the sequences into batches, also those that no sorting gives. */
  private static long cheapest(
      int[] lengths,
      int next,
      List<List<Integer>> groups,
      int callTokens,
      IntUnaryOperator largest) {
    if (next == lengths.length) {
      long cost = 0;
      for (List<Integer> group : groups) {
        int[] members = array(group);
        long tokens = padded(members, lengths);
        if (members.length > 1 && tokens > largest.applyAsInt((int) (tokens / members.length))) {
          return Long.MAX_VALUE;
        }
        cost += tokens + callTokens;
      }
      return cost;
    }
    long best = Long.MAX_VALUE;
    for (int g = 0; g <= groups.size(); g++) {
      if (g == groups.size()) {
        groups.add(new ArrayList<>());
      }
      groups.get(g).add(next);
      best = Math.min(best, cheapest(lengths, next + 1, groups, callTokens, largest));
      groups.get(g).remove(groups.get(g).size() - 1);
      if (groups.get(g).isEmpty()) {
        groups.remove(g);
        break;
      }
    }
    return best;
  }

  @Example
  void plan_handPickedLengths_cutsWhereItPays() {
    // five of 2 and one of 40 in one batch would be 240 tokens; a call costs 10
    int[] lengths = {2, 2, 40, 2, 2, 2};
    assertThat(new MicroBatches(10, 1000).plan(lengths))
        .containsExactly(new int[] {2}, new int[] {0, 1, 3, 4, 5});
    // a call costs more than all that padding
    assertThat(new MicroBatches(1000, 1000).plan(lengths))
        .containsExactly(new int[] {0, 1, 3, 4, 5, 2});
    assertThat(new MicroBatches(10, 1000).plan(new int[0])).isEmpty();
    // a sequence that is too long for any batch is one of its own
    assertThat(new MicroBatches(10, 30).plan(lengths)).contains(new int[] {2});
  }

  @Example
  void plan_manySequencesAndLargestLimits_neitherOverflowsNorTakesLong() {
    int[] lengths = new int[30_000];
    Arrays.setAll(lengths, i -> 1 + i * 7919 % 500);
    for (int largest : new int[] {8192, Integer.MAX_VALUE}) {
      List<int[]> plan = new MicroBatches(32, largest).plan(lengths);
      assertThat(plan.stream().mapToInt(g -> g.length).sum()).isEqualTo(lengths.length);
    }
    int[] huge = {Integer.MAX_VALUE, Integer.MAX_VALUE, 1};
    assertThat(new MicroBatches(Integer.MAX_VALUE, Integer.MAX_VALUE).plan(huge)).hasSize(3);
  }

  @Example
  void arguments_thatMakeNoSense_areRefused() {
    assertThatThrownBy(() -> new MicroBatches(0, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new MicroBatches(-1, 5)).isInstanceOf(IllegalArgumentException.class);
    for (int bad : new int[] {0, -3}) {
      assertThatThrownBy(() -> new MicroBatches(1, 5).plan(new int[] {4, bad}))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  // ------------------------------------------------------------------ running out of memory

  private static final EngineException FULL =
      new EngineException("CUDA out of memory. Tried to allocate 2.00 GiB");

  /** Runs all sequences on one device of the test's making. */
  private static void run(MicroBatches batches, int[] lengths, Consumer<int[]> work) {
    try (Replicas<String> one = new Replicas<>(List.of("device"))) {
      batches.run(one, lengths, (device, group) -> work.accept(group));
    }
  }

  /** What a batch needs grows faster than its tokens, as attention does. */
  private static long memory(int rows, int length) {
    return rows * (length + (long) length * length / 8);
  }

  @Property(tries = 200)
  void run_deviceThatHoldsLess_doesEverySequenceOnceAndLearns(
      @ForAll @Size(min = 1, max = 200) List<@IntRange(min = 1, max = 30) Integer> given,
      @ForAll @IntRange(min = 150, max = 4000) int capacity) { // 30 tokens need 142
    int[] lengths = array(given);
    MicroBatches batches = new MicroBatches(8, 4096);
    int[] done = new int[lengths.length];
    List<int[]> failed = new ArrayList<>(); // rows, length
    for (int round = 0; round < 2; round++) {
      run(
          batches,
          lengths,
          group -> {
            int rows = group.length;
            int length = lengths[group[rows - 1]];
            for (int[] before : failed) { // nothing is tried that is known to be too much
              assertThat(rows >= before[0] && length >= before[1]).isFalse();
            }
            if (memory(rows, length) > capacity) {
              failed.add(new int[] {rows, length});
              throw FULL;
            }
            for (int i : group) {
              done[i]++;
            }
          });
    }
    assertThat(done).containsOnly(2);
    // five ranges of lengths up to 30; each failure takes a third or more off what a range may hold
    assertThat(failed.size()).isLessThanOrEqualTo(5 * 9);
    for (int length = 2; length <= 64; length++) {
      assertThat(batches.largest(length)).isLessThanOrEqualTo(batches.largest(length - 1));
    }
  }

  @Property(tries = 100)
  void plan_afterFailures_costsNoMoreThanAnyDivisionThatFits(
      @ForAll @Size(min = 1, max = 7) List<@IntRange(min = 1, max = 9) Integer> given,
      @ForAll @IntRange(max = 12) int callTokens,
      @ForAll @IntRange(min = 20, max = 60) int capacity) { // 9 tokens need 19
    int[] lengths = array(given);
    MicroBatches batches = new MicroBatches(callTokens, 40);
    Consumer<int[]> device =
        group -> {
          if (memory(group.length, lengths[group[group.length - 1]]) > capacity) {
            throw FULL;
          }
        };
    run(batches, lengths, device);
    long cost = 0;
    for (int[] group : batches.plan(lengths)) {
      cost += padded(group, lengths) + callTokens;
    }
    assertThat(cost)
        .isEqualTo(cheapest(lengths, 0, new ArrayList<>(), callTokens, batches::largest));
  }

  /** 100 sequences of 4 tokens in batches of at most 400, of which 30 sequences fit. */
  @Example
  void run_everyKindOfMemoryMessage_isRecognised() {
    for (String message :
        List.of(
            "CUDA out of memory. Tried to allocate 20.00 MiB",
            "CUDA error: out of memory",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "The following operation failed in the TorchScript interpreter.\nTraceback of"
                + " TorchScript (most recent call last):\nRuntimeError: CUDA out of memory.",
            "[enforce fail at alloc_cpu.cpp:115] err == 0. DefaultCPUAllocator: can't allocate"
                + " memory: you tried to allocate 4000000000000 bytes.",
            "DefaultCPUAllocator: not enough memory: you tried to allocate 400 bytes.",
            "std::bad_alloc")) {
      MicroBatches batches = new MicroBatches(1, 400);
      List<Integer> sizes = new ArrayList<>();
      int[] hundred = new int[100];
      Arrays.fill(hundred, 4);
      run(
          batches,
          hundred,
          group -> {
            sizes.add(group.length);
            if (group.length > 30) {
              throw new EngineException(message);
            }
          });
      assertThat(sizes).containsExactly(100, 50, 25, 25, 25, 25);
      assertThat(batches.largest(4)).isEqualTo(100); // 400 / 2 / 2
      assertThat(batches.largest(3)).isEqualTo(400); // shorter ones have not failed
      assertThat(batches.largest(4000)).isEqualTo(100); // longer ones need no less
    }
  }

  @Example
  void run_oneSequenceThatDoesNotFit_saysWhatToDo() {
    int[] calls = {0};
    assertThatThrownBy(
            () ->
                run(
                    new MicroBatches(8, 400),
                    new int[] {10, 12},
                    group -> {
                      calls[0]++;
                      throw FULL;
                    }))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("10 tokens")
        .hasMessageContaining("bfloat16")
        .hasCause(FULL);
    assertThat(calls[0]).isEqualTo(2); // both, then the first alone
  }

  @Example
  void run_anyOtherException_isRethrownAtOnceAndChangesNothing() {
    for (RuntimeException other :
        List.of(
            new EngineException("The size of tensor a must match"),
            new EngineException((String) null),
            new IllegalStateException("out of memory"))) {
      MicroBatches batches = new MicroBatches(1, 400);
      int[] calls = {0};
      assertThatThrownBy(
              () ->
                  run(
                      batches,
                      new int[] {10, 10},
                      group -> {
                        calls[0]++;
                        throw other;
                      }))
          .isSameAs(other);
      assertThat(calls[0]).isEqualTo(1);
      assertThat(batches.largest(10)).isEqualTo(400);
    }
  }

  /**
   * The real thing, which no machine has: libtorch refuses 512 TiB before it touches any memory.
   * What was computed before and after is kept, and what is computed in halves is the same.
   */
  @Example
  void run_allocatorThatRefuses_computesTheSameInHalves() {
    LanguageModel model = TinyModels.shared("bert", Precision.FLOAT32);
    int[] lengths = new int[20];
    Arrays.fill(lengths, 6);
    float[][] expected = new float[20][];
    model(new MicroBatches(0, 1 << 10), model, lengths, expected, Integer.MAX_VALUE);
    float[][] logits = new float[20][];
    MicroBatches batches = new MicroBatches(0, 1 << 10);
    int refused = model(batches, model, lengths, logits, 3);
    for (int i = 0; i < 20; i++) {
      assertThat(logits[i]).containsExactly(expected[i], within(1e-5f));
    }
    assertThat(refused).isEqualTo(3); // 20, 10, 5; the other halves of those are not tried
    assertThat(batches.largest(6)).isEqualTo(3 * 6);
  }

  /** Logits of made-up sequences on a device that holds so many rows; how often it was full. */
  private static int model(
      MicroBatches batches, LanguageModel model, int[] lengths, float[][] logits, int holds) {
    int[] refused = {0};
    batches.run(
        model,
        lengths,
        (replica, group) -> {
          try (NDManager scope = replica.newScope()) {
            List<int[]> sequences = new ArrayList<>();
            int[] at = new int[group.length];
            for (int r = 0; r < group.length; r++) {
              sequences.add(new int[] {1, 2 + group[r], 3, 4, 5, 6});
              at[r] = r * 6;
            }
            NDArray all = replica.logits(scope, TokenBatch.of(sequences, 0), at);
            if (group.length > holds) {
              refused[0]++;
              replica.timesWordEmbedding(
                  scope,
                  scope
                      .zeros(new Shape(1, replica.spec().hidden()))
                      .broadcast(
                          new Shape(
                              (1L << 47) / replica.spec().hidden(), replica.spec().hidden())));
            }
            float[] flat = all.toFloatArray();
            int v = flat.length / group.length;
            for (int r = 0; r < group.length; r++) {
              logits[group[r]] = Arrays.copyOfRange(flat, r * v, (r + 1) * v);
            }
          }
        });
    return refused[0];
  }

  private static long padded(int[] group, int[] lengths) {
    int longest = 0;
    for (int i : group) {
      longest = Math.max(longest, lengths[i]);
    }
    return (long) group.length * longest;
  }

  private static int[] array(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }
}
