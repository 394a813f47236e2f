package io.promptgrad.download;

import java.io.IOException;
import java.net.http.HttpHeaders;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;

/**
 * A server answered, but not with the file. It is the cause of the {@link
 * io.promptgrad.input.InvalidInputException} that a download ends with, for callers who know more
 * about the server and can say more.
 */
public final class HttpStatusException extends IOException {

  private static final long serialVersionUID = 1L;

  private final int status;
  private final transient HttpHeaders headers;

  HttpStatusException(int status, HttpHeaders headers) {
    super("status " + status);
    this.status = status;
    this.headers = headers;
  }

  /** The status, such as 404. */
  public int status() {
    return status;
  }

  /** The first header of that name; names have no case. */
  public Optional<String> header(String name) {
    return headers.firstValue(name);
  }

  /** Whether the same request may succeed later. */
  boolean isTransient() {
    return switch (status) {
      case 408, 425, 429, 500, 502, 503, 504 -> true;
      default -> false;
    };
  }

  /** The wait that the server asks for, given as seconds or as a date. */
  Optional<Duration> retryAfter() {
    Optional<String> value = header("Retry-After").map(String::strip);
    if (value.isEmpty()) {
      return Optional.empty();
    }
    try {
      if (value.get().matches("\\d{1,9}")) {
        return Optional.of(Duration.ofSeconds(Long.parseLong(value.get())));
      }
      Instant until =
          ZonedDateTime.parse(value.get(), DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration wait = Duration.between(Instant.now(), until);
      return Optional.of(wait.isNegative() ? Duration.ZERO : wait);
    } catch (DateTimeException e) {
      return Optional.empty(); // neither; as if it were not there
    }
  }
}
