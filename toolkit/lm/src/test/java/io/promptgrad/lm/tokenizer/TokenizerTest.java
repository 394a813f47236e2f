package io.promptgrad.lm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** On four small tokenizers, one of each kind; the ids follow from their vocabularies by hand. */
class TokenizerTest {

  @TempDir Path directory;

  @Test
  void wordPiece_text_becomesPieces() {
    try (Tokenizer tokenizer = Tokenizer.open(resource("wordpiece"))) {
      assertThat(tokenizer.kind()).isEqualTo(TokenizerKind.WORDPIECE);
      assertThat(tokenizer.vocabularySize()).isEqualTo(18);
      assertThat(tokenizer.encode("a gripping movies .")).containsExactly(5, 8, 9, 6, 7, 10);
      assertThat(tokenizer.encodeWithSpecials("good")).containsExactly(2, 13, 3);
      assertThat(tokenizer.encode("a [MASK] strange")).containsExactly(5, 4, 1);
      assertThat(tokenizer.encodePlain("a [MASK]")).containsExactly(5, 15, 17, 16);
      assertThat(tokenizer.decode(new int[] {2, 5, 8, 9, 6, 3})).contains("a gripping movie");
      assertThat(tokenizer.decode(new int[] {2, 5, 8, 9, 6, 3}, true))
          .isEqualTo("a gripping movie");
      assertThat(tokenizer.encodeWord("movies", true)).containsExactly(6, 7);
      assertThat(tokenizer.encodeWord("movies", false)).containsExactly(6, 7);
      assertThat(tokenizer.view(9)).isEqualTo("##ping");
      assertThat(ids(tokenizer, tokenizer::startsWord))
          .containsExactly(5, 6, 8, 10, 11, 13, 14, 15, 16, 17);
      assertThat(tokenizer.isCapitalised(11)).as("Film").isTrue();
      assertThat(tokenizer.isCapitalised(12)).as("##Ing").isFalse();
      assertThat(tokenizer.isCapitalised(0)).as("[PAD]").isFalse();
      assertThat(tokenizer.isCapitalised(13)).as("good").isFalse();
      Specials specials = tokenizer.specials();
      assertThat(specials.cls()).hasValue(2);
      assertThat(specials.sep()).hasValue(3);
      assertThat(specials.pad()).hasValue(0);
      assertThat(specials.mask()).hasValue(4);
      assertThat(specials.unk()).hasValue(1);
      assertThat(specials.bos()).isEmpty();
      assertThat(specials.all()).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
    }
  }

  @Test
  void encode_truncationAndPaddingInTheFile_areSwitchedOff() {
    // the file asks for at most 4 tokens, and for 12
    try (Tokenizer tokenizer = Tokenizer.open(resource("wordpiece"))) {
      assertThat(tokenizer.encode("a ".repeat(3000))).hasSize(3000).containsOnly(5);
      assertThat(tokenizer.encodeWithSpecials("a")).containsExactly(2, 5, 3);
      assertThat(tokenizer.encodeAll(List.of("a", "a movie", "")))
          .isDeepEqualTo(new int[][] {{5}, {5, 6}, {}});
    }
  }

  @Test
  void byteLevel_text_becomesBytesAndMerges() {
    try (Tokenizer tokenizer = Tokenizer.open(resource("byte-level"))) {
      assertThat(tokenizer.kind()).isEqualTo(TokenizerKind.BYTE_LEVEL_BPE);
      assertThat(tokenizer.vocabularySize()).isEqualTo(268);
      assertThat(tokenizer.encode("good")).containsExactly(262);
      assertThat(tokenizer.encode("a good")).containsExactly(4 + 'a', 263);
      assertThat(tokenizer.encode("é")).containsExactly(4 + 0xc3, 4 + 0xa9);
      assertThat(tokenizer.encodeWithSpecials("good")).containsExactly(0, 262, 2);
      assertThat(tokenizer.encode("a <mask>")).containsExactly(4 + 'a', 267);
      assertThat(tokenizer.encodePlain("<s>")).containsExactly(4 + '<', 4 + 's', 4 + '>');
      assertThat(tokenizer.decode(tokenizer.encode(" good é\n"))).isEqualTo(" good é\n");
      assertThat(tokenizer.encodeWord("good", true)).containsExactly(263);
      assertThat(tokenizer.encodeWord("good", false)).containsExactly(262);
      assertThat(tokenizer.token(263)).isEqualTo("Ġgood");
      assertThat(tokenizer.view(263)).isEqualTo("␣good");
      assertThat(tokenizer.view(263, Tokenizer.Blanks.REAL)).isEqualTo(" good");
      assertThat(tokenizer.view(4 + '\n')).isEqualTo("\\n");
      assertThat(tokenizer.view(4 + 0xc3)).isEqualTo("<0xC3>");
      assertThat(tokenizer.view(267)).isEqualTo("<mask>");
      assertThat(tokenizer.view(268)).isEqualTo("<id 268>");
      assertThat(ids(tokenizer, tokenizer::startsWord)).containsExactly(263, 266);
      assertThat(ids(tokenizer, tokenizer::isCapitalised)).as("ĠGood").containsExactly(266);
      Specials specials = tokenizer.specials();
      assertThat(specials.bos()).hasValue(0);
      assertThat(specials.cls()).hasValue(0);
      assertThat(specials.eos()).hasValue(2);
      assertThat(specials.sep()).hasValue(2);
      assertThat(specials.mask()).hasValue(267);
      assertThat(specials.all()).containsExactlyInAnyOrder(0, 1, 2, 3, 267);
    }
  }

