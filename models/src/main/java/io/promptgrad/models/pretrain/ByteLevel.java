package io.promptgrad.models.pretrain;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The part of GPT-2's tokenizer before BPE (Radford et al. 2019): text is cut into words by a
 * regular expression and each UTF-8 byte of a word is written as one visible character, so that any
 * text can be encoded and vocabulary entries are readable. A leading blank shows as {@code Ġ}.
 */
final class ByteLevel {

  /** GPT-2's expression; letters, numbers and white space as Unicode defines them. */
  private static final Pattern WORD =
      Pattern.compile(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          Pattern.UNICODE_CHARACTER_CLASS);

  private static final char[] CHAR_OF_BYTE = new char[256];
  private static final int[] BYTE_OF_CHAR = new int[0x180];

  static {
    // Printable bytes stand for themselves; the others take the characters from U+0100 on, in
    // order.
    Arrays.fill(BYTE_OF_CHAR, -1);
    char next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      CHAR_OF_BYTE[b] = printable ? (char) b : next++;
      BYTE_OF_CHAR[CHAR_OF_BYTE[b]] = b;
    }
  }

  private ByteLevel() {}

  /** The character that stands for a byte (0 to 255). */
  static char charOf(int unsignedByte) {
    return CHAR_OF_BYTE[unsignedByte];
  }

  /** Hands over the words of a text in order, still as text. */
  static void words(String text, Consumer<String> sink) {
    Matcher matcher = WORD.matcher(text);
    while (matcher.find()) {
      sink.accept(matcher.group());
    }
  }

  /** The bytes of a word, as the characters that stand for them. */
  static String visible(String word) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    char[] chars = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      chars[i] = CHAR_OF_BYTE[bytes[i] & 0xff];
    }
    return new String(chars);
  }

  /** The text behind visible characters; bytes that are no UTF-8 become U+FFFD. */
  static String text(String visible) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(visible.length());
    for (int i = 0; i < visible.length(); i++) {
      char c = visible.charAt(i);
      int b = c < BYTE_OF_CHAR.length ? BYTE_OF_CHAR[c] : -1;
      if (b < 0) {
        throw new IllegalArgumentException("'" + c + "' stands for no byte");
      }
      bytes.write(b);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /**
   * Lower case character by character, as the Lowercase normaliser of Hugging Face does it: unlike
   * {@link String#toLowerCase()} without regard to neighbours (a final sigma stays a sigma).
   * Letters that are newer than this Java's Unicode tables keep their case.
   */
  static String lowerCase(String text) {
    StringBuilder lower = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              if (c < 128) {
                lower.append((char) (c >= 'A' && c <= 'Z' ? c + 32 : c));
              } else {
                lower.append(Character.toString(c).toLowerCase(Locale.ROOT));
              }
            });
    return lower.toString();
  }
}
