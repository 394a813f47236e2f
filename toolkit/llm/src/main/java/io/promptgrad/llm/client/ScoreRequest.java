package io.promptgrad.llm.client;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.util.Objects;

/**
 * Asks how likely a text is behind another.
 *
 * @param context what stands before; not empty, since a first token has no probability
 * @param continuation the text whose tokens are scored; not empty
 */
public record ScoreRequest(String context, String continuation) {

  /** Refuses empty texts. */
  public ScoreRequest {
    Objects.requireNonNull(context, "context");
    Objects.requireNonNull(continuation, "continuation");
    if (context.isEmpty() || continuation.isEmpty()) {
      throw new InvalidInputException(
          "A text to score and what stands before it must not be empty; put a line break before it.");
    }
  }

  /** Returns both texts in a row. */
  public String text() {
    return context + continuation;
  }

  /** Returns everything that the score depends on, for keys of the cache. */
  public ObjectNode toJson() {
    return Json.object().put("context", context).put("continuation", continuation);
  }
}
