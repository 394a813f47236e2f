package io.promptgrad.input;

/**
 * Something that the user gave (a file, an option, a template, a model) cannot be used.
 *
 * <p>The message is one complete sentence for a person: what is wrong, where (file, line, key) and
 * what to do. The command line prints it without a stack trace and exits with code 2.
 *
 * <p>Messages quote what was given, which may be anything. So control characters are written as
 * escapes, to keep a message on its line and out of the terminal's control, and the middle of a
 * very long one is left out.
 */
public final class InvalidInputException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /** Characters of a message; lists of the names of many columns or labels are shorter. */
  private static final int LONGEST = 2_000;

  private static final String LEFT_OUT = " ... ";

  /** Creates the exception from a complete sentence. */
  public InvalidInputException(String message) {
    super(printable(message));
  }

  /** Creates the exception from a complete sentence and keeps what caused it for debugging. */
  public InvalidInputException(String message, Throwable cause) {
    super(printable(message), cause);
  }

  private static String printable(String message) {
    StringBuilder text = new StringBuilder();
    shortened(message).codePoints().forEach(c -> append(c, text));
    return text.toString();
  }

  /** What is wrong stands at the beginning, what to do at the end. */
  private static String shortened(String message) {
    if (message.length() <= LONGEST) {
      return message;
    }
    int end = LONGEST / 3;
    int start = LONGEST - end - LEFT_OUT.length();
    return message.substring(0, start) + LEFT_OUT + message.substring(message.length() - end);
  }

  private static void append(int c, StringBuilder text) {
    switch (c) {
      case '\n' -> text.append("\\n");
      case '\r' -> text.append("\\r");
      case '\t' -> text.append("\\t");
      default -> {
        switch (Character.getType(c)) {
          case Character.CONTROL,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SURROGATE -> // half of a pair
              text.append("\\u%04x".formatted(c));
          default -> text.appendCodePoint(c);
        }
      }
    }
  }
}
