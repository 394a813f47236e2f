package io.promptgrad.llm.account;

import io.promptgrad.llm.client.Usage;

/**
 * What a model costs, in US dollars for a million tokens.
 *
 * @param input a token read
 * @param cachedInput a token read that the server had read before
 * @param output a token written
 */
public record Price(double input, double cachedInput, double output) {

  /** Nothing, for one's own machine. */
  public static final Price FREE = new Price(0, 0, 0);

  /** Returns what a call costs, in US dollars. */
  public double of(Usage usage) {
    long fresh = Math.max(0, usage.promptTokens() - usage.cachedTokens());
    return (fresh * input
            + Math.min(usage.cachedTokens(), usage.promptTokens()) * cachedInput
            + usage.completionTokens() * output)
        / 1e6;
  }
}
