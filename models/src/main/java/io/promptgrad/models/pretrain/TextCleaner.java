package io.promptgrad.models.pretrain;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * Makes one paragraph of running text uniform, so that a small vocabulary is not spent on
 * typography: italics markers go, curly quotes and long dashes become ASCII, gaps that a lost link
 * left in brackets are closed, white space is collapsed.
 */
final class TextCleaner {

  private static final Charset WINDOWS = Charset.forName("windows-1252");
  private static final Pattern MOJIBAKE = Pattern.compile("â€[^a-zA-Z\\s.,]?");
  private static final Pattern DASH = Pattern.compile("\\s*(?:—|―|--+)\\s*");
  private static final Pattern EMPTY_BRACKETS = Pattern.compile("\\s?\\([\\s,;:]*\\)");
  private static final Pattern BRACKET_START = Pattern.compile("\\((?:\\s*[,;:])+\\s*");
  private static final Pattern SPACE = Pattern.compile("[\\s\\p{Z}\\p{Cc}\\uFEFF\\u200B]+");

  private TextCleaner() {}

  static String clean(String line) {
    String text = line;
    if (text.contains("â€")) {
      text = MOJIBAKE.matcher(text).replaceAll(m -> repaired(m.group()));
    }
    text =
        text.replace("_", "")
            .replace('’', '\'')
            .replace('‘', '\'')
            .replace('“', '"')
            .replace('”', '"')
            .replace('–', '-')
            .replace("…", "...");
    if (text.indexOf('(') >= 0) {
      text = EMPTY_BRACKETS.matcher(text).replaceAll("");
      text = BRACKET_START.matcher(text).replaceAll("(");
    }
    if (text.contains("--") || text.indexOf('—') >= 0 || text.indexOf('―') >= 0) {
      text = DASH.matcher(text).replaceAll(" -- ");
    }
    return SPACE.matcher(text).replaceAll(" ").strip();
  }

  /** Undoes one reading of UTF-8 as Windows code page 1252; a truncated mark is a closing quote. */
  private static String repaired(String broken) {
    try {
      ByteBuffer bytes = WINDOWS.newEncoder().encode(CharBuffer.wrap(broken));
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      return "\"" + broken.substring(2).strip();
    }
  }
}
