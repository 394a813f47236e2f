package io.promptgrad.lm.tokenizer;

/** How a tokenizer marks words in its vocabulary entries. */
public enum TokenizerKind {
  /** BERT's: pieces inside a word begin with "##". */
  WORDPIECE,
  /** GPT-2's and RoBERTa's: entries are bytes written as letters; a leading "Ġ" is a blank. */
  BYTE_LEVEL_BPE,
  /** Llama's and Gemma's: BPE over text in which "▁" stands for a blank. */
  SENTENCEPIECE_BPE,
  /** T5's, ALBERT's and XLM-R's: unigram model over text in which "▁" stands for a blank. */
  UNIGRAM,
  /** Anything else, such as GPT-1's BPE with its end-of-word mark. */
  OTHER
}
