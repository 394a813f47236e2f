package io.promptgrad.lm.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The alphabet of GPT-2's byte-level vocabularies: every byte is written as one visible character.
 *
 * <p>Bytes that are printable in Latin-1 ('!' to '~', '¡' to '¬', '®' to 'ÿ') stand for themselves;
 * the other 68 are numbered in order and written as U+0100 and following, so that the blank (0x20)
 * is "Ġ" (U+0120) and the line feed (0x0A) is "Ċ".
 */
final class ByteLevel {

  private static final int[] BYTE_OF = new int[0x144];

  static {
    Arrays.fill(BYTE_OF, -1);
    int next = 0x100;
    for (int value = 0; value < 256; value++) {
      boolean itself = (value >= '!' && value <= '~') || (value >= 0xa1 && value != 0xad);
      BYTE_OF[itself ? value : next++] = value;
    }
  }

  private ByteLevel() {}

  /** The text of an entry; bytes that are no whole UTF-8 character are shown as {@code <0xC3>}. */
  static String text(String entry) {
    ByteBuffer bytes = ByteBuffer.allocate(entry.length());
    for (int i = 0; i < entry.length(); i++) {
      char c = entry.charAt(i);
      if (c >= BYTE_OF.length || BYTE_OF[c] < 0) {
        return entry; // an added token, written as plain text
      }
      bytes.put((byte) BYTE_OF[c]);
    }
    return decode(bytes.flip());
  }

  private static String decode(ByteBuffer bytes) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    CharBuffer chars = CharBuffer.allocate(bytes.remaining() * 6 + 1);
    while (true) {
      CoderResult result = decoder.decode(bytes, chars, true);
      int bad = result.isError() ? result.length() : result.isUnderflow() ? bytes.remaining() : 0;
      if (bad == 0) {
        return chars.flip().toString();
      }
      for (int i = 0; i < bad; i++) {
        chars.put("<0x%02X>".formatted(bytes.get() & 0xff));
      }
      decoder.reset();
    }
  }
}
