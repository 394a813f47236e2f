/**
 * From text to token ids and back, exactly as the Hugging Face tokenizers do it.
 *
 * <p>{@link io.promptgrad.lm.tokenizer.Tokenizer} runs the model's own {@code tokenizer.json} in
 * the native Hugging Face library and answers what a prompt search asks besides: raw vocabulary
 * entries, special tokens, which entries start a word, which are capitalised, and how many tokens a
 * label word takes.
 *
 * <p>Token ids are the truth and text is a view: {@code encode(decode(ids))} need not give the same
 * ids back.
 */
package io.promptgrad.lm.tokenizer;
