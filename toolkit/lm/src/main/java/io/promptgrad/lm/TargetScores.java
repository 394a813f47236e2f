package io.promptgrad.lm;

/**
 * What a model makes of the wanted tokens of a batch, on the host.
 *
 * @param losses -log of the summed probability of each position's target tokens, in nats [N]
 * @param logits the targets' logit (of several tokens the log of their summed exponentials) [N]
 * @param others largest logit of any other token [N], as far as it was asked for
 */
public record TargetScores(float[] losses, float[] logits, float[] others) {

  /** Whether the targets from one to another are all what the model itself would say. */
  public boolean said(int from, int to) {
    for (int i = from; i < to; i++) {
      if (logits[i] <= others[i]) {
        return false;
      }
    }
    return true;
  }
}
