package io.promptgrad.benchmarks;

/**
 * Ways to do the same AutoPrompt step, each with everything that the one before it has.
 *
 * <p>Each makes the same choices: they differ in what is computed, not in what comes out.
 */
public enum StepVariant {
  /**
   * As the original program does it (Shin et al. 2020, create_trigger.py): one forward pass for
   * each candidate, examples padded to the longest one, logits of the whole vocabulary at every
   * position, log-softmax at the mask, label probabilities gathered on the host.
   */
  PLAIN("plain, as the original"),
  /** Rows of all candidates share batches. */
  BATCHING("+ shared batches"),
  /** Logits only at the mask, and for the choice only those of the label tokens. */
  HEAD("+ label tokens' logits only"),
  /** Rows of similar length share batches. */
  BUCKETS("+ length buckets"),
  /** Candidates that cannot win any more are dropped: the step of {@code AutoPrompt}. */
  PRUNING("+ pruning (AutoPrompt)");

  private final String title;

  StepVariant(String title) {
    this.title = title;
  }

  /** The name in tables. */
  public String title() {
    return title;
  }
}
