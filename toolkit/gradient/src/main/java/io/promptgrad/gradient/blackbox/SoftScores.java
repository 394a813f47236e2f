package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.prompt.Prompt;
import java.util.List;

/**
 * All that black-box tuning asks of a model: what it thinks of the labels of some examples under
 * some candidates. A local model answers ({@link LocalScores}), also one that takes nothing but
 * tokens ({@link TokenScores}); so can a server that accepts vectors.
 */
public interface SoftScores {

  /** Number of vectors of a candidate in one layer, P. */
  int places();

  /** Width of a vector. */
  int width();

  /**
   * Scores of the labels, up to a constant for each example: differences are differences of
   * log-probabilities.
   *
   * @return [candidates][examples][labels]
   */
  double[][][] of(Population population, List<ClozeExample> examples);

  /** A candidate as a prompt that can be used without the search. */
  Prompt prompt(Population population, int candidate);

  /** Reads such a prompt. */
  Prompt read(JsonNode json);

  /** Tokens that went through the model so far. */
  long forwardTokens();
}
