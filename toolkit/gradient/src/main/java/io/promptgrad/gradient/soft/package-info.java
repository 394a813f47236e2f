/**
 * Soft prompts: virtual tokens that are trained, while the model stays as it is.
 *
 * <p>{@link io.promptgrad.gradient.soft.SoftSearch} trains them; what it trains is a {@link
 * io.promptgrad.gradient.soft.SoftConfig}, of which {@link
 * io.promptgrad.gradient.soft.PromptTuning}, {@link io.promptgrad.gradient.soft.PrefixTuning} and
 * {@link io.promptgrad.gradient.soft.PTuning} have those of the papers. {@link
 * io.promptgrad.gradient.soft.XPrompt} prunes what was trained and trains the rest. {@link
 * io.promptgrad.gradient.soft.PeftAdapter} is the form on the disk, which Hugging Face PEFT shares.
 */
package io.promptgrad.gradient.soft;
