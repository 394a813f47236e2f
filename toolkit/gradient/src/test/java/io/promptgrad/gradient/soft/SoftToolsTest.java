package io.promptgrad.gradient.soft;

import static io.promptgrad.gradient.soft.SoftSearchContractTest.TASK;
import static io.promptgrad.gradient.soft.SoftSearchContractTest.WORDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.coordinate.RandomSearch;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.soft.VirtualTokens.Measure;
import io.promptgrad.gradient.trigger.ClozeProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.SoftModel.Layout;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is done with soft prompts once they are trained. */
class SoftToolsTest {

  @TempDir static Path folder;
  static LanguageModel model;

  private static final String INSIDE = "{sentence} [T] [T] [T] [P]";

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder.resolve("masked"));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static SoftPrompt atTokens(int... ids) {
    SoftConfig config = PromptTuning.small().with(0, 0.01, 4, 4).from(new SoftStart.Tokens(ids));
    return (SoftPrompt)
        SoftSearchContractTest.search(model, INSIDE, config, TASK, 1).best().prompt();
  }

  /** Against all distances, one by one. */
  @Test
  void nearest_byEachMeasure_isThatOfAllDistances() {
    int width = model.spec().wordWidth();
    int[] ids = new int[model.spec().vocabulary()];
    Arrays.setAll(ids, i -> i);
    float[] table = model.forSearch().vectors(ids);
    float[] vector = new float[width];
    for (int e = 0; e < width; e++) {
      vector[e] = 0.7f * table[9 * width + e] + 0.4f * table[20 * width + e];
    }
    for (Measure measure : Measure.values()) {
      List<VirtualTokens.Near> found = VirtualTokens.nearest(model, vector, measure, 3).get(0);
      double[] value = new double[ids.length];
      for (int id : ids) {
        double dot = 0;
        double own = 0;
        double other = 0;
        for (int e = 0; e < width; e++) {
          double x = table[id * width + e];
          dot += x * vector[e];
          own += vector[e] * vector[e];
          other += x * x;
        }
        value[id] =
            switch (measure) {
              case COSINE -> dot / Math.sqrt(own * other);
              case EUCLIDEAN -> Math.sqrt(own + other - 2 * dot);
              case DOT -> dot;
            };
      }
      double sign = measure == Measure.EUCLIDEAN ? 1 : -1;
      int[] best =
          Arrays.stream(ids)
              .boxed()
              .sorted((a, b) -> Double.compare(sign * value[a], sign * value[b]))
              .limit(3)
              .mapToInt(i -> i)
              .toArray();
      assertThat(found.stream().mapToInt(VirtualTokens.Near::id).toArray()).isEqualTo(best);
      assertThat(found.get(0).value()).isCloseTo(value[best[0]], within(1e-4));
      assertThat(found.get(0).token()).isEqualTo(model.tokenizer().token(best[0]));
    }
  }

  @Test
  void snapped_promptOfRealTokens_isItself() {
    SoftPrompt prompt = atTokens(12, 30, 7);
    SoftPrompt snapped = VirtualTokens.snapped(model, prompt, Measure.EUCLIDEAN);
    assertThat(snapped.values()).containsExactly(prompt.values(), within(1e-6f));
    assertThat(snapped.nearest()).isEqualTo(prompt.nearest());
    assertThat(VirtualTokens.snappedIds(model, prompt.adapters().get(0), Measure.COSINE))
        .containsExactly(12, 30, 7);
  }

  @Test
  void view_forAReport_hasAllTokensAndAllPoints() {
    ObjectNode view = VirtualTokens.of(model, atTokens(12, 30, 7)).orElseThrow();
    assertThat(view.path("nearest").path("cosine")).hasSize(3);
    assertThat(view.path("nearest").path("cosine").path(1).path(0).path("value").asDouble())
        .isCloseTo(1, within(1e-5));
    assertThat(view.path("map").path("virtual")).hasSize(3);
    assertThat(view.path("map").path("words")).hasSize(model.tokenizer().vocabularySize());
  }

  /** Points on a line of slope 2 with a little noise across it: the first direction is the line. */
  @Test
  void components_ofALongCloud_areItsAxes() {
    float[] words = {-2, -4, -1, -2, 1, 2, 2, 4, 0.2f, -0.1f};
    double[][] points = PrincipalComponents.of(words, new float[] {-0.2f, 0.1f}, 2);
    double[] along = {-Math.sqrt(20), -Math.sqrt(5), Math.sqrt(5), Math.sqrt(20), 0, 0};
    double sign = Math.signum(points[3][0]);
    for (int i = 0; i < along.length; i++) {
      assertThat(sign * points[i][0]).isCloseTo(along[i], within(1e-5));
    }
    assertThat(Math.abs(points[4][1])).isCloseTo(Math.sqrt(0.05), within(1e-5));
    assertThat(points[5][1]).isCloseTo(-points[4][1], within(1e-5));
  }

  /** Rows (3, 0), (0, 4) and (1, 1): means at 53.13 degrees and 45. */
  @Test
  void similarity_ofPrompts_isWorkedOutByHand() {
    float[] a = {3, 0, 0, 4};
    float[] b = {1, 1};
    assertThat(PromptSimilarity.ofMeans(a, b, 2)).isCloseTo(7 / (5 * Math.sqrt(2)), within(1e-9));
    assertThat(PromptSimilarity.ofPairs(a, b, 2)).isCloseTo(Math.sqrt(0.5), within(1e-9));
    assertThat(PromptSimilarity.ofMeans(a, a, 2)).isCloseTo(1, within(1e-9));
  }

  /** The derivative by a factor in front of a token, against a difference. */
  @Test
  void importance_ofTokensAndPieces_isTheDerivativeByAFactor() {
    SoftPrompt prompt = atTokens(12, 30, 7);
    Cloze cloze = new Cloze(model, PromptTemplate.parse(INSIDE), WORDS);
    SoftProblem one =
        new ClassificationProblem(
            model,
            new Task("one", TASK.train().subList(0, 1), TASK.dev(), TASK.test()),
            cloze,
            new Accuracy());
    float[] values = prompt.values();
    double[][] tokens = Pruning.importance(one, values, Layout.VECTORS, 1);
    double[][] pieces = Pruning.importance(one, values, Layout.VECTORS, 4);
    for (int t = 0; t < 3; t++) {
      for (int p = 0; p < 4; p++) {
        double difference =
            (scaled(one, values, t * 16 + 4 * p, 4, 1.02f)
                    - scaled(one, values, t * 16 + 4 * p, 4, 0.98f))
                / 0.04;
        assertThat(pieces[t][p]).isCloseTo(Math.abs(difference), within(2e-3));
      }
      double difference =
          (scaled(one, values, t * 16, 16, 1.02f) - scaled(one, values, t * 16, 16, 0.98f)) / 0.04;
      assertThat(tokens[t][0]).isCloseTo(Math.abs(difference), within(2e-3));
    }
    int[] kept = Pruning.kept(tokens, 1);
    int least = 0;
    for (int t = 1; t < 3; t++) {
      least = tokens[t][0] < tokens[least][0] ? t : least;
    }
    assertThat(kept).hasSize(2).doesNotContain(least).isSorted();
    assertThat(Pruning.only(values, 16, kept)).hasSize(32);
    float[] cut = Pruning.withoutPieces(values, pieces, 6);
    int zeros = 0;
    for (float value : cut) {
      zeros += value == 0 ? 1 : 0;
    }
    assertThat(zeros).isEqualTo(24);
  }

  private static double scaled(SoftProblem problem, float[] values, int from, int n, float by) {
    float[] moved = values.clone();
    for (int i = from; i < from + n; i++) {
      moved[i] *= by;
    }
    try (LoadedPrompt loaded = new LoadedPrompt(model, moved, Layout.VECTORS, 3)) {
      return loaded.losses(problem.train(), problem.loss(false, 0, 0))[0];
    }
  }

  @Test
  void transfer_ofPromptsToProblems_isTheirDevScores() {
    Cloze cloze = new Cloze(model, PromptTemplate.parse(INSIDE), WORDS);
    SoftProblem problem = new ClassificationProblem(model, TASK, cloze, new Accuracy());
    SoftPrompt one = atTokens(12, 30, 7);
    SoftPrompt other = atTokens(5, 5, 14);
    double[][] scores = Transfer.matrix(List.of(one, other), List.of(problem, problem));
    SoftEvaluator evaluator = new SoftEvaluator(model, new Accuracy(), List.of());
    assertThat(scores[0]).containsOnly(evaluator.evaluate(one, TASK.dev()).value());
    assertThat(scores[1]).containsOnly(evaluator.evaluate(other, TASK.dev()).value());
  }

  /** From a soft prompt to a discrete search and back. */
  @Test
  void bridge_betweenTheFamilies_keepsTheTokens() {
    ClozeProblem problem =
        new ClozeProblem(
            model,
            TASK,
            new Cloze(model, PromptTemplate.parse(INSIDE), WORDS),
            ClozeProblem.Objective.LABEL_LIKELIHOOD,
            new ClozeProblem.Sampling(8, 8, true),
            TokenFilter.of(
                model.tokenizer(), model.spec().vocabulary(), TokenFilter.AUTOPROMPT, new int[0]),
            new Accuracy(),
            new RandomSource(1));
    TriggerStart start =
        TriggerStart.nearest(problem, atTokens(12, 30, 7), SearchModel.Nearness.COSINE);
    assertThat(start.tokens()).containsExactly(12, 30, 7);
    RandomSearch search = new RandomSearch(start, 4, 1, new RandomSource(1));
    TriggerPrompt first = (TriggerPrompt) search.best().prompt();
    assertThat(first.tokenIds()).containsExactly(12, 30, 7);
    assertThat(atTokens(first.tokenIds()).nearest()).isEqualTo(first.tokens());
    assertThatThrownBy(() -> new TriggerStart(problem, new int[] {1}))
        .isInstanceOf(InvalidInputException.class);
  }

  @Test
  void starts_ofEveryKind_haveTheirNumbers() {
    SoftModel soft = model.forSoft();
    int[] good = model.tokenizer().encode("good");
    Cloze cloze = new Cloze(model, PromptTemplate.parse("{sentence} [P]"), WORDS);
    float[] labels = values(new SoftStart.Labels(), 5, cloze);
    int gold = cloze.labels().indexOf("positive");
    assertThat(Arrays.copyOfRange(labels, gold * 16, gold * 16 + 16))
        .containsExactly(model.forSearch().vectors(good), within(1e-6f));
    float[] uniform = values(new SoftStart.Uniform(-0.5, 0.5), 40, cloze);
    assertThat(uniform).hasSize(640);
    for (float value : uniform) {
      assertThat(value).isBetween(-0.5f, 0.5f);
    }
    assertThat(values(new SoftStart.Zero(), 2, cloze)).containsOnly(0);
    double square = 0;
    for (float value : values(new SoftStart.Normal(0), 60, cloze)) {
      square += value * value / 960.0;
    }
    assertThat(Math.sqrt(square)).isCloseTo(SoftStart.deviation(model), within(0.03));
    float[] sampled = values(new SoftStart.Vocabulary(4, false), 4, cloze); // ids 0 to 3, each once
    float[] all = model.forSearch().vectors(new int[] {0, 1, 2, 3});
    double sum = 0;
    for (int i = 0; i < 64; i++) {
      sum += sampled[i] - all[i];
    }
    assertThat(sum).isCloseTo(0, within(1e-4));
    assertThat(soft.width(Layout.VECTORS)).isEqualTo(16);
    float[] prefix =
        new SoftStart.Text("the film")
            .values(
                model, Layout.KEY_VALUES, 4, Optional.empty(), new RandomSource(1).stream("x", 0));
    assertThat(prefix).isEqualTo(soft.prefixOf(model.tokenizer().encodeWithSpecials("the film")));
  }

  private static float[] values(SoftStart start, int n, Cloze cloze) {
    return start.values(
        model, Layout.VECTORS, n, Optional.of(cloze.labels()), new RandomSource(1).stream("x", 0));
  }
}
