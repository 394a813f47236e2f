package io.promptgrad.lm;

import ai.djl.engine.EngineException;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.program.LibTorch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.BiConsumer;

/**
 * Cuts many sequences into batches that waste little on padding and fit into memory.
 *
 * <p>Sequences are sorted by length and cut where the total cost is least, a batch costing its
 * padded tokens plus a constant for the call. The cut is optimal, not a heuristic.
 *
 * <p>A model with several replicas computes several batches at a time. The cut does not depend on
 * how many there are, so neither do the results.
 *
 * <p>When a device runs out of memory, the batch is done again in halves, and what failed is
 * remembered: batches of sequences that long or longer hold half as many tokens from then on. (By
 * length, because attention needs more memory for the same tokens in longer sequences; lengths
 * between two powers of two are taken together, so that few attempts fail.) Batches that are done
 * stay done. From a failure on results may differ in the last digits from those without, since sums
 * depend on the shape of a batch. One object learns for one kind of work: a gradient needs several
 * times the memory of a forward pass.
 */
public final class MicroBatches {

  /** A call costs about as much as this many tokens: launches of a few hundred small kernels. */
  private static final int CPU_CALL_TOKENS = 32;

  private static final int GPU_CALL_TOKENS = 4096;
  private static final int CPU_LARGEST = 8192;

  /** Fills a large GPU, and leaves several batches of a round of candidates for several of them. */
  private static final int GPU_LARGEST = 16384;

  private final int callTokens;
  private final int largest;

  /** Most tokens in a batch of sequences of this length or longer; falls with the length. */
  private final ConcurrentNavigableMap<Integer, Integer> learnt = new ConcurrentSkipListMap<>();

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

  /** Most padded tokens in one batch of sequences of this length, as learnt so far. */
  public int largest(int length) {
    var limit = learnt.floorEntry(length);
    return limit == null ? largest : limit.getValue();
  }

  /** A batch of so many sequences did not fit: from now on at most the larger half of it. */
  private synchronized void shrink(int rows, int length) {
    int from = Integer.highestOneBit(length);
    long half = (rows - rows / 2) * (long) length;
    int limit = (int) Math.min(half, largest(from));
    learnt.put(from, limit);
    learnt.tailMap(from, false).replaceAll((longer, tokens) -> Math.min(tokens, limit));
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
    int[] cap = new int[n];
    for (int i = 0; i < n; i++) {
      cap[i] = i > 0 && sorted[i] == sorted[i - 1] ? cap[i - 1] : largest(sorted[i]);
    }
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
        int rows = Math.min(n - i, Math.max(1, cap[end] / sorted[end])); // at this padding
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

  /** What {@link #plan} costs, in tokens: padded ones, and a constant for each call. */
  public long cost(int[] lengths) {
    long cost = 0;
    for (int[] group : plan(lengths)) {
      cost += (long) group.length * lengths[group[group.length - 1]] + callTokens;
    }
    return cost;
  }

  /**
   * Plans and runs all sequences on the model and its replicas.
   *
   * @param work gets a replica and a group of indices to compute on it; is called by several
   *     threads if there are several replicas, and again with parts of a group that did not fit, so
   *     it must write its results at the end, each to a place of its own
   * @throws InvalidInputException if a single sequence does not fit into the device's memory
   */
  public void run(LanguageModel model, int[] lengths, BiConsumer<LanguageModel, int[]> work) {
    run(model.replicas(), lengths, work);
  }

  <R> void run(Replicas<R> replicas, int[] lengths, BiConsumer<R, int[]> work) {
    List<int[]> groups = plan(lengths);
    replicas.run(groups.size(), (replica, g) -> runGroup(replica, groups.get(g), lengths, work));
  }

  private <R> void runGroup(R replica, int[] group, int[] lengths, BiConsumer<R, int[]> work) {
    int rows = group.length;
    int length = lengths[group[rows - 1]];
    if (rows > 1 && rows * (long) length > largest(length)) { // planned before the size shrank
      runHalves(replica, group, lengths, work);
      return;
    }
    try {
      work.accept(replica, group);
    } catch (EngineException e) {
      if (!LibTorch.isOutOfMemory(e)) {
        throw e;
      }
      if (rows == 1) {
        throw new InvalidInputException(
            "A sequence of %d tokens does not fit into the device's memory, even alone: shorten text or template, load the model in bfloat16, take a smaller model or a larger device, or end other programs that use this one."
                .formatted(length),
            e);
      }
      shrink(rows, length);
      runHalves(replica, group, lengths, work);
    }
  }

  private <R> void runHalves(R replica, int[] group, int[] lengths, BiConsumer<R, int[]> work) {
    int half = group.length / 2;
    runGroup(replica, Arrays.copyOfRange(group, 0, half), lengths, work);
    runGroup(replica, Arrays.copyOfRange(group, half, group.length), lengths, work);
  }
}
