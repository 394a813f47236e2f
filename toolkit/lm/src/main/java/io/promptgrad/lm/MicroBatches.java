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
 * padded tokens plus a constant for the call. The cut is optimal, not a heuristic. When the device
 * runs out of memory, the largest size is halved, the batch is done again in halves, and the
 * smaller size is remembered.
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
   * @param largest most padded tokens in one batch; a longer sequence is a batch of its own
   */
  public MicroBatches(int callTokens, int largest) {
    if (callTokens < 0 || largest < 1) {
      throw new IllegalArgumentException(
          "a call of %d tokens and batches of %d".formatted(callTokens, largest));
    }
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
   * by index. No other division into batches costs less.
   *
   * @param lengths number of tokens of each sequence, at least 1
   */
  public List<int[]> plan(int[] lengths) {
    Integer[] order = new Integer[lengths.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, Comparator.<Integer>comparingInt(i -> lengths[i]).thenComparing(i -> i));
    int n = order.length;
    int[] sorted = new int[n];
    Arrays.setAll(sorted, i -> lengths[order[i]]);
    if (n > 0 && sorted[0] < 1) {
      throw new IllegalArgumentException("a sequence of " + sorted[0] + " tokens");
    }
    int cap = largest;
    int[] endOfLength = new int[n]; // where the sequences of the same length end
    for (int i = n - 1; i >= 0; i--) {
      endOfLength[i] = i + 1 < n && sorted[i + 1] == sorted[i] ? endOfLength[i + 1] : i + 1;
    }

    // least[j]: cost of the j shortest sequences, the last batch beginning at from[j]. A best plan
    // exists in which every batch ends at the last sequence of its length or is full: any other end
    // can move to the right, which takes a sequence out of a batch that is padded at least as much.
    long[] least = new long[n + 1];
    int[] from = new int[n + 1];
    Arrays.fill(least, 1, n + 1, Long.MAX_VALUE);
    for (int i = 0; i < n; i++) {
      if (least[i] == Long.MAX_VALUE) {
        continue; // no batch ends here
      }
      int end = i;
      while (end < n) {
        int next = endOfLength[end];
        int rows = Math.min(n - i, Math.max(1, cap / sorted[end])); // at this padding
        int fits = Math.max(end, i + rows);
        boolean full = fits < next;
        end = Math.min(fits, next);
        if (end > i) {
          long cost = least[i] + (long) (end - i) * sorted[end - 1] + callTokens;
          if (cost < least[end]) {
            least[end] = cost;
            from[end] = i;
          }
        }
        if (full) {
          break;
        }
      }
    }
    List<int[]> groups = new ArrayList<>();
    for (int j = n; j > 0; j = from[j]) {
      int start = from[j];
      int[] group = new int[j - start];
      Arrays.setAll(group, i -> order[start + i]);
      groups.add(group);
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
    long tokens = (long) group.length * lengths[group[group.length - 1]];
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
      largest = (int) Math.max(Math.min(SMALLEST, largest), Math.min(largest, tokens) / 2);
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
    return message.contains("out of memory") // GPU
        || message.contains("not enough memory")
        || message.contains("can't allocate memory"); // CPU
  }
}
