package io.promptgrad.gradient.soft;

import io.promptgrad.lm.Adafactor;
import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.SoftModel;

/**
 * Prompt tuning (Lester, Al-Rfou and Constant 2021, arXiv:2104.08691): the word vectors of P
 * virtual tokens in front of the text are trained, the model stays as it is.
 *
 * <p>With slots {@code [T]} in the template the virtual tokens stand there. An encoder-decoder gets
 * them in front of its encoder's text.
 */
public final class PromptTuning {

  private PromptTuning() {}

  /**
   * The paper's: 30,000 updates of 32 examples by Adafactor at a constant 0.3, 100 virtual tokens
   * that begin at the label words and sampled tokens, probabilities among the whole vocabulary, and
   * its program's z-loss.
   */
  public static SoftConfig paper() {
    return new SoftConfig(
        SoftModel.Layout.VECTORS,
        SoftConfig.Encoder.NONE,
        100,
        1,
        new SoftStart.Labels(),
        Adafactor.forPrompts(),
        0.3,
        SoftConfig.Schedule.CONSTANT,
        0,
        30_000,
        32,
        1,
        0,
        1e-4,
        true,
        100,
        5,
        SoftConfig.Extras.NONE);
  }

  /** What finds a good prompt for a small model and few examples within a minute. */
  public static SoftConfig small() {
    return new SoftConfig(
        SoftModel.Layout.VECTORS,
        SoftConfig.Encoder.NONE,
        10,
        1,
        new SoftStart.Labels(),
        new AdamW(0.9, 0.999, 1e-8, 0, 1),
        0.1,
        SoftConfig.Schedule.LINEAR,
        0,
        300,
        16,
        1,
        0,
        0,
        false,
        10,
        1,
        SoftConfig.Extras.NONE);
  }
}
