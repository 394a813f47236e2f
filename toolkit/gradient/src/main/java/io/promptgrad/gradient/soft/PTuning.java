package io.promptgrad.gradient.soft;

import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.SoftModel;

/**
 * P-tuning (Liu et al. 2021, arXiv:2103.10385): the word vectors of virtual tokens inside a
 * template come out of a small network, an LSTM in the paper, an MLP in PEFT, which is dropped in
 * the end.
 *
 * <p>The virtual tokens stand in the template's slots {@code [T]}; without slots they stand in
 * front, as in PEFT. Where this differs: weight decay is decoupled, and the learning rate falls in
 * a line instead of by 0.98 in each epoch.
 */
public final class PTuning {

  private PTuning() {}

  /** The paper's for facts: an LSTM of half the width, rate 1e-5, batches of 8. */
  public static SoftConfig paper() {
    return config(SoftConfig.Encoder.LSTM, 1e-5, 5e-4, 10_000, 8, true);
  }

  /** What finds a good prompt for a small model and few examples within a minute. */
  public static SoftConfig small() {
    return config(SoftConfig.Encoder.LSTM, 5e-3, 0.01, 300, 16, false);
  }

  private static SoftConfig config(
      SoftConfig.Encoder encoder,
      double rate,
      double decay,
      int updates,
      int batchSize,
      boolean wholeVocabulary) {
    return new SoftConfig(
        SoftModel.Layout.VECTORS,
        encoder,
        0,
        1,
        new SoftStart.Normal(1),
        new AdamW(0.9, 0.999, 1e-8, decay, 1),
        rate,
        SoftConfig.Schedule.LINEAR,
        0,
        updates,
        batchSize,
        1,
        0,
        0,
        wholeVocabulary,
        updates > 1000 ? 100 : 10,
        1,
        SoftConfig.Extras.NONE);
  }
}
