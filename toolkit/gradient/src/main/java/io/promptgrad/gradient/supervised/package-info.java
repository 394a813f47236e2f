/**
 * What prompts are compared with: models that may learn weights. A linear probe on frozen features
 * ({@link io.promptgrad.gradient.supervised.LinearProbe}), and fine-tuning of everything ({@link
 * io.promptgrad.gradient.supervised.FineTuning}). Both are scored by the same metrics on the same
 * examples as prompts are.
 */
package io.promptgrad.gradient.supervised;
