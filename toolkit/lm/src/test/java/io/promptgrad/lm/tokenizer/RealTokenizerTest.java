package io.promptgrad.lm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.SharedFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Published tokenizers against ids known from their Python originals. */
class RealTokenizerTest {

  @Test
  void gpt2_knownTexts_haveTheKnownIds() {
    try (Tokenizer tokenizer = Tokenizer.open(SharedFolder.path("data/tokenizers/gpt2"))) {
      assertThat(tokenizer.kind()).isEqualTo(TokenizerKind.BYTE_LEVEL_BPE);
      assertThat(tokenizer.vocabularySize()).isEqualTo(50_257);
      assertThat(tokenizer.encode("Hello world")).containsExactly(15496, 995);
      assertThat(tokenizer.encodeWithSpecials("The capital of France is Paris."))
          .containsExactly(464, 3139, 286, 4881, 318, 6342, 13);
      assertThat(tokenizer.specials().eos()).hasValue(50_256);
      assertThat(tokenizer.specials().bos()).hasValue(50_256);
      assertThat(tokenizer.specials().mask()).isEmpty();
      // counted by decoding vocab.json with Python's rules for upper case
      assertThat(capitalised(tokenizer)).hasSize(12_360);
      assertThat(IntStream.of(capitalised(tokenizer)).asLongStream().sum()).isEqualTo(344_959_297L);
    }
  }

  @Test
  void roberta_knownTexts_haveTheKnownIds() {
    try (Tokenizer tokenizer = Tokenizer.open(SharedFolder.path("data/tokenizers/roberta-base"))) {
      assertThat(tokenizer.vocabularySize()).isEqualTo(50_265);
      assertThat(tokenizer.encodeWithSpecials("Hello world")).containsExactly(0, 31414, 232, 2);
      assertThat(tokenizer.specials().mask()).hasValue(50_264);
      assertThat(tokenizer.specials().pad()).hasValue(1);
      assertThat(tokenizer.encodeWord("good", true)).hasSize(1);
      assertThat(tokenizer.token(tokenizer.encodeWord("good", true)[0])).isEqualTo("Ġgood");
      assertThat(tokenizer.encodeWord("terrible", true)).hasSize(1);
      assertThat(tokenizer.encodeWord("terrible", false)).hasSize(2);
      assertThat(IntStream.of(capitalised(tokenizer)).asLongStream().sum()).isEqualTo(289_815_690L);
    }
  }

  @Test
  void bert_knownTexts_haveTheKnownIds() {
    try (Tokenizer tokenizer =
        Tokenizer.open(SharedFolder.path("data/tokenizers/bert-base-uncased"))) {
      assertThat(tokenizer.kind()).isEqualTo(TokenizerKind.WORDPIECE);
      assertThat(tokenizer.vocabularySize()).isEqualTo(30_522);
      assertThat(tokenizer.encodeWithSpecials("Hello world")).containsExactly(101, 7592, 2088, 102);
      assertThat(tokenizer.encodeWithSpecials("a gripping movie ."))
          .containsExactly(101, 1037, 13940, 3185, 1012, 102);
      assertThat(tokenizer.specials().mask()).hasValue(103);
      assertThat(capitalised(tokenizer)).isEmpty();
    }
  }

  @Test
  void stories_referenceTexts_haveTheReferenceIds() throws IOException {
    JsonNode expected =
        new ObjectMapper().readTree(SharedFolder.path("data/stories260K/expected.json").toFile());
    try (Tokenizer tokenizer = Tokenizer.open(SharedFolder.path("data/stories260K/hf"))) {
      assertThat(tokenizer.kind()).isEqualTo(TokenizerKind.SENTENCEPIECE_BPE);
      JsonNode prompt = expected.get("prompt");
      assertThat(tokenizer.encodeWithSpecials(prompt.get("text").asText()))
          .isEqualTo(ints(prompt.get("ids")));
      JsonNode story = expected.get("greedy_from_bos");
      assertThat(tokenizer.encodeWithSpecials(story.get("text").asText()))
          .isEqualTo(ints(story.get("ids")));
      assertThat(tokenizer.decode(ints(story.get("ids")), true))
          .isEqualTo(story.get("text").asText());
      assertThat(tokenizer.specials().eos()).hasValue(2);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama2", "albert-base-v2"})
  void open_checkpointsWithoutTokenizerJson_saysHowToConvert(String name) {
    Path directory = SharedFolder.path("data/tokenizers/" + name);
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("save_pretrained");
  }

  private static int[] capitalised(Tokenizer tokenizer) {
    return IntStream.range(0, tokenizer.vocabularySize())
        .filter(tokenizer::isCapitalised)
        .toArray();
  }

  private static int[] ints(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
  }
}
