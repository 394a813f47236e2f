package io.promptgrad.llm.openai;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;

/** The wait that a server asks for in its header Retry-After: seconds or a date (RFC 9110). */
final class RetryAfter {

  private RetryAfter() {}

  /** Returns the wait; empty if the header is absent or neither of the two. */
  static Optional<Duration> parse(Optional<String> header) {
    if (header.isEmpty()) {
      return Optional.empty();
    }
    String value = header.get().strip();
    try {
      if (value.matches("\\d{1,9}(\\.\\d{1,3})?")) { // some servers send fractions
        return Optional.of(Duration.ofMillis(Math.round(Double.parseDouble(value) * 1000)));
      }
      Instant until = ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration wait = Duration.between(Instant.now(), until);
      return Optional.of(wait.isNegative() ? Duration.ZERO : wait);
    } catch (DateTimeException e) {
      return Optional.empty();
    }
  }
}
