package io.promptgrad.lm;

/** How the parameters of a soft prompt follow their gradients. */
public sealed interface Optimizer permits AdamW, Adafactor {

  /** Gradients are scaled down to this norm, those of each prompt by themselves; 0: never. */
  double largestNorm();
}
