package io.promptgrad.gradient.trigger;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TargetLoss;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

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
    int[] begin = TargetText.of("", " ").begin(judge);
    int asked = ids.length - (begin.length == 0 ? 1 : 0);
    if (asked < 1) {
      throw new InvalidInputException(
          "The text '%s' is too short to have a perplexity; give at least two tokens."
              .formatted(text));
    }
    double[] logs = new double[asked];
    try (TriggerLoss loss =
        new TriggerLoss(judge, new TargetLoss.CrossEntropy(), null, TriggerLoss.Reuse.NONE)) {
      // one sequence for each token: its text up to there, of which the last token is wanted
      List<TargetSequence> sequences = new ArrayList<>();
      TargetSequence all = TargetSequence.itself("text", begin, ids.length);
      for (int i = 0; i < asked; i++) {
        int place = all.at()[i];
        sequences.add(
            new TargetSequence(
                "token " + i,
                all.with(ids),
                new int[0],
                all.slots(),
                new int[] {place},
                new int[][] {{ids[ids.length - asked + i]}},
                new int[0]));
      }
      double[][] losses = loss.scores(sequences, List.of(ids), ids).losses();
      System.arraycopy(losses[0], 0, logs, 0, asked);
    }
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
