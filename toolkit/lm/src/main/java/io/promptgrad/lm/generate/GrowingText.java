package io.promptgrad.lm.generate;

import io.promptgrad.lm.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;

/**
 * The text of one row while its tokens come, one by one.
 *
 * <p>Tokens are no texts: a character may be spread over several, and whether a token begins with a
 * blank depends on what stands before it. So the tokens since the last safe place are decoded
 * together with those before, beginning with the end of the prompt, and what that adds is the new
 * text. A character that is not complete is waited for; it becomes U+FFFD if the row ends within.
 */
final class GrowingText {

  /** How much of the prompt is decoded with the first tokens. */
  private static final int CONTEXT = 16;

  private final Tokenizer tokenizer;
  private final List<String> stops;
  private final StringBuilder text = new StringBuilder();
  private int[] ids; // the context, then the new tokens
  private int size;
  private int from; // where decoding begins
  private int mark; // up to where the text was complete when it moved last
  private int shown; // chars of the text since "from" that are in the text, or in the prompt
  private int told; // chars that were given away
  private boolean stopped;

  GrowingText(Tokenizer tokenizer, int[] prompt, List<String> stops) {
    this.tokenizer = tokenizer;
    this.stops = stops;
    this.ids = context(prompt);
    this.size = ids.length;
    this.mark = size;
    this.shown = complete(decode(0)).length();
  }

  /** The end of the prompt, from a place where text begins: no special token, no half character. */
  private int[] context(int[] prompt) {
    int start = prompt.length;
    int most = Math.min(CONTEXT, prompt.length);
    while (prompt.length - start < most
        && tokenizer.has(prompt[start - 1])
        && !tokenizer.specials().all().contains(prompt[start - 1])) {
      start--;
    }
    int[] end = Arrays.copyOfRange(prompt, start, prompt.length);
    while (end.length > 0 && tokenizer.decode(end).startsWith("\ufffd")) {
      end = Arrays.copyOfRange(end, 1, end.length);
    }
    return end;
  }

  private String decode(int start) {
    return tokenizer.decode(Arrays.copyOfRange(ids, start, size));
  }

  /** Without the beginning of a character at the end. */
  private static String complete(String text) {
    int end = text.length();
    while (end > 0 && text.charAt(end - 1) == '\ufffd') {
      end--;
    }
    return text.substring(0, end);
  }

  /** Takes a token and returns the text that is certain now, which may be empty. */
  String add(int id) {
    if (!tokenizer.has(id)) {
      return ""; // a spare row of the embedding, which stands for nothing
    }
    ids = size == ids.length ? Arrays.copyOf(ids, 2 * size + 16) : ids;
    ids[size++] = id;
    String window = decode(from);
    String complete = complete(window);
    append(complete);
    if (complete.length() == window.length()) {
      from = mark;
      mark = size;
      shown = decode(from).length();
    }
    return tell(held());
  }

  /** Ends the text and returns what was held back. */
  String finish() {
    if (!stopped) {
      append(decode(from));
    }
    return tell(0);
  }

  private void append(String window) {
    int searched = text.length();
    if (window.length() > shown) {
      text.append(window, shown, window.length());
      shown = window.length();
    }
    int cut = text.length();
    for (String stop : stops) {
      int found = text.indexOf(stop, Math.max(0, searched - stop.length() + 1));
      if (found >= 0 && found < cut) {
        cut = found;
        stopped = true;
      }
    }
    text.setLength(cut);
  }

  /** How many chars at the end may be the beginning of a stop string. */
  private int held() {
    int longest = 0;
    for (String stop : stopped ? List.<String>of() : stops) {
      int most = Math.min(stop.length() - 1, text.length());
      for (int length = most; length > longest; length--) {
        if (stop.startsWith(text.substring(text.length() - length))) {
          longest = length;
        }
      }
    }
    return longest;
  }

  private String tell(int held) {
    int end = Math.max(told, text.length() - held);
    String piece = text.substring(told, end);
    told = end;
    return piece;
  }

  /** Whether a stop string has come. */
  boolean stopped() {
    return stopped;
  }

  /** The text so far, up to a stop string. */
  String text() {
    return text.toString();
  }
}
