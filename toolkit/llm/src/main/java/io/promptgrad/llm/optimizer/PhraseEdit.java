package io.promptgrad.llm.optimizer;

import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * GrIPS' edits that need no memory: a part of the text is taken out, or two parts change places.
 * Parts are phrases; words, where the text is a single phrase.
 */
public enum PhraseEdit implements TextEdit {
  /** Takes a part out. */
  DELETE,
  /** Lets two parts change places. */
  SWAP;

  @Override
  public Optional<String> apply(String text, RandomGenerator random) {
    List<String> phrases = Parts.of(text, GripsConfig.Level.PHRASE);
    List<String> parts = phrases.size() > 1 ? phrases : Parts.of(text, GripsConfig.Level.WORD);
    if (parts.size() < 2) {
      return Optional.empty();
    }
    int place = random.nextInt(parts.size());
    if (this == DELETE) {
      parts.remove(place);
    } else {
      Parts.swap(parts, place, random);
    }
    return Optional.of(String.join(" ", parts));
  }
}
