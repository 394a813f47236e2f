package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.models.pretrain.TokenizerSettings.Objective;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BpeTokenizerTest {

  private static final String TEXT =
      "It's a long story, and they've told it 1000 times; we'll see whether the story's end holds. "
          + "The storyteller wasn't there -- the others were. CAFÉ, naïve, Straße, ΣΊΣΥΦΟΣ.";

  private static final List<String> HARD =
      List.of(
          "",
          " ",
          "the story",
          " the story",
          "The Story's end, they've; 1000 2000x!",
          "two  blanks,   three\tand a tab \n and a line\n\nend  ",
          "don't DON'T Don’t",
          "ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ İstanbul Straße ǅ",
          "日本語のテキスト 😀 👩‍👩‍👧 \u00a0nbsp\u2003em \u0085nel",
          "a\u0301 combining \u200b zero width \ufeff",
          "½ ² ⅷ ٣ १ x²");

  private static final BpeTokenizer MASKED = trained(Objective.MASKED, true, true);
  private static final BpeTokenizer CAUSAL = trained(Objective.CAUSAL, false, false);

  @TempDir private Path folder;

  private static BpeTokenizer trained(Objective objective, boolean lower, boolean prefix) {
    BpeTrainer trainer = new BpeTrainer(new TokenizerSettings(objective, lower, prefix, 340));
    trainer.add(TEXT, 3);
    return trainer.train();
  }

  @Test
  void specials_masked_haveRobertasIds() {
    assertThat(MASKED.id("<s>")).isZero();
    assertThat(MASKED.id("<pad>")).isEqualTo(1);
    assertThat(MASKED.id("</s>")).isEqualTo(2);
    assertThat(MASKED.id("<unk>")).isEqualTo(3);
    assertThat(MASKED.id("<mask>")).isEqualTo(MASKED.size() - 1);
    assertThat(MASKED.isSpecial(3)).isTrue();
    assertThat(MASKED.isSpecial(4)).isFalse();
    assertThat(MASKED.isSpecial(MASKED.size() - 1)).isTrue();
    assertThat(MASKED.isSpecial(MASKED.size() - 2)).isFalse();
  }

  @Test
  void specials_causal_areBeginAndEnd() {
    assertThat(CAUSAL.id("<s>")).isZero();
    assertThat(CAUSAL.id("</s>")).isEqualTo(1);
    assertThat(CAUSAL.isSpecial(2)).isFalse();
    assertThat(CAUSAL.isSpecial(CAUSAL.size() - 1)).isFalse();
  }

  @Test
  void encode_literalSpecialToken_staysText() {
    int[] ids = MASKED.encode("a <mask> b");

    assertThat(ids).doesNotContain(MASKED.id("<mask>"));
    assertThat(MASKED.decode(ids)).isEqualTo(" a <mask> b");
  }

  @Test
  void encode_prefixSpace_sameTokenAtTheStart() {
    assertThat(MASKED.encode("story")).isEqualTo(MASKED.encode(" story"));
    assertThat(CAUSAL.encode("story")).isNotEqualTo(CAUSAL.encode(" story"));
  }

  @Property(tries = 300)
  void decode_afterEncode_givesTheTextBack(@ForAll("texts") String text) {
    assertThat(CAUSAL.decode(CAUSAL.encode(text))).isEqualTo(text);
  }

  @Property(tries = 300)
  void encode_anyText_knowsEveryByte(@ForAll("texts") String text) {
    assertThat(Arrays.stream(MASKED.encode(text))).allMatch(id -> !MASKED.isSpecial(id));
  }

  @Property(tries = 200)
  void save_reloaded_encodesTheSame(@ForAll("texts") String text) {
    assertThat(Reloaded.MASKED.encode(text)).isEqualTo(MASKED.encode(text));
    assertThat(Reloaded.CAUSAL.encode(text)).isEqualTo(CAUSAL.encode(text));
  }

  /** Any Unicode text, and text of the kind that was trained on. */
  @Provide
  Arbitrary<String> texts() {
    return Arbitraries.oneOf(
        Arbitraries.strings().ofMaxLength(40).map(BpeTokenizerTest::assigned),
        Arbitraries.of(TEXT.split(" ")).list().ofMaxSize(12).map(w -> String.join(" ", w)));
  }

  /**
   * Characters that this Java's Unicode tables know: other libraries have newer tables and may
   * lower-case a letter that to us is unassigned. Lone surrogates are no text.
   */
  private static String assigned(String text) {
    return text.codePoints()
        .filter(c -> Character.isDefined(c) && Character.getType(c) != Character.SURROGATE)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  private static final class Reloaded {
    private static final BpeTokenizer MASKED = reload(BpeTokenizerTest.MASKED);
    private static final BpeTokenizer CAUSAL = reload(BpeTokenizerTest.CAUSAL);

    private static BpeTokenizer reload(BpeTokenizer tokenizer) {
      try {
        Path file = Files.createTempFile("tokenizer", ".json");
        tokenizer.save(file);
        BpeTokenizer loaded = BpeTokenizer.load(file);
        Files.delete(file);
        return loaded;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Test
  void save_hardTexts_huggingFaceGivesTheSameIds() throws IOException {
    for (BpeTokenizer tokenizer : List.of(MASKED, CAUSAL)) {
      try (HuggingFaceTokenizer other = huggingFace(tokenizer)) {
        for (String text : HARD) {
          assertThat(other.encode(text, false, false).getIds())
              .as("'%s'", text)
              .isEqualTo(longs(tokenizer.encode(text)));
        }
      }
    }
  }

  @Property(tries = 300)
  void save_anyText_huggingFaceGivesTheSameIds(@ForAll("texts") String text) {
    assertThat(HuggingFace.MASKED.encode(text, false, false).getIds())
        .isEqualTo(longs(MASKED.encode(text)));
    assertThat(HuggingFace.CAUSAL.encode(text, false, false).getIds())
        .isEqualTo(longs(CAUSAL.encode(text)));
  }

  private static final class HuggingFace {
    private static final HuggingFaceTokenizer MASKED = open(BpeTokenizerTest.MASKED);
    private static final HuggingFaceTokenizer CAUSAL = open(BpeTokenizerTest.CAUSAL);

    private static HuggingFaceTokenizer open(BpeTokenizer tokenizer) {
      try {
        Path file = Files.createTempFile("tokenizer", ".json");
        tokenizer.save(file);
        HuggingFaceTokenizer opened = huggingFace(file);
        Files.delete(file);
        return opened;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Test
  void save_masked_huggingFaceAddsSpecialsAndReadsMask() throws IOException {
    try (HuggingFaceTokenizer other = huggingFace(MASKED)) {
      long[] ids = other.encode("the story <mask> end", true, false).getIds();

      assertThat(ids[0]).isZero();
      assertThat(ids[ids.length - 1]).isEqualTo(2);
      // lstrip: the blank before <mask> belongs to it and leaves no token.
      long[] expected =
          LongStream.concat(
                  LongStream.concat(
                      Arrays.stream(longs(MASKED.encode("the story"))),
                      LongStream.of(MASKED.id("<mask>"))),
                  Arrays.stream(longs(MASKED.encode(" end"))))
              .toArray();
      assertThat(Arrays.copyOfRange(ids, 1, ids.length - 1)).isEqualTo(expected);
    }
  }

  @Test
  void save_causal_huggingFaceAddsBeginOnly() throws IOException {
    try (HuggingFaceTokenizer other = huggingFace(CAUSAL)) {
      long[] ids = other.encode("The story", true, false).getIds();

      assertThat(ids[0]).isZero();
      assertThat(Arrays.copyOfRange(ids, 1, ids.length))
          .isEqualTo(longs(CAUSAL.encode("The story")));
    }
  }

  @Test
  void load_otherFile_isOneSentence() throws IOException {
    Path file = Files.writeString(folder.resolve("tokenizer.json"), "{\"model\": {}}");

    assertThatThrownBy(() -> BpeTokenizer.load(file))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("tokenizer.json")
        .hasMessageContaining("prepare the corpus again");
  }

  private HuggingFaceTokenizer huggingFace(BpeTokenizer tokenizer) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    tokenizer.save(file);
    return huggingFace(file);
  }

  private static HuggingFaceTokenizer huggingFace(Path file) throws IOException {
    return HuggingFaceTokenizer.builder()
        .optTokenizerPath(file)
        .optTruncation(false)
        .optPadding(false)
        .optAddSpecialTokens(false)
        .build();
  }

  private static long[] longs(int[] ids) {
    return Arrays.stream(ids).asLongStream().toArray();
  }
}