  @Test
  void sentencePieceBpe_text_becomesPiecesAndBytes() {
    try (Tokenizer tokenizer = Tokenizer.open(resource("sentencepiece"))) {
      assertThat(tokenizer.kind()).isEqualTo(TokenizerKind.SENTENCEPIECE_BPE);
      assertThat(tokenizer.encode("a good")).containsExactly(259, 264, 268);
      assertThat(tokenizer.encode("é")).containsExactly(259, 3 + 0xc3, 3 + 0xa9);
      assertThat(tokenizer.encodeWithSpecials("good")).containsExactly(1, 268);
      assertThat(tokenizer.decode(new int[] {268, 259, 3 + 0xc3, 3 + 0xa9})).isEqualTo("good é");
      assertThat(tokenizer.encodeWord("good", true)).containsExactly(268);
      assertThat(tokenizer.encodeWord("good", false)).containsExactly(267);
      assertThat(tokenizer.view(268)).isEqualTo("␣good");
      assertThat(tokenizer.view(13)).isEqualTo("<0x0A>");
      assertThat(ids(tokenizer, tokenizer::startsWord)).containsExactly(268, 270);
      assertThat(ids(tokenizer, tokenizer::isCapitalised)).as("▁T, not T").containsExactly(270);
      assertThat(tokenizer.specials().bos()).hasValue(1);
      assertThat(tokenizer.specials().pad()).isEmpty();
    }
  }

  @Test
  void unigram_text_becomesTheLikeliestPieces() {
    try (Tokenizer tokenizer = Tokenizer.open(resource("unigram"))) {
      assertThat(tokenizer.kind()).isEqualTo(TokenizerKind.UNIGRAM);
      assertThat(tokenizer.vocabularySize()).isEqualTo(12);
      assertThat(tokenizer.encode("good bad")).containsExactly(4, 6);
      assertThat(tokenizer.encodeWithSpecials("The")).containsExactly(9, 1);
      assertThat(tokenizer.encodeWord("good", true)).containsExactly(4);
      assertThat(tokenizer.encodeWord("good", false)).containsExactly(5);
      assertThat(tokenizer.decode(new int[] {4, 6, 1}, true)).isEqualTo("good bad");
      assertThat(ids(tokenizer, tokenizer::isCapitalised)).containsExactly(9);
      assertThat(tokenizer.specials().unk()).hasValue(2);
      assertThat(tokenizer.specials().eos()).hasValue(1);
    }
  }

  @Test
  void idAndToken_everyEntry_areInverse() {
    for (String name : List.of("wordpiece", "byte-level", "sentencepiece", "unigram")) {
      try (Tokenizer tokenizer = Tokenizer.open(resource(name))) {
        for (int id = 0; id < tokenizer.vocabularySize(); id++) {
          assertThat(tokenizer.id(tokenizer.token(id))).hasValue(id);
        }
        assertThat(tokenizer.id("no such entry")).isEmpty();
      }
    }
  }

  @Test
  void open_rolesInTokenizerConfig_winAndNullMeansNone() throws IOException {
    Files.copy(resource("byte-level").resolve("tokenizer.json"), file("tokenizer.json"));
    Files.writeString(
        file("tokenizer_config.json"),
        "{\"bos_token\":null,\"eos_token\":\"<pad>\",\"pad_token\":\"no such token\"}");
    Files.writeString(
        file("special_tokens_map.json"),
        "{\"eos_token\":\"</s>\",\"unk_token\":{\"content\":\"Ġgood\"}}");
    try (Tokenizer tokenizer = Tokenizer.open(directory)) {
      assertThat(tokenizer.specials().bos()).isEqualTo(OptionalInt.empty());
      assertThat(tokenizer.specials().eos()).hasValue(1);
      assertThat(tokenizer.specials().pad()).hasValue(1);
      assertThat(tokenizer.specials().unk()).hasValue(263);
      assertThat(tokenizer.specials().all()).contains(0, 263);
    }
  }

  @Test
  void open_configThatContradicts_isRefused() throws IOException {
    Files.copy(resource("wordpiece").resolve("tokenizer.json"), file("tokenizer.json"));
    Files.writeString(file("tokenizer_config.json"), "{\"do_lower_case\":true}");
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll("lowercase = false", "do_lower_case = true");
  }

