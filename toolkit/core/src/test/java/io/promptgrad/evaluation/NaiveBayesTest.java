package io.promptgrad.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.metric.MeanReciprocalRank;
import io.promptgrad.metric.Outcome;
import io.promptgrad.metric.PrecisionAtK;
import io.promptgrad.task.Example;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NaiveBayesTest {

  private static Example fact(String id, String subject, String object) {
    return new Example(id, Map.of("sub_label", subject, "note", "ignored Oslo"), object);
  }

  private static final NaiveBayes BAYES =
      NaiveBayes.train(
          List.of(
              fact("1", "Ada Rossi", "Rome"),
              fact("2", "Bo Rossi", "Rome"),
              fact("3", "Bo Lind", "Oslo")),
          List.of("sub_label"));

  /**
   * Words: ada, rossi, bo, lind (4). Rome has 4 words (ada, rossi twice, bo), Oslo 2 (bo, lind).
   */
  @Test
  void logJoint_byHand() {
    Example lind = fact("t", "Cy Lind", "Oslo"); // cy is unknown and left out
    // 2/3 * (0 + 1) / (4 + 4), and 1/3 * (1 + 1) / (2 + 4)
    assertThat(BAYES.logJoint("Rome", lind)).isCloseTo(Math.log(2 / 3.0 / 8), within(1e-12));
    assertThat(BAYES.logJoint("Oslo", lind)).isCloseTo(Math.log(1 / 9.0), within(1e-12));
    Example both = fact("t", "bo, Rossi-Rossi!", "Rome");
    // 2/3 * 2/8 * (3/8)^2
    assertThat(BAYES.logJoint("Rome", both))
        .isCloseTo(Math.log(2 / 3.0 * 2 / 8 * 9 / 64), within(1e-12));
  }

  @Test
  void evaluate_byHand_ranksTheLabels() {
    List<Example> test =
        List.of(
            fact("a", "Cy Lind", "Oslo"), // 1/9 against 1/12: Oslo first
            fact("b", "Di Rossi", "Oslo"), // Rome first, Oslo second
            fact("c", "Ed Nash", "Lima")); // no known word: the frequent label, gold is unknown
    EvalReport report =
        BAYES.evaluate(test, new PrecisionAtK(1), List.of(new MeanReciprocalRank()));
    assertThat(report.outcomes())
        .extracting(Outcome::predicted)
        .containsExactly("Oslo", "Rome", "Rome");
    assertThat(report.outcomes()).extracting(Outcome::rank).containsExactly(1, 2, 0);
    assertThat(report.value()).isCloseTo(1 / 3.0, within(1e-12));
    assertThat(report.otherMetrics().get("mrr")).isCloseTo(1.5 / 3, within(1e-12));
    // (1/9) / (1/9 + 1/12) = 4/7
    assertThat(report.outcomes().get(0).scores().get("Oslo"))
        .isCloseTo(Math.log(4 / 7.0), within(1e-12));
  }
}
