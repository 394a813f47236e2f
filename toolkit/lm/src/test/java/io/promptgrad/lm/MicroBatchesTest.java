package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
    assertThat(cost).isEqualTo(cheapest(lengths, 0, new ArrayList<>(), callTokens, largest));
  }

  /** Tries every division of the sequences into batches, also those that no sorting gives. */
  private static long cheapest(
      int[] lengths, int next, List<List<Integer>> groups, int callTokens, int largest) {
    if (next == lengths.length) {
      long cost = 0;
      for (List<Integer> group : groups) {
        int[] members = array(group);
        long tokens = padded(members, lengths);
        if (members.length > 1 && tokens > largest) {
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

  @Property(tries = 200)
  void run_deviceThatHoldsLess_doesEverySequenceOnceAndNeverTriesASizeThatFailed(
      @ForAll @Size(min = 1, max = 200) List<@IntRange(min = 1, max = 30) Integer> given,
      @ForAll @IntRange(min = 64, max = 2000) int capacity) {
    int[] lengths = array(given);
    MicroBatches batches = new MicroBatches(8, 4096);
    int[] done = new int[lengths.length];
    List<Long> failed = new ArrayList<>();
    for (int round = 0; round < 2; round++) {
      batches.run(
          lengths,
          group -> {
            long tokens = padded(group, lengths);
            if (tokens > capacity) {
              failed.add(tokens);
              throw new EngineException("CUDA out of memory. Tried to allocate 2.00 GiB");
            }
            for (int i : group) {
              done[i]++;
            }
          });
    }
    assertThat(done).containsOnly(2);
    for (int i = 1; i < failed.size(); i++) {
      assertThat(failed.get(i)).isLessThanOrEqualTo(failed.get(i - 1) / 2);
    }
    assertThat((long) batches.largest())
        .isEqualTo(failed.isEmpty() ? 4096 : Math.max(64, failed.get(failed.size() - 1) / 2));
  }

  @Example
  void run_everyKindOfMemoryMessage_isRecognised() {
    for (String message :
        List.of(
            "CUDA out of memory. Tried to allocate 20.00 MiB",
            "[enforce fail at alloc_cpu.cpp:115] err == 0. DefaultCPUAllocator: can't allocate"
                + " memory: you tried to allocate 4000000000000 bytes.",
            "DefaultCPUAllocator: not enough memory: you tried to allocate 400 bytes.")) {
      MicroBatches batches = new MicroBatches(1, 400);
      List<Integer> sizes = new ArrayList<>();
      int[] hundred = new int[100];
      Arrays.fill(hundred, 4);
      batches.run(
          hundred,
          group -> {
            sizes.add(group.length);
            if (group.length > 30) {
              throw new EngineException(message);
            }
          });
      assertThat(sizes).startsWith(100, 50, 25, 25);
      assertThat(batches.largest()).isEqualTo(100); // 400 / 2 / 2
    }
  }

  @Example
  void run_oneSequenceThatDoesNotFit_isRethrown() {
    EngineException full = new EngineException("out of memory");
    assertThatThrownBy(
            () ->
                new MicroBatches(1, 400)
                    .run(
                        new int[] {10, 10},
                        group -> {
                          throw full;
                        }))
        .isSameAs(full);
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
                  batches.run(
                      new int[] {10, 10},
                      group -> {
                        calls[0]++;
                        throw other;
                      }))
          .isSameAs(other);
      assertThat(calls[0]).isEqualTo(1);
      assertThat(batches.largest()).isEqualTo(400);
    }
  }

  @Example
  void run_limitBelowTheSmallestStep_neverGrows() {
    EngineException full = new EngineException("out of memory");
    MicroBatches batches = new MicroBatches(1, 20);
    assertThatThrownBy(
            () ->
                batches.run(
                    new int[] {4, 4, 4},
                    group -> {
                      throw full;
                    }))
        .isSameAs(full);
    assertThat(batches.largest()).isLessThanOrEqualTo(20);
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
