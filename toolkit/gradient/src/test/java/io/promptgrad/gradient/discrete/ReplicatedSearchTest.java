package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.Precision;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A search on several replicas of a model is the search on one: bit by bit, costs included. */
@Timeout(240)
class ReplicatedSearchTest {

  @TempDir static Path folder;

  /** Loaded onto one, two, three and five devices. */
  static final List<LanguageModel> MODELS = new ArrayList<>();

  private static final Task TASK = TinyModels.task(48, 24, 2);
  private static final PromptTemplate TEMPLATE = PromptTemplate.parse("{sentence} [T] [T] [T] [P]");
  private static final Verbalizer WORDS =
      Verbalizer.parse(Map.of("negative", List.of("bad", "awful"), "positive", List.of("good")));

  @BeforeAll
  static void load() {
    TinyModels.masked(folder).close();
    for (int copies : new int[] {1, 2, 3, 5}) {
      MODELS.add(
          LanguageModel.load(
              folder,
              new LoadOptions(Collections.nCopies(copies, Device.cpu()), Precision.FLOAT32)));
    }
  }

  @AfterAll
  static void close() {
    MODELS.forEach(LanguageModel::close);
  }

  @Test
  void scores_anyRowsAndBatches_areTheSameOnAnyNumberOfReplicas() {
    LabelTokens labels = new LabelTokens(List.of("a", "b"), new int[][] {{13, 14, 15}, {16}});
    Random random = new Random(8);
    for (int round = 0; round < 25; round++) {
      List<LabelScorer.Row> rows = rows(1 + random.nextInt(60), random);
      int largest = 8 + random.nextInt(120);
      List<double[][]> results = new ArrayList<>();
      List<Long> tokens = new ArrayList<>();
      for (LanguageModel model : MODELS) {
        long before = model.forwardTokens();
        results.add(new LabelScorer(model, new MicroBatches(4, largest)).scores(rows, labels));
        tokens.add(model.forwardTokens() - before);
      }
      for (int m = 1; m < MODELS.size(); m++) {
        assertThat(results.get(m)).isDeepEqualTo(results.get(0));
        assertThat(tokens.get(m)).isEqualTo(tokens.get(0));
      }
    }
  }

  /** Sums over examples have an order, too. */
  @Test
  void gradient_anyTriggerAndBatches_isTheSameOnAnyNumberOfReplicas() {
    Random random = new Random(9);
    List<ClozeExample> examples = new Cloze(MODELS.get(0), TEMPLATE, WORDS).encode(TASK.train());
    float[] weights = new float[examples.size()];
    Arrays.fill(weights, 1f / weights.length);
    for (int round = 0; round < 15; round++) {
      int[] trigger = random.ints(3, 5, 55).toArray();
      int largest = 20 + random.nextInt(100);
      HotFlip.Gradient expected = null;
      for (LanguageModel model : MODELS) {
        long before = model.backwardTokens();
        HotFlip.Gradient gradient =
            new HotFlip(model, new MicroBatches(4, largest)).gradient(examples, trigger, weights);
        if (expected == null) {
          expected = gradient;
        }
        assertThat(gradient.values()).isEqualTo(expected.values());
        assertThat(gradient.losses()).isEqualTo(expected.losses());
        assertThat(model.backwardTokens() - before).isGreaterThan(48 * 5);
      }
    }
  }

  /** Candidates, scores, choices, evaluations and tokens. */
  @Test
  void autoPrompt_sameSeed_takesTheSameStepsOnAnyNumberOfReplicas() {
    for (AutoPromptConfig config :
        List.of(
            AutoPromptConfig.defaults().withCandidates(10).withExamples(24, 48),
            AutoPromptConfig.defaults()
                .withCandidates(6)
                .withExamples(16, 16)
                .withObjective(AutoPromptConfig.Objective.LABEL_LIKELIHOOD))) {
      List<StepReport> expected = null;
      EvalReport report = null;
      for (LanguageModel model : MODELS) {
        Cloze cloze = new Cloze(model, TEMPLATE, WORDS);
        AutoPrompt search = new AutoPrompt(model, TASK, cloze, config, new RandomSource(5));
        List<StepReport> steps = new ArrayList<>();
        for (int step = 1; step <= 6; step++) {
          steps.add(search.step(step));
        }
        EvalReport own =
            new ClozeEvaluator(model, new Accuracy(), List.of())
                .evaluate((TriggerPrompt) search.best().prompt(), TASK.dev());
        if (expected == null) {
          expected = steps;
          report = own;
        }
        assertThat(steps).isEqualTo(expected);
        assertThat(own).isEqualTo(report);
      }
    }
  }

  private static List<LabelScorer.Row> rows(int n, Random random) {
    List<LabelScorer.Row> rows = new ArrayList<>();
    for (int r = 0; r < n; r++) {
      int[] ids = random.ints(3 + random.nextInt(20), 5, 55).toArray();
      int at = random.nextInt(ids.length);
      ids[at] = 4;
      rows.add(new LabelScorer.Row(ids, new int[0], at));
    }
    return rows;
  }
}
