package io.promptgrad.gradient.trigger;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How a text reads to a causal language model, which is also the usual defence against triggers
 * (Jain et al. 2023, arXiv:2309.00614): a text whose perplexity, or that of its worst window, is
 * above a limit is not let through.
 *
 * @param whole exp of the mean of -log p(token | tokens before it)
 * @param worst the largest such value over all windows of {@code window} tokens
 * @param window tokens of a window; the text's length if it is shorter
 * @param tokens of the text
 */
public record Perplexity(double whole, double worst, int window, int tokens) {

  private static final int WINDOW = 10;

  /**
   * Measures a text as if it began a document.
   *
   * @throws InvalidInputException if the model is not causal, or the text has no token that another
   *     stands before
   */
  public static Perplexity of(LanguageModel judge, String text) {
    TargetText.requireCausal(judge);
    int[] ids = judge.tokenizer().encode(text);
    int[] begin = TargetText.of("", " ").beginning(judge);
    int asked = ids.length - (begin.length == 0 ? 1 : 0);
    if (asked < 1) {
      throw new InvalidInputException(
          "The text '%s' is too short to have a perplexity; give at least two tokens."
              .formatted(text));
    }
    double[] logs = new double[asked];
    // One pass: every token is the target of the place before it.
    int[] row = new int[begin.length + ids.length];
    System.arraycopy(begin, 0, row, 0, begin.length);
    System.arraycopy(ids, 0, row, begin.length, ids.length);
    int[] at = IntStream.range(row.length - asked - 1, row.length - 1).toArray();
    int[] next = Arrays.copyOfRange(row, row.length - asked, row.length);
    float[] losses =
        judge
            .forSearch()
            .scores(
                TokenBatch.of(List.of(row), judge.spec().padId()),
                Targets.mean(at, next),
                null,
                0,
                null,
                SearchModel.Others.NONE)
            .losses();
    Arrays.setAll(logs, i -> losses[i]);
    int window = Math.min(WINDOW, asked);
    double worst = 0;
    for (int from = 0; from + window <= asked; from++) {
      worst = Math.max(worst, Arrays.stream(logs, from, from + window).average().orElseThrow());
    }
    return new Perplexity(
        Math.exp(Arrays.stream(logs).average().orElseThrow()), Math.exp(worst), window, ids.length);
  }

  /** Whether a filter with this limit lets the text through. */
  public boolean passes(double limit) {
    return worst <= limit;
  }
}
