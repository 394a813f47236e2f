package io.promptgrad.prompt;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;

/**
 * What a search finds. Every method has its own implementation; all are saved and shown alike.
 *
 * <p>Where a prompt consists of tokens, the ids are the truth and the text is a view: decoding and
 * encoding again need not give the same ids.
 */
public interface Prompt {

  /** Returns {@code trigger}, {@code instruction}, {@code soft} or {@code program}. */
  String kind();

  /** Returns the prompt for people to read. */
  String text();

  /** Returns the token ids, a fresh array; empty when the prompt is not made of tokens. */
  int[] tokenIds();

  /**
   * Returns everything needed to use the prompt again: at least {@code kind}; for prompts made of
   * tokens also {@code token_ids} and {@code tokens}, each token's text in the vocabulary's own
   * writing, which reports show.
   */
  ObjectNode toJson();

  /** Writes what is not text, such as numbers, into the folder that gets {@link #toJson}. */
  default void saveFiles(Path folder) {}
}
