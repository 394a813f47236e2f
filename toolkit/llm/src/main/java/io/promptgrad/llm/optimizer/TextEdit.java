package io.promptgrad.llm.optimizer;

import java.util.Optional;
import java.util.random.RandomGenerator;

/** A small change of a text, made without a model that writes. Called by one thread at a time. */
public interface TextEdit {

  /**
   * Returns the changed text; empty if this kind of change is not possible.
   *
   * @param random decides what is changed, and how
   */
  Optional<String> apply(String text, RandomGenerator random);
}
