package io.promptgrad.input;

/**
 * Something that the user gave (a file, an option, a template, a model) cannot be used.
 *
 * <p>The message is one complete sentence for a person: what is wrong, where (file, line, key) and
 * what to do. The command line prints it without a stack trace and exits with code 2.
 */
public final class InvalidInputException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /** Creates the exception from a complete sentence. */
  public InvalidInputException(String message) {
    super(message);
  }

  /** Creates the exception from a complete sentence and keeps what caused it for debugging. */
  public InvalidInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
