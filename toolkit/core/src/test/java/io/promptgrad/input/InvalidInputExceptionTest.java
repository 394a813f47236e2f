package io.promptgrad.input;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class InvalidInputExceptionTest {

  /** A column's name that was quoted cleared the terminal. */
  @Test
  void message_controlCharacters_areEscapes() {
    assertThat(new InvalidInputException("The column 'a\u001b[2J\n\tb\u2028\ud800' is é."))
        .hasMessage("The column 'a\\u001b[2J\\n\\tb\\u2028\\ud800' is é.");
  }

  /** A template of a megabyte was quoted as a whole. */
  @Test
  void message_veryLong_losesItsMiddle() {
    String message = "The text '" + "x".repeat(1_000_000) + "' is too long; shorten it.";
    assertThat(new InvalidInputException(message, null).getMessage())
        .hasSize(2_000)
        .startsWith("The text 'xxx")
        .contains("x ... x")
        .endsWith("xxx' is too long; shorten it.");
    String asLong = message.substring(0, 1_999) + ".";
    assertThat(new InvalidInputException(asLong)).hasMessage(asLong);
  }
}
