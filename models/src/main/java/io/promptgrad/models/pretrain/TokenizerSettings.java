package io.promptgrad.models.pretrain;

import io.promptgrad.input.InvalidInputException;
import java.util.List;

/**
 * What kind of byte-level BPE vocabulary to train.
 *
 * @param objective masked or causal: decides the special tokens
 * @param lowerCase whether text is lower-cased before it is split
 * @param addPrefixSpace whether a blank is put in front of a text, so that its first word has the
 *     same token as inside a sentence
 * @param vocab number of entries in all, special tokens included
 */
public record TokenizerSettings(
    Objective objective, boolean lowerCase, boolean addPrefixSpace, int vocab) {

  /** Which special tokens there are. */
  public enum Objective {
    /**
     * RoBERTa's: {@code <s>} 0, {@code <pad>} 1, {@code </s>} 2, {@code <unk>} 3, {@code <mask>}
     * last.
     */
    MASKED(List.of("<s>", "<pad>", "</s>", "<unk>"), List.of("<mask>")),
    /** A causal model's: {@code <s>} 0, {@code </s>} 1. */
    CAUSAL(List.of("<s>", "</s>"), List.of());

    private final List<String> first;
    private final List<String> last;

    Objective(List<String> first, List<String> last) {
      this.first = first;
      this.last = last;
    }

    /** Special tokens with the lowest ids, in order. */
    List<String> first() {
      return first;
    }

    /** Special tokens with the highest ids, in order. */
    List<String> last() {
      return last;
    }
  }

  /** Checks that the bytes and the special tokens fit and that an id fits into 16 bits. */
  public TokenizerSettings {
    if (objective == null) {
      throw new InvalidInputException("The key 'objective' is missing; give masked or causal.");
    }
    int least = 256 + objective.first.size() + objective.last.size();
    if (vocab < least || vocab > 65536) {
      throw new InvalidInputException(
          ("The vocabulary size is %d but must lie between %d (all bytes and the special tokens) "
                  + "and 65536.")
              .formatted(vocab, least));
    }
  }

  /** These settings with another vocabulary size. */
  public TokenizerSettings withVocab(int size) {
    return new TokenizerSettings(objective, lowerCase, addPrefixSpace, size);
  }
}
