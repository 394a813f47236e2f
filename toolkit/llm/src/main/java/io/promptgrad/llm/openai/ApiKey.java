package io.promptgrad.llm.openai;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The key for a server. Nothing prints it: not this class, no message, no log and no file; {@link
 * #hide} takes it out of what a server says.
 */
public final class ApiKey {

  private static final String MASK = "***";

  private final String secret;

  private ApiKey(String secret, String where) {
    // The HTTP client's own complaint about such a header would show it.
    if (!secret.matches("[\\x21-\\x7e]*")) {
      throw new InvalidInputException(
          "The key in %s has blanks, line breaks or other characters that no key has; correct it."
              .formatted(where));
    }
    this.secret = secret;
  }

  /** No key, for local servers. */
  public static ApiKey none() {
    return new ApiKey("", "");
  }

  /** A key that the caller has from somewhere else. */
  public static ApiKey of(String secret) {
    return new ApiKey(secret.strip(), "the text given");
  }

  /**
   * Reads the key from an environment variable.
   *
   * @throws InvalidInputException if it is not set
   */
  public static ApiKey fromEnvironment(String variable) {
    String value = System.getenv(variable);
    if (value == null || value.isBlank()) {
      throw new InvalidInputException(
          "The environment variable %s is not set; put the server's key there."
              .formatted(variable));
    }
    return new ApiKey(value.strip(), "the environment variable " + variable);
  }

  /**
   * Reads the key from a file that holds nothing else.
   *
   * @throws InvalidInputException if it cannot be read or is empty
   */
  public static ApiKey fromFile(Path file) {
    String text;
    try {
      text = Files.readString(file).strip();
    } catch (IOException e) {
      throw new InvalidInputException(
          "The key's file %s cannot be read (%s); check the path and its permissions."
              .formatted(file, e.getClass().getSimpleName()),
          e);
    }
    if (text.isEmpty()) {
      throw new InvalidInputException("The key's file %s is empty.".formatted(file));
    }
    return new ApiKey(text, file.toString());
  }

  boolean present() {
    return !secret.isEmpty();
  }

  /** The key itself, for the header of a request and nothing else. */
  String secret() {
    return secret;
  }

  /** Returns the text with the key masked wherever it occurs. */
  String hide(String text) {
    return secret.isEmpty() ? text : text.replace(secret, MASK);
  }

  @Override
  public String toString() {
    return MASK;
  }
}