  @ParameterizedTest
  @ValueSource(strings = {"tokenizer.model", "spiece.model", "vocab.json", "merges.txt"})
  void open_otherFormatOnly_saysHowToConvert(String name) throws IOException {
    Files.createFile(file(name));
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(name, "use_fast=True", "save_pretrained");
    assertThatThrownBy(() -> Tokenizer.open(file(name)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(name, "use_fast=True");
  }

  @Test
  void open_nothing_isRefused() {
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("has no tokenizer.json");
    assertThatThrownBy(() -> Tokenizer.open(file("none")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("There is no file or directory");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "{}",
        "{\"model\":3}",
        "{\"model\":{\"vocab\":{\"a\":0}}}",
        "{\"model\":{\"vocab\":{\"a\":-1}}}",
        "{\"model\":{\"vocab\":{\"a\":99999999999}}}",
        "{\"model\":{\"vocab\":[[1,2]]}}",
        "{\"added_tokens\":[{}],\"model\":{\"vocab\":{\"a\":0}}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}",
        "{\"model\":{\"type\":\"Unigram\",\"unk_id\":7,\"vocab\":[[\"a\",0.0]]}}",
        "{\"model\":{\"type\":\"Telepathy\",\"vocab\":{\"a\":0}}}"
      })
  void open_brokenFile_isRefusedInOneSentenceThatNamesIt(String json) throws IOException {
    Files.writeString(file("tokenizer.json"), json);
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(file("tokenizer.json").toString())
        .hasMessageEndingWith(".");
  }

  @Test
  void open_addedTokenWhoseIdTheLibraryChanges_isRefused() throws IOException {
    String json = Files.readString(resource("sentencepiece").resolve("tokenizer.json"));
    String added =
        "{\"id\": 900, \"content\": \"<late>\", \"single_word\": false, \"lstrip\": false,"
            + " \"rstrip\": false, \"normalized\": false, \"special\": true}, ";
    Files.writeString(
        file("tokenizer.json"), json.replace("\"added_tokens\": [", "\"added_tokens\": [" + added));
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("<late> has the id 900 but becomes");
  }

  /** Ended in an ArrayIndexOutOfBoundsException: the vocabulary has 967, the added token 267. */
  @Test
  void open_addedTokenOfALowerIdThanItsEntry_isRefused() throws IOException {
    String json = Files.readString(resource("byte-level").resolve("tokenizer.json"));
    Files.writeString(file("tokenizer.json"), json.replace("\"<mask>\": 267", "\"<mask>\": 967"));
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("<mask> has the id 267 but becomes [967]");
  }

  @Test
  void calls_withUnknownIdsOrAfterClosing_fail() {
    Tokenizer tokenizer = Tokenizer.open(resource("wordpiece"));
    assertThat(tokenizer.has(-1)).isFalse();
    assertThat(tokenizer.has(18)).isFalse();
    assertThatThrownBy(() -> tokenizer.decode(new int[] {5, 18}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("18");
    assertThatThrownBy(() -> tokenizer.token(-1)).isInstanceOf(IllegalArgumentException.class);
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("a")).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> tokenizer.encodePlain("a")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void encode_manyThreadsWhileOneCloses_givesRightIdsOrIllegalState() throws Exception {
    Tokenizer tokenizer = Tokenizer.open(resource("byte-level"));
    List<Thread> threads = new ArrayList<>();
    List<Throwable> wrong = new CopyOnWriteArrayList<>();
    for (int i = 0; i < 4; i++) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  while (true) {
                    assertThat(tokenizer.encode("a good")).containsExactly(4 + 'a', 263);
                    assertThat(tokenizer.encodePlain("good")).containsExactly(262);
                  }
                } catch (IllegalStateException expected) {
                  // closed
                } catch (Throwable e) {
                  wrong.add(e);
                }
              });
      threads.add(thread);
      thread.start();
    }
    Thread.sleep(100);
    tokenizer.close();
    for (Thread thread : threads) {
      thread.join(10_000);
      assertThat(thread.isAlive()).isFalse();
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void open_firstUse_keepsTheNativeLibraryOffTheNetwork() {
    Tokenizer.open(resource("unigram")).close();
    for (String name : List.of("OPT_OUT_TRACKING", "RUST_FLAVOR")) {
      assertThat(System.getenv(name) != null || System.getProperty(name) != null).isTrue();
    }
  }

  @Property(tries = 200)
  void decode_ofEncodedBytes_givesTheTextBack(@ForAll String text) {
    try (Tokenizer tokenizer = Tokenizer.open(resource("byte-level"))) {
      // surrogates that jqwik leaves unpaired cannot be written in UTF-8
      String readable = new String(text.getBytes(StandardCharsets.UTF_16), StandardCharsets.UTF_16);
      assertThat(tokenizer.decode(tokenizer.encodePlain(text))).isEqualTo(readable);
    }
  }

  private Path file(String name) {
    return directory.resolve(name);
  }

  private static List<Integer> ids(Tokenizer tokenizer, IntPredicate condition) {
    return IntStream.range(0, tokenizer.vocabularySize()).filter(condition).boxed().toList();
  }

  private static Path resource(String name) {
    try {
      return Path.of(TokenizerTest.class.getResource(name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
