package io.promptgrad.llm.client;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * A call that got no answer. Its message says what happened, without secrets and without the
 * request.
 */
public final class CallFailedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final Kind kind;
  private final transient Optional<Duration> retryAfter;

  /** What a failure means for the next attempt. */
  public enum Kind {
    /** The server did not take the request (busy, too many requests): nothing was billed. */
    NOT_TAKEN(true),
    /** The answer was lost on its way or cannot be read: the server may have billed it. */
    LOST(true),
    /** The server refuses this request and always will, such as one that is too long. */
    REFUSED(false);

    private final boolean worthAnotherTry;

    Kind(boolean worthAnotherTry) {
      this.worthAnotherTry = worthAnotherTry;
    }

    /** Returns whether the same request may succeed later. */
    public boolean worthAnotherTry() {
      return worthAnotherTry;
    }
  }

  /**
   * @param retryAfter how long the server wants to be left alone, if it said so
   */
  public CallFailedException(
      Kind kind, String message, Optional<Duration> retryAfter, Throwable cause) {
    super(message, cause);
    this.kind = Objects.requireNonNull(kind, "kind");
    this.retryAfter = Objects.requireNonNull(retryAfter, "retryAfter");
  }

  /** A failure about which the server said no more. */
  public CallFailedException(Kind kind, String message) {
    this(kind, message, Optional.empty(), null);
  }

  /** What it means for the next attempt. */
  public Kind kind() {
    return kind;
  }

  /** How long the server wants to be left alone, if it said so. */
  public Optional<Duration> retryAfter() {
    return retryAfter;
  }
}
