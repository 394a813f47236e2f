package io.promptgrad.fuzz;

import java.io.ByteArrayOutputStream;
import java.util.List;

/**
 * One change of a document.
 *
 * @param place where it begins, as a share of the document's length in 1 / 2^20
 * @param length of what is concerned, in bytes or repetitions
 * @param what a byte, the number of a word, or that of another document
 */
record Edit(Kind kind, int place, int length, int what) {

  enum Kind {
    /** One byte becomes another. */
    BYTE,
    /** The next digit becomes another. */
    DIGIT,
    /** Bytes go. */
    DELETE,
    /** Bytes come twice. */
    DOUBLE,
    /** A word comes in. */
    INSERT,
    /** A word takes the place of bytes. */
    REPLACE,
    /** A word comes in again and again: brackets nest, numbers grow. */
    REPEAT,
    /** Bytes of another document take the place of as many. */
    SPLICE,
    /** Everything behind goes. */
    CUT
  }

  static final int PLACES = 1 << 20;

  byte[] apply(byte[] document, List<byte[]> words, List<byte[]> documents) {
    int at = (int) ((long) place * (document.length + 1) / PLACES);
    int end = Math.min(document.length, at + length);
    byte[] word = words.get(what % words.size());
    return switch (kind) {
      case BYTE -> joined(document, at, new byte[] {(byte) what}, at + 1);
      case DIGIT -> {
        while (at < document.length && !(document[at] >= '0' && document[at] <= '9')) {
          at++;
        }
        yield joined(document, at, new byte[] {(byte) ('0' + what % 10)}, at + 1);
      }
      case DELETE -> joined(document, at, new byte[0], end);
      case DOUBLE -> joined(document, end, part(document, at, end), end);
      case INSERT -> joined(document, at, word, at);
      case REPLACE -> joined(document, at, word, end);
      case REPEAT -> {
        ByteArrayOutputStream many = new ByteArrayOutputStream();
        for (int i = 0; i < length * length; i++) {
          many.writeBytes(word);
        }
        yield joined(document, at, many.toByteArray(), at);
      }
      case SPLICE -> {
        byte[] other = documents.get(what % documents.size());
        int from = (int) ((long) place * (other.length + 1) / PLACES);
        yield joined(document, at, part(other, from, Math.min(other.length, from + length)), end);
      }
      case CUT -> part(document, 0, at);
    };
  }

  private static byte[] part(byte[] bytes, int from, int to) {
    byte[] part = new byte[to - from];
    System.arraycopy(bytes, from, part, 0, part.length);
    return part;
  }

  private static byte[] joined(byte[] document, int until, byte[] middle, int from) {
    ByteArrayOutputStream joined = new ByteArrayOutputStream();
    joined.write(document, 0, Math.min(until, document.length));
    joined.writeBytes(middle);
    joined.write(
        document,
        Math.min(from, document.length),
        document.length - Math.min(from, document.length));
    return joined.toByteArray();
  }
}
