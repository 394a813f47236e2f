package io.promptgrad.lm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each of these ended the process; the first ones were found by {@link TokenizerFuzzTest}. */
class FatalTest {

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '~',
      value = {
        "wordpiece; {\"SpecialToken\": {\"id\": \"[SEP]\"; {\"SpecialToken\": {\"id\": \"A\"; the special token A without",
        "wordpiece; \"ids\": [2]; \"ids\": [2, 3]; other ids than tokens",
        "wordpiece; \"single\": [; \"single\": [{\"Sequence\": {\"id\": \"B\", \"type_id\": 0}}, ; a second text behind",
        "wordpiece; {\"type\": \"BertPreTokenizer\"}; {\"type\": \"FixedLength\", \"length\": 0}; pieces of length 0",
        "sentencepiece; \"stop\": 0; \"stop\": 1; Strip with stop",
        "byte-level; \"continuing_subword_prefix\": \"\"; \"continuing_subword_prefix\": \"@@\"; continuing_subword_prefix",
      })
  void open_whatTheLibraryWouldDieOf_isRefused(String kind, String part, String instead, String why)
      throws IOException {
    String good;
    try (var in = FatalTest.class.getResourceAsStream(kind + "/tokenizer.json")) {
      good = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    assertThat(good).contains(part);
    Path file = directory.resolve("tokenizer.json");
    Files.writeString(file, good.replace(part, instead));
    assertThatThrownBy(() -> Tokenizer.open(file))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("tokenizer.json is not a usable tokenizer: ")
        .hasMessageContaining(why)
        .hasMessageContaining("save it again");
  }

  @Test
  void open_unigramWithATokenOfTenThousandCharacters_isRefused() throws IOException {
    String good;
    try (var in = FatalTest.class.getResourceAsStream("unigram/tokenizer.json")) {
      good = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    assertThat(good).contains("[[\"<pad>\"");
    Path file = directory.resolve("tokenizer.json");
    Files.writeString(file, good.replace("[[\"<pad>\"", "[[\"" + "50".repeat(5000) + "\""));
    assertThatThrownBy(() -> Tokenizer.open(file))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("a token of 10,000 characters");
  }
}
