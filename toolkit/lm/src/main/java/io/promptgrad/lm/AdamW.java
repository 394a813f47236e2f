package io.promptgrad.lm;

/**
 * AdamW (Loshchilov and Hutter 2019, Algorithm 2) with clipping of the global gradient norm. Of a
 * model's weights matrices decay, biases and norms do not; of a soft prompt all parameters do.
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled decay, times the learning rate
 * @param largestNorm gradients are scaled down to this global norm; 0: never
 */
public record AdamW(
    double beta1, double beta2, double epsilon, double weightDecay, double largestNorm)
    implements Optimizer {

  /** Checks the ranges. */
  public AdamW {
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
      throw new IllegalArgumentException(
          "betas are " + beta1 + " and " + beta2 + ", must be in [0, 1)");
    }
    if (!(epsilon > 0)) {
      throw new IllegalArgumentException("epsilon is " + epsilon + ", must be greater than 0");
    }
    if (!(weightDecay >= 0) || !(largestNorm >= 0)) {
      throw new IllegalArgumentException(
          "weight decay is %s and the largest norm %s, at least 0 needed"
              .formatted(weightDecay, largestNorm));
    }
  }

  /** PyTorch's defaults, which PEFT's examples leave as they are. */
  public static AdamW forPrompts() {
    return new AdamW(0.9, 0.999, 1e-8, 0.01, 0);
  }

  /** As masked and causal language models are commonly pretrained. */
  public static AdamW forPretraining() {
    return new AdamW(0.9, 0.98, 1e-6, 0.01, 1);
  }
}
