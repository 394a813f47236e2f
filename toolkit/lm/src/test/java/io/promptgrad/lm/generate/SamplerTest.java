package io.promptgrad.lm.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.input.InvalidInputException;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {

  /** Logits of the probabilities 0.15, 0.5, 0.05, 0.3. */
  private static final float[] LOGITS = {
    (float) Math.log(0.15), (float) Math.log(0.5), (float) Math.log(0.05), (float) Math.log(0.3)
  };

  private static final int DRAWS = 40_000;

  @Test
  void next_greedy_isTheLargestAndTheFirstOfEquals() {
    Sampler sampler = sampler(GenerationOptions.greedy(1));
    assertThat(sampler.next(LOGITS, 0)).isEqualTo(1);
    assertThat(sampler.next(new float[] {1, 3, 2, 3}, 0)).isEqualTo(1);
    assertThat(sampler.next(new float[] {9, 9, 9, 9, 0, 0, 7, 1}, 4)).isEqualTo(2);
    float no = Float.NEGATIVE_INFINITY;
    assertThat(sampler.next(new float[] {no, no, -500, no}, 0)).isEqualTo(2);
  }

  @Test
  void next_temperatureOne_drawsFromTheDistribution() {
    assertThat(frequencies(GenerationOptions.sampling(1, 1, 7)))
        .containsExactly(new double[] {0.15, 0.5, 0.05, 0.3}, within(0.01));
  }

  @Test
  void next_temperatureOneHalf_drawsFromTheSquaresOfTheProbabilities() {
    double sum = 0.0225 + 0.25 + 0.0025 + 0.09;
    assertThat(frequencies(GenerationOptions.sampling(1, 0.5, 7)))
        .containsExactly(
            new double[] {0.0225 / sum, 0.25 / sum, 0.0025 / sum, 0.09 / sum}, within(0.01));
  }

  @Test
  void next_topK_drawsAmongTheKBest() {
    assertThat(frequencies(GenerationOptions.sampling(1, 1, 7).withTopK(2)))
        .containsExactly(new double[] {0, 0.5 / 0.8, 0, 0.3 / 0.8}, within(0.01));
    assertThat(frequencies(GenerationOptions.sampling(1, 5, 7).withTopK(1)))
        .containsExactly(0, 1, 0, 0);
    assertThat(frequencies(GenerationOptions.sampling(1, 1, 7).withTopK(99)))
        .containsExactly(new double[] {0.15, 0.5, 0.05, 0.3}, within(0.01));
  }

  @ParameterizedTest
  @CsvSource({
    "0.01, 0, 1, 0, 0",
    "0.49, 0, 1, 0, 0",
    "0.51, 0, 0.625, 0, 0.375",
    "0.79, 0, 0.625, 0, 0.375",
    "0.81, 0.158, 0.526, 0, 0.316",
    "0.96, 0.15, 0.5, 0.05, 0.3",
    "1, 0.15, 0.5, 0.05, 0.3"
  })
  void next_topP_drawsAmongTheFewestThatReachP(
      double p, double first, double second, double third, double fourth) {
    double[] expected = {first, second, third, fourth};
    assertThat(frequencies(GenerationOptions.sampling(1, 1, 7).withTopP(p)))
        .containsExactly(expected, within(0.01));
    // what must not be drawn is never drawn
    double[] actual = frequencies(GenerationOptions.sampling(1, 1, 8).withTopP(p));
    for (int id = 0; id < 4; id++) {
      assertThat(actual[id] == 0).isEqualTo(expected[id] == 0);
    }
  }

  @Test
  void next_topKAndTopP_topPCountsWhatTopKLeft() {
    // of 0.5 and 0.3 the first has 0.625
    GenerationOptions two = GenerationOptions.sampling(1, 1, 7).withTopK(2);
    assertThat(frequencies(two.withTopP(0.62))).containsExactly(0, 1, 0, 0);
    assertThat(frequencies(two.withTopP(0.63)))
        .containsExactly(new double[] {0, 0.625, 0, 0.375}, within(0.01));
  }

  @Test
  void next_topPAfterTemperature_countsTheChangedProbabilities() {
    // squared and normalised the best has 0.685
    GenerationOptions cold = GenerationOptions.sampling(1, 0.5, 7);
    assertThat(frequencies(cold.withTopP(0.68))).containsExactly(0, 1, 0, 0);
    assertThat(frequencies(cold.withTopP(0.69))[3]).isPositive();
  }

  @Test
  void next_minP_drawsAmongThoseNearTheBest() {
    // shares of the best: 0.3, 1, 0.1, 0.6
    GenerationOptions all = GenerationOptions.sampling(1, 1, 7);
    assertThat(frequencies(all.withMinP(0.29)))
        .containsExactly(new double[] {0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95}, within(0.01));
    assertThat(frequencies(all.withMinP(0.31)))
        .containsExactly(new double[] {0, 0.625, 0, 0.375}, within(0.01));
    assertThat(frequencies(all.withMinP(1))).containsExactly(0, 1, 0, 0);
    // after the temperature the shares are 0.09, 1, 0.01, 0.36
    double[] cold = frequencies(GenerationOptions.sampling(1, 0.5, 7).withMinP(0.1));
    assertThat(cold[0]).isZero();
    assertThat(cold[3]).isPositive();
  }

  /** Hugging Face's top-k keeps every token that is as likely as the last of the k. */
  @Test
  void next_topKWithEquals_keepsThemAll() {
    Sampler sampler = sampler(GenerationOptions.sampling(1, 1, 3).withTopK(2));
    boolean[] drawn = new boolean[4];
    for (int i = 0; i < 200; i++) {
      drawn[sampler.next(new float[] {1, 2, 1, 0.9f}, 0)] = true;
    }
    assertThat(drawn).containsExactly(true, true, true, false);
  }

  /** Hugging Face's order: the penalty changes which tokens are among the k best. */
  @Test
  void next_repetitionPenaltyAndTopK_penaltyComesFirst() {
    GenerationOptions options =
        GenerationOptions.sampling(1, 1, 3).withTopK(2).withRepetitionPenalty(2);
    boolean[] drawn = new boolean[4];
    for (int i = 0; i < 200; i++) {
      Sampler sampler = new Sampler(options, new int[] {3}, 4, new SplittableRandom(i));
      // 2.5 / 2 = 1.25 is third; penalised after top-k it would be second
      drawn[sampler.next(new float[] {2, 1.5f, -1, 2.5f}, 0)] = true;
    }
    assertThat(drawn).containsExactly(true, true, false, false);
  }

  /** Hugging Face's order: the temperature does not change what the penalty does. */
  @Test
  void next_repetitionPenaltyAndTemperature_penaltyComesFirst() {
    GenerationOptions options = GenerationOptions.sampling(1, 0.5, 7).withRepetitionPenalty(2);
    double[] counts = new double[2];
    for (int i = 0; i < DRAWS; i++) {
      Sampler sampler = new Sampler(options, new int[] {0}, 2, new SplittableRandom(i));
      counts[sampler.next(new float[] {-0.5f, 0}, 0)] += 1.0 / DRAWS;
    }
    // -0.5 * 2 / 0.5 = -2 against 0
    double expected = Math.exp(-2) / (1 + Math.exp(-2));
    assertThat(counts[0]).isCloseTo(expected, within(0.01));
  }

  @Test
  void next_manyScores_drawsTheLargestFirst() {
    SplittableRandom random = new SplittableRandom(5);
    float[] logits = new float[5000];
    int best = 0;
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (random.nextDouble() * 20 - 10);
      logits[i] = i % 7 == 0 ? Float.NEGATIVE_INFINITY : i % 11 == 0 ? -0f : logits[i];
      best = logits[i] > logits[best] ? i : best;
    }
    GenerationOptions options = GenerationOptions.sampling(1, 2, 3).withTopK(1);
    Sampler sampler = new Sampler(options, new int[0], 5000, new SplittableRandom(1));
    assertThat(sampler.next(logits, 0)).isEqualTo(best);
  }

  @Provide
  Arbitrary<float[]> scores() {
    return Arbitraries.integers()
        .between(-9, 9) // few values: many are equal
        .map(i -> i / 2f)
        .array(float[].class)
        .ofMinSize(1)
        .ofMaxSize(40);
  }

  /** Against a full sort: what may be drawn is drawn from the front of it. */
  @Property(tries = 300)
  void next_anyScores_staysAmongTheFrontOfTheSorted(
      @ForAll("scores") float[] scores,
      @ForAll @IntRange(min = 1, max = 45) int k,
      @ForAll @DoubleRange(min = 0.05, max = 0.95) double p) {
    float[] sorted = scores.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    float last = sorted[Math.max(0, n - k)];
    double sum = 0;
    for (float score : sorted) {
      sum += Math.exp(score);
    }
    double reached = 0;
    float leastOfNucleus = 0;
    for (int i = n - 1; i >= 0 && reached < p * sum * (1 + 1e-9); i--) {
      reached += Math.exp(sorted[i]);
      leastOfNucleus = sorted[i];
    }
    GenerationOptions all = GenerationOptions.sampling(1, 1, k);
    Sampler best = new Sampler(all.withTopK(k), new int[0], n, new SplittableRandom(k));
    Sampler nucleus = new Sampler(all.withTopP(p), new int[0], n, new SplittableRandom(k));
    for (int i = 0; i < 20; i++) {
      assertThat(scores[best.next(scores, 0)]).isGreaterThanOrEqualTo(last);
      assertThat(scores[nucleus.next(scores, 0)]).isGreaterThanOrEqualTo(leastOfNucleus);
    }
  }

  @Test
  void next_repetitionPenalty_dividesPositiveAndMultipliesNegativeLogitsOfWhatOccurred() {
    GenerationOptions options = GenerationOptions.greedy(1).withRepetitionPenalty(2);
    Sampler sampler = new Sampler(options, new int[] {0, 0, 3}, 4, new SplittableRandom(0));
    // 2 / 2, 1.5, -1, 2.5 / 2: id 0 is penalised once although it occurred twice
    assertThat(sampler.next(new float[] {2, 1.5f, -1, 2.5f}, 0)).isEqualTo(1);
    // now 1 has occurred: 1.25, 0.75, -1, 1.2
    assertThat(sampler.next(new float[] {2.5f, 1.5f, -1, 2.4f}, 0)).isEqualTo(0);
    // negative ones: -2, -4, -1.9, -6
    assertThat(sampler.next(new float[] {-1, -2, -1.9f, -3}, 0)).isEqualTo(2);
    assertThat(sampler.next(new float[] {-1, -2, -1.9f, -3}, 0)).isEqualTo(0);
  }

  @Test
  void next_repetitionPenaltyOfOne_changesNothing() {
    Sampler sampler =
        new Sampler(
            GenerationOptions.greedy(1).withRepetitionPenalty(1),
            new int[] {1},
            4,
            new SplittableRandom(0));
    assertThat(sampler.next(LOGITS, 0)).isEqualTo(1);
    assertThat(sampler.next(LOGITS, 0)).isEqualTo(1);
  }

  @Test
  void next_sameSeed_drawsTheSame() {
    assertThat(draws(7, 50)).isEqualTo(draws(7, 50)).isNotEqualTo(draws(8, 50));
  }

  @Test
  void next_logitThatIsNoNumber_isRefused() {
    for (GenerationOptions options :
        List.of(GenerationOptions.greedy(1), GenerationOptions.sampling(1, 1, 0))) {
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
        assertThatThrownBy(() -> sampler(options).next(new float[] {1, bad, 2, 3}, 0))
            .isInstanceOf(InvalidInputException.class)
            .hasMessageContaining("logit");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1, Double.NaN, Double.POSITIVE_INFINITY})
  void options_outOfRange_areRefused(double bad) {
    GenerationOptions greedy = GenerationOptions.greedy(1);
    List<org.assertj.core.api.ThrowableAssert.ThrowingCallable> calls =
        List.of(
            () -> GenerationOptions.sampling(1, bad, 0),
            () -> greedy.withTopP(bad),
            () -> greedy.withTopP(0),
            () -> greedy.withTopK(-1),
            () -> greedy.withMinP(bad),
            () -> greedy.withMinP(1.5),
            () -> greedy.withRepetitionPenalty(bad),
            () -> greedy.withRepetitionPenalty(0),
            () -> greedy.withStopStrings("a", ""),
            () -> GenerationOptions.greedy(0));
    for (var call : calls) {
      assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class);
    }
  }

  private static Sampler sampler(GenerationOptions options) {
    return new Sampler(options, new int[0], 4, new SplittableRandom(options.seed()));
  }

  private static double[] frequencies(GenerationOptions options) {
    Sampler sampler = sampler(options);
    double[] counts = new double[4];
    for (int i = 0; i < DRAWS; i++) {
      counts[sampler.next(LOGITS, 0)] += 1.0 / DRAWS;
    }
    for (int i = 0; i < 4; i++) {
      counts[i] = counts[i] > 0.999999 ? 1 : counts[i];
    }
    return counts;
  }

  private static int[] draws(long seed, int n) {
    Sampler sampler = sampler(GenerationOptions.sampling(1, 1, seed));
    int[] ids = new int[n];
    for (int i = 0; i < n; i++) {
      ids[i] = sampler.next(LOGITS, 0);
    }
    return ids;
  }
}
