package io.promptgrad.gradient.cloze;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.task.Example;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AnswerVocabularyTest {

  @TempDir static Path folder;
  static LanguageModel model;

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static Tokenizer tokenizer() {
    return model.tokenizer();
  }

  @Test
  void of_words_keepsThoseThatAreOneToken() {
    AnswerVocabulary answers =
        AnswerVocabulary.of(List.of("London", "filming", "Berlin", "Paris", "London"), tokenizer());
    assertThat(answers.labels().labels()).containsExactly("London", "Paris");
    assertThat(answers.labels().open()).isTrue();
    assertThat(answers.answer("Paris")).contains("Paris");
    assertThat(answers.answer("films")).isEmpty(); // two tokens
    assertThat(answers.answer("Berlin")).isEmpty(); // unknown
    assertThat(answers.answer("film")).isEmpty(); // one token, but not of the list
    assertThat(AnswerVocabulary.of(answers.labels(), tokenizer()).answer("Paris"))
        .contains("Paris");
  }

  @Test
  void ofModel_takesWholeWordsOnly() {
    List<String> words = AnswerVocabulary.ofModel(tokenizer()).labels().labels();
    assertThat(words).contains("Paris", "film", "x").doesNotContain("s", "##s", ".", "[MASK]");
  }

  @Test
  void of_tooFewAnswers_isRefused() {
    assertThatThrownBy(() -> AnswerVocabulary.of(List.of("Paris", "Berlin"), tokenizer()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("1 can answer");
    assertThatThrownBy(
            () ->
                AnswerVocabulary.of(new LabelTokens(List.of("a"), new int[][] {{7}}), tokenizer()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new LabelTokens(List.of("a"), new int[][] {{7, 8}}, true))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** Else an object that nobody filtered would be looked for in a list of thousands of words. */
  @Test
  void encode_objectThatIsNoAnswer_saysSo() {
    LabelTokens answers = AnswerVocabulary.of(List.of("Paris", "London"), tokenizer()).labels();
    Cloze cloze = new Cloze(model, PromptTemplate.parse("{sub_label} [P]"), answers);
    assertThatThrownBy(() -> cloze.encode(new Example("1", Map.of("sub_label", "it"), "film")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("the object 'film'")
        .hasMessageContaining("2 words");
  }

  /** Against all logits of the model, ranked here by sorting. */
  @Test
  void answers_rankAmongTheAnswersAlone() {
    LabelTokens answers =
        AnswerVocabulary.of(List.of("Paris", "London", "red", "green", "blue"), tokenizer())
            .labels();
    Cloze cloze = new Cloze(model, PromptTemplate.parse("the {sub_label} was [P] ."), answers);
    List<LabelScorer.Row> rows = new ArrayList<>();
    int[] gold = new int[5];
    for (int c = 0; c < 5; c++) {
      Example example = new Example("" + c, Map.of("sub_label", "film"), answers.labels().get(c));
      ClozeExample encoded = cloze.encode(example);
      gold[c] = encoded.gold();
      rows.add(LabelScorer.Row.of(encoded, new int[0]));
    }
    float[] logits;
    try (NDManager scope = model.newScope()) {
      FilledBatch batch = FilledBatch.of(model, rows.subList(0, 1));
      logits = model.logits(scope, batch.tokens(), batch.at(), answers.flat()).toFloatArray();
    }
    LabelScorer.Answer[] found = new LabelScorer(model).answers(rows, gold, answers);
    double sum = 0;
    int best = 0;
    for (int c = 0; c < 5; c++) {
      sum += Math.exp(logits[c]);
      best = logits[c] > logits[best] ? c : best;
    }
    for (int c = 0; c < 5; c++) {
      int rank = 1;
      for (float logit : logits) {
        rank += logit > logits[c] ? 1 : 0;
      }
      assertThat(found[c].rank()).isEqualTo(rank);
      assertThat(found[c].best()).isEqualTo(best);
      assertThat(found[c].logProbability()).isCloseTo(logits[c] - Math.log(sum), within(1e-5));
    }
  }

  /** A template with two separators is a pair for BERT: the second text, as the original has it. */
  @Test
  void encode_twoSeparators_giveTypes() {
    LabelTokens answers = AnswerVocabulary.of(List.of("Paris", "London"), tokenizer()).labels();
    Example example = new Example("1", Map.of("sub_label", "it", "context", "a film"), "Paris");
    Cloze pair =
        new Cloze(
            model, PromptTemplate.parse("[CLS] {context} [SEP] {sub_label} [P] . [SEP]"), answers);
    assertThat(pair.encode(example).types()).containsExactly(0, 0, 0, 1, 1, 1, 1, 0);
    Cloze single = new Cloze(model, PromptTemplate.parse("[CLS] {sub_label} [P] . [SEP]"), answers);
    assertThat(single.encode(example).types()).isEmpty();
  }
}
