package io.promptgrad.models.pretrain;

import java.util.List;

/**
 * One article, review, dialogue, speech or stretch of a book.
 *
 * @param lines its paragraphs or utterances, cleaned, none of them blank
 * @param heldOut whether it is kept for measuring and never trained on
 */
public record Document(List<String> lines, boolean heldOut) {

  /** Copies the lines. */
  public Document {
    lines = List.copyOf(lines);
  }
}
