package io.promptgrad.gradient.coordinate;

import io.promptgrad.lm.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Whether a trigger's text has to encode to the trigger again. */
public enum Retokenization {
  /** It need not: the tokens are what counts. */
  ANY,
  /** To as many tokens: the filter of the original GCG. */
  SAME_LENGTH,
  /** To the same tokens: the filter of nanoGCG. */
  SAME_IDS;

  /** Those of some triggers that pass, in their order. */
  List<int[]> pass(List<int[]> triggers, Tokenizer tokenizer) {
    if (this == ANY) {
      return triggers;
    }
    int[][] again = tokenizer.encodeAll(triggers.stream().map(tokenizer::decode).toList());
    List<int[]> passed = new ArrayList<>();
    for (int c = 0; c < again.length; c++) {
      int[] trigger = triggers.get(c);
      boolean passes =
          this == SAME_LENGTH
              ? again[c].length == trigger.length
              : Arrays.equals(again[c], trigger);
      if (passes) {
        passed.add(trigger);
      }
    }
    return passed;
  }
}
