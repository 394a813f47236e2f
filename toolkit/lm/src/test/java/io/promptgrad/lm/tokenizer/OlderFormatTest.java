package io.promptgrad.lm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.SharedFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokenizers without tokenizer.json: put together, they give the ids of the published ones. */
class OlderFormatTest {

  private static final List<String> TEXTS =
      List.of(
          "",
          "Hello world",
          " The  capital of FRANCE is\tParis.\n",
          "naïve café, 東京 and 日本語; don't!",
          "unaffable hyperparameterization 3.14159 $5,000.00",
          "<s> [MASK] </s> <mask> [SEP] <|endoftext|>",
          "emoji 😀 and e\u0301 and \u200b zero width");

  @TempDir Path folder;

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text);
  }

  private void copy(String from, String... names) throws IOException {
    for (String name : names) {
      Files.copy(SharedFolder.path("data/tokenizers/" + from + "/" + name), folder.resolve(name));
    }
  }

  private void assertSameAs(String published) {
    try (Tokenizer ours = Tokenizer.open(folder);
        Tokenizer theirs = Tokenizer.open(SharedFolder.path("data/tokenizers/" + published))) {
      assertThat(ours.vocabularySize()).isEqualTo(theirs.vocabularySize());
      assertThat(ours.kind()).isEqualTo(theirs.kind());
      assertThat(ours.specials()).isEqualTo(theirs.specials());
      for (String text : TEXTS) {
        int[] ids = theirs.encodeWithSpecials(text);
        assertThat(ours.encodeWithSpecials(text)).as(text).isEqualTo(ids);
        assertThat(ours.encode(text)).as(text).isEqualTo(theirs.encode(text));
        assertThat(ours.encodePlain(text)).as(text).isEqualTo(theirs.encodePlain(text));
        assertThat(ours.decode(ids)).as(text).isEqualTo(theirs.decode(ids));
      }
    }
  }

  @Test
  void open_bertsVocabulary_isThePublishedTokenizer() throws IOException {
    copy("bert-base-uncased", "vocab.txt");
    assertSameAs("bert-base-uncased");
  }

  @Test
  void open_gpt2sVocabulary_isThePublishedTokenizer() throws IOException {
    copy("gpt2", "vocab.json", "merges.txt");
    assertSameAs("gpt2");
  }

  /** vocab.json and merges.txt taken out of the published tokenizer.json. */
  @Test
  void open_robertasVocabulary_isThePublishedTokenizer() throws IOException {
    Path published = SharedFolder.path("data/tokenizers/roberta-base/tokenizer.json");
    var model = TokenizerJson.JSON.readTree(Files.readString(published)).path("model");
    write("vocab.json", model.path("vocab").toString());
    StringBuilder merges = new StringBuilder("#version: 0.2\n");
    model.path("merges").forEach(merge -> merges.append(merge.asText()).append('\n'));
    write("merges.txt", merges.toString());
    write("config.json", "{\"model_type\": \"roberta\"}");
    assertSameAs("roberta-base");
  }

  /** The ids are those that bert-base-cased is published with: 101 and 102 around, 8667 Hello. */
  @Test
  void open_casedVocabularyAlone_keepsCapitals() throws IOException {
    copy("bert-base-cased", "vocab.txt");
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.encodeWithSpecials("Hello world")).containsExactly(101, 8667, 1362, 102);
      assertThat(tokenizer.specials().mask()).hasValue(103);
    }
  }

  // ------------------------------------------------------------------ small ones, by hand

  private static final String WORDS = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nbig\ndog\n##s\n";

  @Test
  void open_smallVocabularyOfWords_splitsAsWordPiece() throws IOException {
    write("vocab.txt", WORDS);
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.encodeWithSpecials("Big dogs, [MASK]"))
          .containsExactly(2, 5, 6, 7, 1, 4, 3);
      assertThat(tokenizer.file()).isEqualTo(folder.resolve("vocab.txt"));
    }
    try (Tokenizer tokenizer = Tokenizer.open(folder.resolve("vocab.txt"))) {
      assertThat(tokenizer.encode("dogs")).containsExactly(6, 7);
    }
  }

  @Test
  void open_configThatSaysCased_isObeyed() throws IOException {
    write("vocab.txt", WORDS);
    write("tokenizer_config.json", "{\"do_lower_case\": false}");
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.encode("Big big")).containsExactly(1, 5);
    }
  }

  @Test
  void open_configWithOtherNames_isObeyed() throws IOException {
    write("vocab.txt", "<pad>\n<unk>\n<cls>\n<sep>\n<mask>\nbig\n");
    write(
        "special_tokens_map.json",
        """
        {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<cls>",
         "sep_token": {"content": "<sep>"}, "mask_token": "<mask>"}
        """);
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.encodeWithSpecials("big small <mask>")).containsExactly(2, 5, 1, 4, 3);
      assertThat(tokenizer.specials().pad()).hasValue(0);
    }
  }

  private static final String BYTES = "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,";

  /** "a", "b", "Ġ" and two merges: first b + a, then Ġ + ba. */
  private void writePairs(String start, int first) throws IOException {
    Map<Integer, String> entries = new TreeMap<>();
    for (String entry : List.of("a", "b", "Ġ", "ba", "Ġba")) {
      entries.put(first + entries.size(), "\"" + entry + "\":" + (first + entries.size()));
    }
    write("vocab.json", start + String.join(",", entries.values()) + "}");
    write("merges.txt", "#version: 0.2\nb a\nĠ ba\n");
  }

  /** OPT's files as published: GPT-2's tokenizer with its own names and {@code </s>} in front. */
  @Test
  void open_optsFiles_putTheBeginningInFront() throws IOException {
    writePairs(BYTES, 4);
    write(
        "tokenizer_config.json",
        """
        {"errors": "replace", "add_bos_token": true, "tokenizer_class": "GPT2Tokenizer",
         "unk_token": {"content": "</s>"}, "bos_token": {"content": "</s>"},
         "eos_token": {"content": "</s>"}, "pad_token": {"content": "<pad>"}}
        """);
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.encodeWithSpecials("a ba")).containsExactly(2, 4, 8);
      assertThat(tokenizer.encode("a ba")).containsExactly(4, 8);
      assertThat(tokenizer.specials().pad()).hasValue(1);
      assertThat(tokenizer.specials().bos()).hasValue(2);
      assertThat(tokenizer.kind()).isEqualTo(TokenizerKind.BYTE_LEVEL_BPE);
    }
  }

  @Test
  void open_tokensAddedLater_areKnown() throws IOException {
    writePairs("{\"<|endoftext|>\":0,", 1);
    write("added_tokens.json", "{\"<new>\": 6}");
    write(
        "tokenizer_config.json",
        """
        {"tokenizer_class": "GPT2TokenizerFast",
         "added_tokens_decoder": {"7": {"content": "<pad>", "special": true}}, "pad_token": "<pad>"}
        """);
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.encode("a<new>ba<|endoftext|><pad>")).containsExactly(1, 6, 4, 0, 7);
      assertThat(tokenizer.specials().pad()).hasValue(7);
      assertThat(tokenizer.specials().all()).containsExactlyInAnyOrder(0, 7);
    }
  }

  // ------------------------------------------------------------------ refused

  @ParameterizedTest
  @CsvSource({"BertJapaneseTokenizer, vocab.txt", "Qwen2Tokenizer, vocab.json"})
  void open_classThatIsNotKnown_isRefusedByName(String name, String file) throws IOException {
    write("vocab.txt", WORDS);
    if (file.equals("vocab.json")) {
      writePairs("{\"<|endoftext|>\":0,", 1);
    }
    write("tokenizer_config.json", "{\"tokenizer_class\": \"" + name + "\"}");
    assertRefused(file, name, "save_pretrained");
  }

  @Test
  void open_pairsOfAnUnknownKind_isRefused() throws IOException {
    writePairs("{\"<other>\":0,", 1);
    assertRefused("vocab.json", "of an unknown kind");
  }

  @Test
  void open_vocabularyWithoutSpecials_isRefused() throws IOException {
    write("vocab.txt", "big\ndog\n");
    assertRefused("vocab.txt", "has no token [CLS]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{", "{\"a\": \"b\"}", "{\"a\": -1}", "{}"})
  void open_vocabularyThatIsNone_isRefused(String text) throws IOException {
    write("vocab.json", text);
    write("merges.txt", "");
    assertRefused("vocab.json");
  }

  private void assertRefused(String... words) {
    assertThatThrownBy(() -> Tokenizer.open(folder))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(words)
        .hasMessageEndingWith(".");
  }
}
