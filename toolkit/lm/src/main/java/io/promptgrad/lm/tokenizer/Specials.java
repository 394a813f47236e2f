package io.promptgrad.lm.tokenizer;

import java.util.OptionalInt;
import java.util.Set;

/**
 * The ids of the special tokens; a role that the tokenizer does not fill is empty.
 *
 * @param bos beginning of a sequence
 * @param eos end of a sequence
 * @param pad padding
 * @param mask the token that a masked language model predicts
 * @param unk what unknown text becomes
 * @param cls put in front by encoders (RoBERTa: the same as bos)
 * @param sep put behind and between by encoders (RoBERTa: the same as eos)
 * @param all every special id, including those without a role here
 */
public record Specials(
    OptionalInt bos,
    OptionalInt eos,
    OptionalInt pad,
    OptionalInt mask,
    OptionalInt unk,
    OptionalInt cls,
    OptionalInt sep,
    Set<Integer> all) {

  /** Copies the set. */
  public Specials {
    all = Set.copyOf(all);
  }
}
