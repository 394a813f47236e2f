package io.promptgrad.search;

import io.promptgrad.prompt.Prompt;
import java.util.Objects;

/**
 * The prompt that a search would return now.
 *
 * @param prompt the prompt
 * @param dev its score on all of dev; NaN if it was not measured
 * @param step the step that found it; 0 for the starting prompt
 */
public record Best(Prompt prompt, double dev, int step) {

  /** Refuses a missing prompt. */
  public Best {
    Objects.requireNonNull(prompt, "prompt");
  }
}
