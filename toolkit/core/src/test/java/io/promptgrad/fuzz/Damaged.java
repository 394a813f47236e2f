package io.promptgrad.fuzz;

import java.nio.charset.StandardCharsets;

/** A document that may be no longer what it was. */
public record Damaged(byte[] bytes) {

  /** As text; what is no UTF-8 becomes U+FFFD. */
  public String text() {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** With escapes, so that a report shows what cannot be seen. */
  @Override
  public String toString() {
    StringBuilder shown = new StringBuilder().append(bytes.length).append(" bytes: ");
    for (int i = 0; i < Math.min(bytes.length, 4_000); i++) {
      char c = (char) (bytes[i] & 0xff);
      shown.append(c >= ' ' && c < 127 && c != '\\' ? "" + c : "\\x%02x".formatted((int) c));
    }
    return shown.toString();
  }
}
