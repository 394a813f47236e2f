package io.promptgrad.gradient.soft;

import io.promptgrad.gradient.cloze.ClozeExample;

/**
 * A sequence with places for virtual tokens, and what a model is to say where.
 *
 * @param ids token ids; what stands in the slots does not matter
 * @param types token types; empty if all are 0
 * @param slots columns of the virtual tokens; empty: they stand in front
 * @param decoderIds for an encoder-decoder; else empty
 * @param at columns at which something is wanted, with a decoder its columns
 * @param targets tokens whose summed probability is wanted there
 * @param prompt which of several prompts is this row's
 */
public record SoftRow(
    int[] ids, int[] types, int[] slots, int[] decoderIds, int[] at, int[][] targets, int prompt) {

  /** An example with its right label. */
  static SoftRow of(ClozeExample example) {
    return new SoftRow(
        example.ids(),
        example.types(),
        example.triggerAt(),
        example.decoderIds(),
        new int[] {example.predictAt()},
        new int[][] {example.goldTokens()},
        0);
  }

  /** The same for another prompt. */
  SoftRow with(int otherPrompt) {
    return new SoftRow(ids, types, slots, decoderIds, at, targets, otherPrompt);
  }
}
