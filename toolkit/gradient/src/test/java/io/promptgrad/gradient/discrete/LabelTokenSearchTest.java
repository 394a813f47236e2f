package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.tokenizer.Specials;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.search.RandomSource;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LabelTokenSearchTest {

  private static final RandomSource RANDOM = new RandomSource(1);

  @Test
  void train_separableFeatures_learnsThem() {
    RandomGenerator random = RANDOM.stream("test", 0);
    float[][] features = new float[90][4];
    int[] gold = new int[90];
    for (int n = 0; n < gold.length; n++) {
      gold[n] = n % 3;
      for (int i = 0; i < 4; i++) {
        features[n][i] = (float) (0.3 * random.nextGaussian() + (i == gold[n] ? 2 : 0));
      }
    }
    LinearClassifier classifier =
        LinearClassifier.train(
            features, gold, 3, new LinearClassifier.Config(60, 16, 0.02, 0), RANDOM);

    assertThat(classifier.accuracy(features, gold)).isEqualTo(1);
    assertThat(Arrays.stream(classifier.probabilities(features[0])).sum())
        .isCloseTo(1, within(1e-12));
    float[] w = classifier.flatWeights();
    assertThat(w).hasSize(12);
    for (int c = 0; c < 3; c++) {
      for (int other = 0; other < 3; other++) {
        if (other != c) {
          assertThat(w[c * 4 + c]).isGreaterThan(w[other * 4 + c]);
        }
      }
    }
  }

  @Test
  void filler_modelWithoutMask_isTheSpecialTokenWithTheLowestId(@TempDir Path folder) {
    try (LanguageModel model = TinyModels.masked(folder)) {
      Tokenizer tokenizer = model.tokenizer();
      assertThat(LabelTokenSearch.filler(tokenizer.specials(), tokenizer.file()))
          .isEqualTo(tokenizer.specials().mask().getAsInt());
      OptionalInt none = OptionalInt.empty();
      assertThat(
              LabelTokenSearch.filler(
                  new Specials(none, none, none, none, none, none, none, Set.of(9, 7, 8)),
                  tokenizer.file()))
          .isEqualTo(7);
      assertThatThrownBy(
              () ->
                  LabelTokenSearch.filler(
                      new Specials(none, none, none, none, none, none, none, Set.of()),
                      tokenizer.file()))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("label words");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void run_toyTask_findsDistinctAllowedTokensSurestFirst(boolean decodes, @TempDir Path folder) {
    try (LanguageModel model =
        decodes ? TinyModels.textToText(folder) : TinyModels.masked(folder)) {
      LabelTokenSearch.Config config =
          new LabelTokenSearch.Config(
              4, 200, 16, 0.01, LabelTokenSearch.Config.defaults().filter());
      LabelTokenSearch.Result result =
          new LabelTokenSearch(model, config)
              .run(
                  PromptTemplate.parse("{sentence} [T] [T] [P]"),
                  TinyModels.task(80, 2, 2).train(),
                  RANDOM);

      assertThat(result.accuracy())
          .isGreaterThan(0.6); // random features, but the label's word is there
      assertThat(result.labels().labels()).containsExactly("negative", "positive");
      Set<Integer> all = new HashSet<>();
      for (int c = 0; c < 2; c++) {
        assertThat(result.labels().ids()[c]).hasSize(4);
        for (int t = 0; t < 4; t++) {
          int id = result.labels().ids()[c][t];
          assertThat(all.add(id)).isTrue();
          assertThat(id).isGreaterThan(4); // no special token
          assertThat(model.tokenizer().token(id)).doesNotStartWith("##");
          assertThat(result.logProbabilities()[c][t]).isNegative();
          if (t > 0) {
            assertThat(result.logProbabilities()[c][t])
                .isLessThanOrEqualTo(result.logProbabilities()[c][t - 1]);
          }
        }
      }
    }
  }
}
