package io.promptgrad.gradient.trigger;

import io.promptgrad.gradient.cloze.ClozeExample;
import java.util.stream.IntStream;

/**
 * A sequence with gaps for a trigger, and the tokens that are wanted at some of its places.
 *
 * <p>The prompt of a classification task is one, with a single place whose wanted tokens are those
 * of the right label. So is a prompt that a causal model is to go on from with a certain text: each
 * of the text's tokens is wanted at the place before it.
 *
 * @param id names it in traces
 * @param ids token ids; gaps hold any id
 * @param types token types; empty if all are 0
 * @param slots columns of the trigger's tokens, rising
 * @param at columns whose logits answer, rising; with a decoder, columns of its tokens
 * @param targets for each of those the tokens whose probabilities are summed; empty: the trigger's
 *     own tokens are wanted, each at the place before it, which is how a causal model's opinion of
 *     the trigger itself is asked for
 * @param decoderIds what an encoder-decoder's decoder has said before; else empty
 */
public record TargetSequence(
    String id, int[] ids, int[] types, int[] slots, int[] at, int[][] targets, int[] decoderIds) {

  /** Checks that there are places. */
  public TargetSequence {
    if (at.length == 0) {
      throw new IllegalArgumentException("a sequence of which nothing is asked");
    }
    if (targets.length != 0 && targets.length != at.length) {
      throw new IllegalArgumentException(
          "%d target sets for %d places".formatted(targets.length, at.length));
    }
  }

  /** An example of a classification task. */
  public static TargetSequence of(ClozeExample example) {
    return new TargetSequence(
        example.id(),
        example.ids(),
        example.types(),
        example.triggerAt(),
        new int[] {example.predictAt()},
        new int[][] {example.goldTokens()},
        example.decoderIds());
  }

  /**
   * A prompt that a causal model is to go on from with a certain text: {@code before}, the trigger,
   * {@code after}, then the target.
   *
   * @param slots number of trigger tokens
   */
  public static TargetSequence continuation(
      String id, int[] before, int slots, int[] after, int[] target) {
    if (before.length + slots + after.length == 0 || target.length == 0) {
      throw new IllegalArgumentException("a target needs tokens, and tokens before it");
    }
    int start = before.length + slots + after.length;
    int[] ids = new int[start + target.length - 1]; // nothing is asked of the last token
    System.arraycopy(before, 0, ids, 0, before.length);
    System.arraycopy(after, 0, ids, before.length + slots, after.length);
    System.arraycopy(target, 0, ids, start, target.length - 1);
    int[][] targets = new int[target.length][];
    for (int i = 0; i < target.length; i++) {
      targets[i] = new int[] {target[i]};
    }
    return new TargetSequence(
        id,
        ids,
        new int[0],
        IntStream.range(before.length, before.length + slots).toArray(),
        IntStream.range(start - 1, start - 1 + target.length).toArray(),
        targets,
        new int[0]);
  }

  /**
   * The trigger itself as what a causal model goes on with behind {@code before}. A first token
   * that nothing stands before is not asked for.
   */
  public static TargetSequence itself(String id, int[] before, int slots) {
    int first = before.length == 0 ? 1 : 0;
    if (slots <= first) {
      throw new IllegalArgumentException("there is no token that another stands before");
    }
    int[] ids = new int[before.length + slots];
    System.arraycopy(before, 0, ids, 0, before.length);
    return new TargetSequence(
        id,
        ids,
        new int[0],
        IntStream.range(before.length, ids.length).toArray(),
        IntStream.range(before.length + first - 1, ids.length - 1).toArray(),
        new int[0][],
        new int[0]);
  }

  /** Number of tokens. */
  public int length() {
    return ids.length;
  }

  /** Whether the trigger's own tokens are wanted. */
  public boolean wantsItself() {
    return targets.length == 0;
  }

  /** The token ids with a trigger in its place, in a new array. */
  int[] with(int[] trigger) {
    requireFit(trigger.length);
    int[] filled = ids.clone();
    for (int t = 0; t < trigger.length; t++) {
      filled[slots[t]] = trigger[t];
    }
    return filled;
  }

  /** The wanted tokens at each place, for a trigger. */
  int[][] targets(int[] trigger) {
    if (!wantsItself()) {
      return targets;
    }
    int[][] own = new int[at.length][];
    for (int i = 0; i < own.length; i++) {
      own[i] = new int[] {trigger[trigger.length - own.length + i]};
    }
    return own;
  }

  void requireFit(int tokens) {
    if (tokens != slots.length) {
      throw new IllegalArgumentException(
          "a trigger of %d tokens for %d slots".formatted(tokens, slots.length));
    }
  }
}
