package io.promptgrad.gradient.cloze;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.task.Example;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClozeTest {

  @TempDir static Path folder;
  static LanguageModel masked;
  static LanguageModel causal;

  private static final Verbalizer WORDS =
      Verbalizer.parse(Map.of("negative", "bad", "positive", "good"));

  @BeforeAll
  static void load() {
    masked = TinyModels.masked(folder.resolve("masked"));
    causal = TinyModels.causal(folder.resolve("causal"));
  }

  @AfterAll
  static void close() {
    masked.close();
    causal.close();
  }

  private static int id(String token) {
    return masked.tokenizer().id(token).orElseThrow();
  }

  private static ClozeExample encode(LanguageModel model, String template, String sentence) {
    Cloze cloze = new Cloze(model, PromptTemplate.parse(template), WORDS);
    return cloze.encode(new Example("e:1", Map.of("sentence", sentence), "positive"));
  }

  @Test
  void encode_plainTemplate_addsTheTokenizersSpecials() {
    ClozeExample e = encode(masked, "{sentence} [T] [T] [P] .", "the film");

    assertThat(e.ids()).containsExactly(2, id("the"), id("film"), 0, 0, 4, id("."), 3);
    assertThat(e.triggerAt()).containsExactly(3, 4);
    assertThat(e.predictAt()).isEqualTo(5);
    assertThat(e.goldTokens()).containsExactly(id("good"));
  }

  @Test
  void encode_templateWithSpecials_addsNone() {
    ClozeExample e = encode(masked, "[CLS] {sentence} [T] [P] . [SEP]", "the film");

    assertThat(e.ids()).containsExactly(2, id("the"), id("film"), 0, 4, id("."), 3);
  }

  @Test
  void encode_slotMarksInTheData_stayText() {
    ClozeExample e = encode(masked, "{sentence} [T] [P]", "the [T] film");

    assertThat(e.triggerAt()).hasSize(1);
    assertThat(e.ids()[e.triggerAt()[0] + 1]).isEqualTo(4);
  }

  @Test
  void encode_tooLong_losesTheEndOfTheTextOnly() {
    ClozeExample e = encode(masked, "{sentence} [T] [P] .", "film ".repeat(100));

    assertThat(e.length()).isEqualTo(32);
    assertThat(e.ids()[e.predictAt()]).isEqualTo(4);
    assertThat(e.ids()[31]).isEqualTo(3);
    assertThat(e.triggerAt()).containsExactly(28);
  }

  @Test
  void encode_tooLongBeforeLiteralText_keepsTheTemplate() {
    ClozeExample e = encode(masked, "{sentence} it was [P] .", "film ".repeat(100));

    assertThat(e.length()).isEqualTo(32);
    int[] ids = e.ids();
    assertThat(Arrays.copyOfRange(ids, 27, 32)).containsExactly(id("it"), id("was"), 4, id("."), 3);
    assertThat(Arrays.copyOfRange(ids, 1, 27)).containsOnly(id("film"));
  }

  @Test
  void encode_twoFieldsTooLong_shortensTheLonger() {
    Cloze cloze = new Cloze(masked, PromptTemplate.parse("{a} [P] {b} [SEP]"), WORDS);

    ClozeExample e =
        cloze.encode(
            new Example("e:1", Map.of("a", "film ".repeat(40), "b", "the book"), "positive"));

    int[] ids = e.ids();
    assertThat(ids).hasSize(32);
    assertThat(Arrays.copyOfRange(ids, 28, 32)).containsExactly(4, id("the"), id("book"), 3);
    assertThat(cloze.shortened()).isEqualTo(1);
  }

  @Test
  void encode_templateLongerThanTheModel_isRefused() {
    assertThatThrownBy(() -> encode(masked, "film ".repeat(40) + "{sentence} [P]", "the film"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("e:1")
        .hasMessageContaining("even without its text");
  }

  @Test
  void encode_specialTokenNamedInTheData_staysText() {
    ClozeExample e = encode(masked, "[CLS] {sentence} it was [P] [SEP]", "the [SEP] film [MASK]");

    int[] ids = e.ids();
    assertThat(ids[0]).isEqualTo(2);
    assertThat(Arrays.copyOfRange(ids, 1, ids.length - 2)).doesNotContain(2, 3, 4);
    assertThat(ids).endsWith(id("it"), id("was"), 4, 3);
  }

  @Test
  void encode_causal_readsTheAnswerBehindTheLastTokenBeforeIt() {
    ClozeExample e = encode(causal, "{sentence} [T] [P] . never seen", "the film");

    // The tiny tokenizer puts [CLS] in front; what follows the answer is not seen. ("seen" is an
    // unknown word: once that counted as a special token, and [CLS] was left out.)
    assertThat(e.ids()).containsExactly(2, id("the"), id("film"), 0);
    assertThat(e.predictAt()).isEqualTo(3);
  }

  @Test
  void encode_encoderDecoder_putsASentinelIntoTheTextAndAnswersBehindTheSame() {
    try (LanguageModel model = TinyModels.textToText(folder.resolve("text to text"))) {
      int sentinel = model.tokenizer().id("<extra_id_0>").orElseThrow();
      ClozeExample e = encode(model, "{sentence} [T] [P] .", "the film");

      assertThat(e.ids()).containsExactly(2, id("the"), id("film"), 0, sentinel, id("."), 3);
      assertThat(e.triggerAt()).containsExactly(3);
      assertThat(e.decoderIds()).containsExactly(0, sentinel);
      assertThat(e.predictAt()).isEqualTo(1);
      assertThat(e.goldTokens()).containsExactly(id("good"));
    }
  }

  @Test
  void new_encoderDecoderWithoutSentinels_isRefused() throws IOException {
    Path other = folder.resolve("without sentinels");
    TinyModels.textToText(other).close();
    Files.copy(
        folder.resolve("masked/tokenizer.json"),
        other.resolve("tokenizer.json"),
        StandardCopyOption.REPLACE_EXISTING);
    try (LanguageModel model = LanguageModel.load(other)) {
      assertThatThrownBy(() -> encode(model, "{sentence} [P]", "x"))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("no token <extra_id_0>, which t5 needs");
    }
  }

  @Test
  void new_causalWithTriggerBehindTheAnswer_isRefused() {
    assertThatThrownBy(() -> encode(causal, "{sentence} [P] [T]", "x"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("behind [P]");
  }

  @Test
  void resolve_wordOfSeveralTokens_isRefusedWithItsPieces() {
    Verbalizer verbalizer = Verbalizer.parse(Map.of("a", "films", "b", "good"));

    assertThatThrownBy(() -> new Cloze(masked, PromptTemplate.parse("{s} [P]"), verbalizer))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("'films'")
        .hasMessageContaining("2 tokens")
        .hasMessageContaining("'##s'");
  }

  @Test
  void resolve_vocabularyEntryAndId_areTaken() {
    LabelTokens labels =
        LabelTokens.resolve(
            Verbalizer.parse(Map.of("a", "##s", "b", id("good"))), masked.tokenizer(), true);

    assertThat(labels.ids()[labels.indexOf("a")]).containsExactly(id("##s"));
    assertThat(labels.ids()[labels.indexOf("b")]).containsExactly(id("good"));
  }

  @Test
  void encode_unknownLabel_namesTheKnownOnes() {
    Cloze cloze = new Cloze(masked, PromptTemplate.parse("{sentence} [P]"), WORDS);

    assertThatThrownBy(() -> cloze.encode(new Example("e:1", Map.of("sentence", "x"), "neutral")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("'neutral'")
        .hasMessageContaining("negative");
  }
}
