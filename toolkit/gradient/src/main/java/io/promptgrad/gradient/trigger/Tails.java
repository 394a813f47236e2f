package io.promptgrad.gradient.trigger;

import java.util.Arrays;
import java.util.List;

/**
 * What of a sequence has to be computed for each of some triggers if the rest is known from a
 * reference.
 *
 * @param reference the sequence with the reference trigger
 * @param lengths for each trigger the number of tokens from its first difference on; places that
 *     answer are always among them
 * @param begun tokens before the first slot, which no trigger changes
 */
record Tails(int[] reference, int[] lengths, int begun) {

  /** With the current trigger as the reference, or none. */
  static Tails of(
      TargetSequence sequence, List<int[]> triggers, int[] current, TriggerLoss.Reuse reuse) {
    int[] reference = sequence.with(current);
    int begun = sequence.slots()[0];
    int[] lengths = new int[triggers.size()];
    for (int c = 0; c < lengths.length; c++) {
      int first = begun;
      if (reuse == TriggerLoss.Reuse.FIRST_DIFFERENCE) {
        int[] trigger = triggers.get(c);
        int t = Arrays.mismatch(trigger, current);
        first = t < 0 ? sequence.length() : sequence.slots()[t];
      }
      lengths[c] = sequence.length() - Math.min(first, sequence.at()[0]);
    }
    return new Tails(reference, lengths, begun);
  }

  /** Tokens that the trigger of the shortest tail shares with the reference. */
  int longestKept() {
    return reference.length - Arrays.stream(lengths).min().orElseThrow();
  }

  /** Tokens of the reference that no longer-lived cache holds. */
  int referenceTokens() {
    return Math.max(0, longestKept() - begun);
  }
}
