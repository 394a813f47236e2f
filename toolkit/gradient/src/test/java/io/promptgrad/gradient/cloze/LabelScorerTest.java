package io.promptgrad.gradient.cloze;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.TokenBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LabelScorerTest {

  @TempDir static Path folder;
  static LanguageModel model;

  private static final LabelTokens LABELS =
      new LabelTokens(List.of("a", "b"), new int[][] {{13, 14, 15}, {16}});

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static List<LabelScorer.Row> rows(int n) {
    Random random = new Random(3);
    List<LabelScorer.Row> rows = new ArrayList<>();
    for (int r = 0; r < n; r++) {
      int[] ids = new int[3 + random.nextInt(12)];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = 5 + random.nextInt(50);
      }
      int at = random.nextInt(ids.length);
      ids[at] = 4;
      rows.add(new LabelScorer.Row(ids, new int[0], at));
    }
    return rows;
  }

  @Test
  void scores_modelWithNaN_areRefused() {
    try (LanguageModel broken = TinyModels.broken(folder.resolve("broken"))) {
      LabelScorer scorer = new LabelScorer(broken);
      assertThatThrownBy(() -> scorer.scores(rows(3), LABELS))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("NaN");
      assertThatThrownBy(() -> scorer.logProbabilities(rows(1), List.of(new int[] {13})))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("NaN");
    }
  }

  @Test
  void scores_rowsInSharedBatches_equalEachRowAlone() {
    List<LabelScorer.Row> rows = rows(40);
    double[][] together = new LabelScorer(model).scores(rows, LABELS);

    for (int r = 0; r < rows.size(); r++) {
      double[] alone = new LabelScorer(model).scores(List.of(rows.get(r)), LABELS)[0];
      assertThat(together[r]).containsExactly(alone, within(2e-5));
    }
  }

  @Test
  void scores_anyMicroBatchSize_equal() {
    List<LabelScorer.Row> rows = rows(25);
    double[][] usual = new LabelScorer(model).scores(rows, LABELS);
    double[][] small = new LabelScorer(model, new MicroBatches(0, 16)).scores(rows, LABELS);

    for (int r = 0; r < rows.size(); r++) {
      assertThat(small[r]).containsExactly(usual[r], within(2e-5));
    }
  }

  @Test
  void scores_severalTokens_areLogOfSummedExponentials() {
    LabelScorer.Row row = rows(1).get(0);
    try (NDManager scope = model.newScope()) {
      float[] logits =
          model
              .logits(scope, TokenBatch.of(List.of(row.ids()), 0), new int[] {row.predictAt()})
              .toFloatArray();
      double expected =
          Math.log(Math.exp(logits[13]) + Math.exp(logits[14]) + Math.exp(logits[15]));

      double[] scores = new LabelScorer(model).scores(List.of(row), LABELS)[0];

      assertThat(scores[0]).isCloseTo(expected, within(1e-5));
      assertThat(scores[1]).isCloseTo(logits[16], within(1e-5));
    }
  }

  @Test
  void logProbabilities_ofLabels_differAsTheirScoresDo() {
    List<LabelScorer.Row> rows = rows(5);
    LabelScorer scorer = new LabelScorer(model);
    double[][] scores = scorer.scores(rows, LABELS);
    double[] a =
        scorer.logProbabilities(
            rows,
            List.of(
                LABELS.ids()[0],
                LABELS.ids()[0],
                LABELS.ids()[0],
                LABELS.ids()[0],
                LABELS.ids()[0]));
    double[] b =
        scorer.logProbabilities(
            rows,
            List.of(
                LABELS.ids()[1],
                LABELS.ids()[1],
                LABELS.ids()[1],
                LABELS.ids()[1],
                LABELS.ids()[1]));

    for (int r = 0; r < rows.size(); r++) {
      assertThat(a[r]).isNegative();
      assertThat(a[r] - b[r]).isCloseTo(scores[r][0] - scores[r][1], within(2e-5));
    }
  }
}
