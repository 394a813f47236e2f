package io.promptgrad.lm;

import ai.djl.engine.EngineException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Cuts many sequences into batches that waste little on padding and fit into memory.
 *
 * <p>Sequences are sorted by length and cut where the total cost is least, a batch costing its
 * padded tokens plus a constant for the call. The cut is optimal (dynamic program over the distinct
 * lengths), not a heuristic. When the device runs out of memory, the largest batch is halved, the
 * batch is done again in halves, and the smaller size is remembered.
 */
public final class MicroBatches {

  /** A call costs about as much as this many tokens: launches of a few hundred small kernels. */
  private static final int CPU_CALL_TOKENS = 32;

  private static final int GPU_CALL_TOKENS = 4096;
  private static final int CPU_LARGEST = 8192;
  private static final int GPU_LARGEST = 65536;
  private static final int SMALLEST = 64;

  private final int callTokens;
  private volatile int largest;

  /**
   * @param callTokens what one call costs, in tokens
   * @param largest most padded tokens in one batch
   */
  public MicroBatches(int callTokens, int largest) {
    this.callTokens = callTokens;
    this.largest = largest;
  }

  /** Sizes that suit the model's device. */
  public static MicroBatches forModel(LanguageModel model) {
    return model.device().isGpu()
        ? new MicroBatches(GPU_CALL_TOKENS, GPU_LARGEST)
        : new MicroBatches(CPU_CALL_TOKENS, CPU_LARGEST);
  }

  /** Most padded tokens in one batch, as learnt so far. */
  public int largest() {
    return largest;
  }

  /**
   * Groups of indices into {@code lengths}; every index once, each group sorted by length and then
   * by index.
   */
  public List<int[]> plan(int[] lengths) {
    Integer[] order = new Integer[lengths.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, Comparator.<Integer>comparingInt(i -> lengths[i]).thenComparing(i -> i));
    // ends[j]: number of sequences among the j shortest lengths
    List<Integer> distinct = new ArrayList<>();
    List<Integer> ends = new ArrayList<>(List.of(0));
    for (int i = 0; i < order.length; i++) {
      int length = lengths[order[i]];
      if (distinct.isEmpty() || distinct.get(distinct.size() - 1) != length) {
        distinct.add(length);
        ends.add(i + 1);
      } else {
        ends.set(ends.size() - 1, i + 1);
      }
    }
    int m = distinct.size();
    long[] least = new long[m + 1];
    int[] cutBefore = new int[m + 1];
    for (int j = 1; j <= m; j++) {
      least[j] = Long.MAX_VALUE;
      for (int i = 0; i < j; i++) {
        long tokens = (long) (ends.get(j) - ends.get(i)) * distinct.get(j - 1);
        long calls = Math.max(1, (tokens + largest - 1) / largest);
        long cost = least[i] + tokens + calls * callTokens;
        if (cost < least[j]) {
          least[j] = cost;
          cutBefore[j] = i;
        }
      }
    }
    List<int[]> groups = new ArrayList<>();
    for (int j = m; j > 0; j = cutBefore[j]) {
      int from = ends.get(cutBefore[j]);
      int to = ends.get(j);
      int rows = Math.max(1, largest / distinct.get(j - 1));
      for (int start = from; start < to; start += rows) {
        int[] group = new int[Math.min(rows, to - start)];
        for (int i = 0; i < group.length; i++) {
          group[i] = order[start + i];
        }
        groups.add(group);
      }
    }
    return groups;
  }

  /**
   * Plans and runs all sequences.
   *
   * @param work gets a group of indices; may be called again with parts of a group that did not fit
   */
  public void run(int[] lengths, Consumer<int[]> work) {
    for (int[] group : plan(lengths)) {
      runGroup(group, lengths, work);
    }
  }

  private void runGroup(int[] group, int[] lengths, Consumer<int[]> work) {
    int tokens = group.length * lengths[group[group.length - 1]];
    if (tokens > largest && group.length > 1) { // planned before the size shrank
      runHalves(group, lengths, work);
      return;
    }
    try {
      work.accept(group);
    } catch (EngineException e) {
      if (!outOfMemory(e) || group.length == 1) {
        throw e;
      }
      largest = Math.max(SMALLEST, Math.min(largest, tokens) / 2);
      runHalves(group, lengths, work);
    }
  }

  private void runHalves(int[] group, int[] lengths, Consumer<int[]> work) {
    int half = group.length / 2;
    runGroup(Arrays.copyOfRange(group, 0, half), lengths, work);
    runGroup(Arrays.copyOfRange(group, half, group.length), lengths, work);
  }

  private static boolean outOfMemory(EngineException e) {
    String message = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
    return message.contains("out of memory") || message.contains("not enough memory");
  }
}
