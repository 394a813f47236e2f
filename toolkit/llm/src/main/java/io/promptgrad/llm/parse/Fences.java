package io.promptgrad.llm.parse;

import java.util.Optional;
import java.util.regex.Pattern;

/** Text between triple backticks, without the word for the language behind the first three. */
public final class Fences {

  private static final String FENCE = "```";
  private static final Pattern LANGUAGE = Pattern.compile("^[A-Za-z0-9_+-]*[ \\t]*\\R");

  private Fences() {}

  /** Returns the text of the first fence; of one that was never closed, the text to the end. */
  public static Optional<String> first(String text) {
    int open = text.indexOf(FENCE);
    if (open < 0) {
      return Optional.empty();
    }
    int close = text.indexOf(FENCE, open + FENCE.length());
    return inner(text, open, close < 0 ? text.length() : close);
  }

  /**
   * Returns what stands between the first and the last triple backtick, so that a text may hold
   * fences of its own. If there is only one, it is taken for an opening one, unless nothing stands
   * behind it.
   */
  public static Optional<String> outermost(String text) {
    int open = text.indexOf(FENCE);
    if (open < 0) {
      return Optional.empty();
    }
    int close = text.lastIndexOf(FENCE);
    if (close > open) {
      return inner(text, open, close);
    }
    Optional<String> behind = inner(text, open, text.length());
    return behind.isPresent() ? behind : Tags.filled(text.substring(0, open));
  }

  private static Optional<String> inner(String text, int open, int close) {
    String within = text.substring(Math.min(open + FENCE.length(), close), close);
    return Tags.filled(LANGUAGE.matcher(within).replaceFirst(""));
  }
}
