package io.promptgrad.gradient.soft;

import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.SoftModel;
import java.util.Optional;

/**
 * Prefix tuning (Li and Liang 2021, arXiv:2101.00190): keys and values of P virtual tokens in front
 * of the text are trained in every layer. While they are trained a table and an MLP make them,
 * which is dropped in the end; P-tuning v2 (Liu et al. 2022, arXiv:2110.07602) mostly does without.
 *
 * <p>Where this differs: no trained head (v2's classifier), and an encoder-decoder gets one prefix,
 * its decoder's, as in PEFT, unless {@link SoftModel.Layout#ALL_KEY_VALUES} is asked for. Begun at
 * a {@link SoftStart.Text}, the numbers are those of its words, and an MLP is fitted to them first,
 * as in the program's setting for little data.
 */
public final class PrefixTuning {

  private PrefixTuning() {}

  /** The paper's for texts: AdamW, a linear schedule from 5e-5, batches of 5, P = 10. */
  public static SoftConfig paper() {
    return config(SoftConfig.Encoder.PROJECTION, 10, 5e-5, 10_000, 5, true);
  }

  /** P-tuning v2: numbers of their own, a rate from its grid, its dropout. */
  public static SoftConfig deepPrompts() {
    return config(SoftConfig.Encoder.NONE, 20, 7e-3, 2_000, 16, false)
        .with(new SoftConfig.Extras(0.1, Optional.empty(), Optional.empty()));
  }

  /** What finds a good prefix for a small model and few examples within a minute. */
  public static SoftConfig small() {
    return config(SoftConfig.Encoder.PROJECTION, 5, 5e-4, 300, 16, false);
  }

  /** The same without an MLP. */
  public static SoftConfig smallDeepPrompts() {
    return config(SoftConfig.Encoder.NONE, 5, 2e-2, 300, 16, false);
  }

  private static SoftConfig config(
      SoftConfig.Encoder encoder,
      int tokens,
      double rate,
      int updates,
      int batchSize,
      boolean wholeVocabulary) {
    return new SoftConfig(
        SoftModel.Layout.KEY_VALUES,
        encoder,
        tokens,
        1,
        encoder == SoftConfig.Encoder.NONE ? new SoftStart.Normal(0) : new SoftStart.Normal(1),
        new AdamW(0.9, 0.999, 1e-8, 0.01, 1),
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
