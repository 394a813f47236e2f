package io.promptgrad.llm.client;

import java.util.Objects;

/**
 * What is known about a model's log-probabilities.
 *
 * @param kind which of them it gives
 * @param found what was seen, one sentence for people
 */
public record Scoring(Kind kind, String found) {

  /** Which log-probabilities a model gives. */
  public enum Kind {
    /** Of any given text: {@link Llm#score} works. */
    GIVEN_TEXT,
    /** Of the tokens that it writes and some alternatives; enough to tell short labels apart. */
    ANSWERS_ONLY,
    /** None. */
    NONE
  }

  /** Refuses nulls. */
  public Scoring {
    Objects.requireNonNull(kind, "kind");
    Objects.requireNonNull(found, "found");
  }
}
