package io.promptgrad.experiments.quickstart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.task.Example;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The yardstick itself: its figures mean nothing if it cannot learn what it should. */
class BagOfWordsTest {

  private static final List<Example> OPINIONS =
      List.of(
          example("good, good soup", BagOfWords.POSITIVE),
          example("bad soup", BagOfWords.NEGATIVE));

  @Test
  void words_punctuationAndCase_areDropped() {
    assertThat(BagOfWords.words("Well-lit café? I don't think 'so'."))
        .containsExactly("well", "lit", "café", "i", "don't", "think", "so");
  }

  @Test
  void naiveBayes_twoSentences_hasTheWeightsOfTheCounts() {
    // Three words known; positive has good twice and soup once, negative bad once and soup once.
    BagOfWords model = BagOfWords.naiveBayes(OPINIONS);

    assertThat(model.bias()).isZero();
    assertThat(model.weights()).containsOnlyKeys("good", "bad", "soup");
    assertThat(model.weights().get("good")).isCloseTo(Math.log(3 / 6.0 * 5), within(1e-12));
    assertThat(model.weights().get("bad")).isCloseTo(Math.log(1 / 6.0 * 5 / 2), within(1e-12));
    assertThat(model.weights().get("soup")).isCloseTo(Math.log(2 / 6.0 * 5 / 2), within(1e-12));
  }

  @Test
  void logisticRegression_minimumReached_gradientIsZero() {
    double penalty = 0.1;
    BagOfWords model = BagOfWords.logisticRegression(OPINIONS, penalty);

    Map<String, Double> weights = model.weights();
    double positive = 2 * weights.get("good") + weights.get("soup") + model.bias();
    double negative = weights.get("bad") + weights.get("soup") + model.bias();
    double positiveError = (1 / (1 + Math.exp(-positive)) - 1) / 2;
    double negativeError = 1 / (1 + Math.exp(-negative)) / 2;
    assertThat(2 * positiveError + penalty * weights.get("good")).isCloseTo(0, within(1e-9));
    assertThat(negativeError + penalty * weights.get("bad")).isCloseTo(0, within(1e-9));
    assertThat(positiveError + negativeError).isCloseTo(0, within(1e-9));
  }

  @Test
  void bothClassifiers_wordsThatTellTheLabel_findIt() {
    List<Example> unseen =
        List.of(
            example("a good bath", BagOfWords.POSITIVE),
            example("the bed was bad", BagOfWords.NEGATIVE));

    assertThat(BagOfWords.naiveBayes(OPINIONS).accuracy(unseen)).isEqualTo(1);
    assertThat(BagOfWords.logisticRegression(OPINIONS, 0.01).accuracy(unseen)).isEqualTo(1);
  }

  private static Example example(String text, String label) {
    return new Example(text, Map.of("sentence", text), label);
  }
}
