package io.promptgrad.gradient.cloze;

/**
 * One example as tokens, ready for a model, with gaps for the trigger.
 *
 * @param id of the task's example
 * @param ids token ids; trigger positions hold 0 until {@link #with} fills them, and in a masked
 *     language model the prediction position holds the mask token
 * @param types token types; empty if all are 0
 * @param triggerAt columns of the trigger tokens, in the order of the slots
 * @param predictAt column whose logits answer: the mask, or in a causal model the last token before
 *     the answer; with a decoder, a column of its tokens
 * @param gold index of the right label; -1 if the task has no label sets
 * @param goldTokens tokens whose summed probability is the right answer's
 * @param decoderIds what an encoder-decoder's decoder has said before it answers; else empty
 */
public record ClozeExample(
    String id,
    int[] ids,
    int[] types,
    int[] triggerAt,
    int predictAt,
    int gold,
    int[] goldTokens,
    int[] decoderIds) {

  /** For a model without a decoder apart. */
  public ClozeExample(
      String id,
      int[] ids,
      int[] types,
      int[] triggerAt,
      int predictAt,
      int gold,
      int[] goldTokens) {
    this(id, ids, types, triggerAt, predictAt, gold, goldTokens, new int[0]);
  }

  /** Number of tokens. */
  public int length() {
    return ids.length;
  }

  /** The token ids with a trigger in its place, in a new array. */
  public int[] with(int[] trigger) {
    if (trigger.length != triggerAt.length) {
      throw new IllegalArgumentException(
          "a trigger of %d tokens for %d slots".formatted(trigger.length, triggerAt.length));
    }
    int[] filled = ids.clone();
    for (int t = 0; t < trigger.length; t++) {
      filled[triggerAt[t]] = trigger[t];
    }
    return filled;
  }
}
