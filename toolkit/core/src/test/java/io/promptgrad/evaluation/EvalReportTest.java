package io.promptgrad.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.MacroF1;
import io.promptgrad.metric.MeanLogProbability;
import io.promptgrad.metric.MeanReciprocalRank;
import io.promptgrad.metric.MicroF1;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EvalReportTest {

  private static List<Outcome> outcomes(int n, int right) {
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      String predicted = i < right ? "a" : "b";
      outcomes.add(
          Outcome.classified("t:" + i, "a", predicted, i < right ? 1 : 2, Map.of("a", -0.5 * i)));
    }
    return outcomes;
  }

  @Test
  void of_accuracy_hasWilsonsInterval() {
    EvalReport report =
        EvalReport.of(new Accuracy(), List.of(new MeanReciprocalRank()), outcomes(60, 45));
    assertThat(report.metric()).isEqualTo("accuracy");
    assertThat(report.value()).isEqualTo(0.75);
    assertThat(report.n()).isEqualTo(60);
    assertThat(report.ci95()).isEqualTo(Statistics.wilson(45, 60));
    // 45 ones, 15 zeros: sqrt(60 * 0.75 * 0.25 / 59)
    assertThat(report.std()).isCloseTo(Math.sqrt(11.25 / 59), within(1e-12));
    assertThat(report.min()).isZero();
    assertThat(report.otherMetrics()).containsExactly(Map.entry("mrr", 0.875));
    assertThat(report.warnings()).isEmpty();
    assertThat(report.outcomes()).hasSize(60);
  }

  @Test
  void of_otherMetrics_haveBootstrapIntervals() {
    EvalReport logProb = EvalReport.of(new MeanLogProbability(), List.of(), outcomes(60, 45));
    assertThat(logProb.ci95().contains(logProb.value())).isTrue();
    assertThat(logProb.min()).isEqualTo(-29.5);
    EvalReport f1 = EvalReport.of(new MacroF1(), List.of(), outcomes(60, 45));
    // a: TP 45, FN 15: 90 / 105; b: FP 15: 0
    assertThat(f1.value()).isCloseTo(90.0 / 105 / 2, within(1e-12));
    assertThat(f1.ci95().contains(f1.value())).isTrue();
  }

  @Test
  void of_fewExamplesOrFailures_warns() {
    assertThat(EvalReport.of(new Accuracy(), List.of(), outcomes(49, 3)).warnings())
        .singleElement()
        .asString()
        .startsWith("Only 49 examples");
    assertThat(EvalReport.of(new Accuracy(), List.of(), outcomes(50, 3)).warnings()).isEmpty();
    List<Outcome> failed = new ArrayList<>(outcomes(60, 60));
    failed.set(3, Outcome.failed("t:3", "a", 0, "timeout"));
    EvalReport report = EvalReport.of(new Accuracy(), List.of(), failed);
    assertThat(report.failures()).isEqualTo(1);
    assertThat(report.warnings()).containsExactly("1 of 60 examples got no answer.");
  }

  @Test
  void toScore_json_isTheFormOfResults() {
    Score score = EvalReport.of(new Accuracy(), List.of(), outcomes(10, 8)).toScore();
    assertThat(score.toJson().toString())
        .matches("\\{\"value\":0.8,\"n\":10,\"ci95\":\\[0.4901\\d*,0.9433\\d*]}");
    assertThat(Score.fromJson(score.toJson())).isEqualTo(score);
  }

  @Test
  void toHtml_labelsWithMarkup_areEscaped() {
    Outcome outcome = Outcome.classified("x", "<b>", "a&\"b", 0, Map.of());
    String html = EvalReport.of(new Accuracy(), List.of(), List.of(outcome)).toHtml();
    assertThat(html).contains("&lt;b&gt;").contains("a&amp;&quot;b").doesNotContain("<b>");
  }

  @Test
  void majorityClass_answersTheMostFrequentLabel() {
    List<Example> train = examples("b", "a", "b", "c", "a", "b");
    MajorityClass majority = MajorityClass.of(train);
    assertThat(majority.label()).isEqualTo("b");
    EvalReport report =
        majority.evaluate(
            examples("a", "b", "b", "d"), new Accuracy(), List.of(new MeanLogProbability()));
    assertThat(report.value()).isEqualTo(0.5);
    assertThat(report.outcomes()).extracting(Outcome::rank).containsExactly(2, 1, 1, 0);
    // Counts + 1 over 6 + 3 + 1: b 0.4, a 0.3, c 0.2, unseen 0.1.
    assertThat(report.otherMetrics().get("log-prob"))
        .isCloseTo((Math.log(0.3) + 2 * Math.log(0.4) + Math.log(0.1)) / 4, within(1e-12));
  }

  /** Facts have hundreds of objects: all of them for each example would fill the disk. */
  @Test
  void majorityClass_ofManyLabels_keepsTheGoldOnesScore() {
    String[] labels = new String[60];
    for (int i = 0; i < 60; i++) {
      labels[i] = "o" + (i + 10);
    }
    Outcome outcome =
        MajorityClass.of(examples(labels))
            .evaluate(examples("o12"), new Accuracy(), List.of())
            .outcomes()
            .get(0);
    assertThat(outcome.rank()).isEqualTo(3);
    assertThat(outcome.scores()).containsOnlyKeys("o12");
    // (1 + 1) / (60 + 60 + 1)
    assertThat(outcome.scores().get("o12")).isCloseTo(Math.log(2 / 121.0), within(1e-12));
  }

  @Test
  void majorityClass_tie_goesToTheLabelThatSortsFirst() {
    assertThat(MajorityClass.of(examples("b", "a")).label()).isEqualTo("a");
  }

  private static List<Example> examples(String... labels) {
    List<Example> examples = new ArrayList<>();
    for (String label : labels) {
      examples.add(new Example("t:" + examples.size(), Map.of("x", "y"), label));
    }
    return examples;
  }

  @Test
  void comparison_proportion_isMcNemar() {
    // First right on 0-7, second right on 0-2: five wins, no loss.
    Comparison comparison = Comparison.of(new Accuracy(), outcomes(10, 8), outcomes(10, 3));
    assertThat(comparison).isEqualTo(new Comparison("mcnemar", 10, 0.5, 5, 0, 0.0625));
  }

  @Test
  void comparison_realValues_isSignFlip() {
    List<Outcome> better = new ArrayList<>();
    outcomes(3, 3)
        .forEach(
            o ->
                better.add(
                    Outcome.classified(
                        o.exampleId(), "a", "a", 1, Map.of("a", o.scores().get("a") + 1))));
    Comparison comparison = Comparison.of(new MeanLogProbability(), better, outcomes(3, 3));
    assertThat(comparison.test()).isEqualTo("sign-flip");
    assertThat(comparison.p()).isEqualTo(2.0 / 8);
    assertThat(comparison.difference()).isEqualTo(1);
  }

  /** The test of F1 was that of the values behind it, McNemar's of right and wrong. */
  @Test
  void comparison_macroF1_swapsTheAnswers() {
    // Gold aab. First answers aab, F1 1. Second answers aaa: a 4 / 5, b 0, macro F1 0.4. Only the
    // third pair differs: both ways to place it differ by 0.6.
    Comparison one = Comparison.of(new MacroF1(), answers("aab", "aab"), answers("aab", "aaa"));
    assertThat(one.test()).isEqualTo("swap");
    assertThat(one.difference()).isCloseTo(0.6, within(1e-12));
    assertThat(one.wins()).isEqualTo(1);
    assertThat(one.losses()).isZero();
    assertThat(one.p()).isEqualTo(1);
    // Gold aabb. First aabb, 1; second bbaa, 0. Of 16 ways only none and all swapped are 1 apart.
    Comparison four =
        Comparison.of(new MacroF1(), answers("aabb", "aabb"), answers("aabb", "bbaa"));
    assertThat(four.p()).isEqualTo(2.0 / 16);
  }

  /** A rare class that one prompt never answers: accuracies are equal, macro F1 is not. */
  @Test
  void comparison_macroF1_differsFromTheTestOfAccuracy() {
    String gold = "a".repeat(180) + "b".repeat(20);
    List<Outcome> careful = answers(gold, "a".repeat(170) + "b".repeat(20) + "a".repeat(10));
    List<Outcome> constant = answers(gold, "a".repeat(200));
    assertThat(Comparison.of(new Accuracy(), careful, constant).p()).isEqualTo(1);
    Comparison f1 = Comparison.of(new MacroF1(), careful, constant);
    // Careful: a 340 / 360, b 20 / 40; constant: a 360 / 380, b 0.
    assertThat(f1.difference()).isCloseTo((340.0 / 360 + 0.5) / 2 - 360.0 / 380 / 2, within(1e-12));
    assertThat(f1.p()).isLessThan(0.05);
    // Without failures micro F1 is accuracy, and so must be its test, up to sampling.
    List<Outcome> good = answers("a".repeat(100), "a".repeat(90) + "b".repeat(10));
    List<Outcome> poor = answers("a".repeat(100), "b".repeat(25) + "a".repeat(75));
    assertThat(Comparison.of(new MicroF1(), good, poor).p())
        .isCloseTo(Comparison.of(new Accuracy(), good, poor).p(), within(0.005));
  }

  private static List<Outcome> answers(String gold, String predicted) {
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < gold.length(); i++) {
      String right = gold.substring(i, i + 1);
      outcomes.add(Outcome.classified("t:" + i, right, predicted.substring(i, i + 1), 0, Map.of()));
    }
    return outcomes;
  }

  @Test
  void comparison_ofDifferentExamples_isRefused() {
    assertThatThrownBy(() -> Comparison.of(new Accuracy(), outcomes(10, 1), outcomes(9, 1)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("10 and 9 outcomes");
    List<Outcome> renamed = new ArrayList<>(outcomes(10, 1));
    renamed.set(4, Outcome.classified("t:4", "b", "a", 0, Map.of()));
    assertThatThrownBy(() -> Comparison.of(new Accuracy(), outcomes(10, 1), renamed))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("t:4 is 'a' in one and 'b' in the other");
  }
}
