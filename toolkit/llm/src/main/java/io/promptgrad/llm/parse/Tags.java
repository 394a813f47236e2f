package io.promptgrad.llm.parse;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Text between {@code <NAME>} and {@code </NAME>}. Capitals and blanks within tags do not matter.
 */
public final class Tags {

  private Tags() {}

  /**
   * Returns the text of the first pair; of a tag that was never closed, the text to the end. A
   * model that is cut off or stops at the closing tag leaves such a thing.
   */
  public static Optional<String> first(String text, String name) {
    Matcher open = open(name).matcher(text);
    if (!open.find()) {
      return Optional.empty();
    }
    Matcher close = close(name).matcher(text);
    int end = close.find(open.end()) ? close.start() : text.length();
    return filled(text.substring(open.end(), end));
  }

  /**
   * Returns the text of the last pair; of a last tag that was never closed, the text to the end.
   */
  public static Optional<String> last(String text, String name) {
    Matcher open = open(name).matcher(text);
    int start = -1;
    while (open.find()) {
      start = open.end();
    }
    if (start < 0) {
      return Optional.empty();
    }
    Matcher close = close(name).matcher(text);
    int end = close.find(start) ? close.start() : text.length();
    return filled(text.substring(start, end));
  }

  /** Returns the texts of all complete pairs, in order, without the empty ones. */
  public static List<String> all(String text, String name) {
    List<String> found = new ArrayList<>();
    Matcher open = open(name).matcher(text);
    Matcher close = close(name).matcher(text);
    int from = 0;
    while (open.find(from) && close.find(open.end())) {
      filled(text.substring(open.end(), close.start())).ifPresent(found::add);
      from = close.end();
    }
    return found;
  }

  private static Pattern open(String name) {
    return Pattern.compile("<\\s*" + Pattern.quote(name) + "\\s*>", Pattern.CASE_INSENSITIVE);
  }

  private static Pattern close(String name) {
    return Pattern.compile("<\\s*/\\s*" + Pattern.quote(name) + "\\s*>", Pattern.CASE_INSENSITIVE);
  }

  static Optional<String> filled(String text) {
    String stripped = text.strip();
    return stripped.isEmpty() ? Optional.empty() : Optional.of(stripped);
  }
}
