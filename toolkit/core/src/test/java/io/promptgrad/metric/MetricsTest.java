package io.promptgrad.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.input.InvalidInputException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MetricsTest {

  /** gold a: a a b; gold b: b a; gold c: failed; ranks 1 1 2 1 3 0. */
  private static final List<Outcome> OUTCOMES =
      List.of(
          outcome("1", "a", "a", 1, -0.1),
          outcome("2", "a", "a", 1, -0.2),
          outcome("3", "a", "b", 2, -1.0),
          outcome("4", "b", "b", 1, -0.3),
          outcome("5", "b", "a", 3, -2.0),
          Outcome.failed("6", "c", -10, "no reply"));

  private static Outcome outcome(String id, String gold, String predicted, int rank, double logP) {
    return Outcome.classified(id, gold, predicted, rank, Map.of(gold, logP));
  }

  private static double score(String metric) {
    return Metrics.named(metric).score(OUTCOMES);
  }

  @Test
  void accuracy_failuresAreWrong() {
    assertThat(score("accuracy")).isEqualTo(3.0 / 6);
  }

  @Test
  void macroF1_isTheMeanOverLabels() {
    // a: TP 2, FP 1, FN 1: 4/6. b: TP 1, FP 1, FN 1: 2/4. c: FN 1: 0.
    assertThat(score("macro-f1")).isCloseTo((4.0 / 6 + 0.5 + 0) / 3, within(1e-15));
  }

  @Test
  void microF1_failureIsAMissButNoFalseAlarm() {
    // TP 3, FP 2, FN 3: 6 / 11.
    assertThat(score("micro-f1")).isCloseTo(6.0 / 11, within(1e-15));
    assertThat(new MicroF1().score(OUTCOMES.subList(0, 5))).isEqualTo(3.0 / 5);
  }

  @Test
  void precisionAtK_countsRanksUpToK() {
    assertThat(score("p@1")).isEqualTo(3.0 / 6);
    assertThat(score("p@2")).isEqualTo(4.0 / 6);
    assertThat(score("p@10")).isEqualTo(5.0 / 6);
  }

  @Test
  void mrr_unknownRankIsZero() {
    assertThat(score("mrr")).isCloseTo((1 + 1 + 0.5 + 1 + 1.0 / 3 + 0) / 6, within(1e-15));
  }

  @Test
  void logProb_isTheMeanOfTheGoldScores() {
    assertThat(score("log-prob")).isCloseTo((-0.1 - 0.2 - 1.0 - 0.3 - 2.0 - 10) / 6, within(1e-12));
  }

  @Test
  void logProb_scoreOfGoldMissing_isAFault() {
    Outcome outcome = Outcome.classified("7", "a", "a", 1, Map.of("b", -1.0));
    assertThatThrownBy(() -> new MeanLogProbability().score(List.of(outcome)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("7")
        .hasMessageContaining("'a'");
  }

  @Test
  void named_allNames_areTheirMetrics() {
    for (String name : List.of("accuracy", "macro-f1", "micro-f1", "mrr", "log-prob", "p@7")) {
      assertThat(Metrics.named(name).name()).isEqualTo(name);
    }
  }

  @Test
  void named_service_isFound() {
    assertThat(Metrics.named("share-of-a").score(OUTCOMES)).isEqualTo(3.0 / 6);
  }

  @Test
  void named_unknown_listsTheKnownOnes() {
    assertThatThrownBy(() -> Metrics.named("f1"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("'f1'")
        .hasMessageContaining("macro-f1")
        .hasMessageContaining("share-of-a");
    assertThatThrownBy(() -> Metrics.named("p@0")).isInstanceOf(InvalidInputException.class);
  }

  @Test
  void perExampleMean_equalsMeanOfContributions() {
    for (String name : List.of("accuracy", "p@2", "mrr", "log-prob")) {
      Metric metric = Metrics.named(name);
      assertThat(metric.perExampleMean()).isTrue();
      assertThat(OUTCOMES.stream().mapToDouble(metric::contribution).average().orElseThrow())
          .isEqualTo(metric.score(OUTCOMES));
    }
  }

  @Test
  void outcome_json_roundTrips() {
    Outcome odd =
        new Outcome(
            "x:1",
            "a",
            "",
            Double.NEGATIVE_INFINITY,
            0,
            Map.of("a", Double.NaN),
            Optional.of("why"));
    assertThat(Outcome.fromJson(odd.toJson())).isEqualTo(odd);
    assertThat(Outcome.fromJson(OUTCOMES.get(2).toJson())).isEqualTo(OUTCOMES.get(2));
  }

  /** A metric of a user, named in META-INF/services. */
  public static final class ShareOfA implements Metric {
    @Override
    public String name() {
      return "share-of-a";
    }

    @Override
    public double score(List<Outcome> outcomes) {
      return outcomes.stream().filter(o -> o.predicted().equals("a")).count()
          / (double) outcomes.size();
    }

    @Override
    public boolean perExampleMean() {
      return false;
    }
  }
}
