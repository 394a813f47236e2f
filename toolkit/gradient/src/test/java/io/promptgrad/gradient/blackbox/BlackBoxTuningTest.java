package io.promptgrad.gradient.blackbox;

import static io.promptgrad.gradient.blackbox.BlackBoxContractTest.SMALL;
import static io.promptgrad.gradient.blackbox.BlackBoxContractTest.TASK;
import static io.promptgrad.gradient.blackbox.BlackBoxContractTest.TEMPLATE;
import static io.promptgrad.gradient.blackbox.BlackBoxContractTest.labels;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.FilledBatch;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.soft.PeftAdapter;
import io.promptgrad.gradient.soft.SoftEvaluator;
import io.promptgrad.gradient.soft.SoftPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.BlackBoxModel.Mode;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.template.PromptTemplate;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlackBoxTuningTest {

  @TempDir static Path folder;
  static LanguageModel masked;
  static LanguageModel causal;

  private static final int PLACES = 3;

  @BeforeAll
  static void load() {
    masked = TinyModels.masked(folder.resolve("masked"));
    causal = TinyModels.causal(folder.resolve("causal"));
  }

  @AfterAll
  static void close() {
    masked.close();
    causal.close();
  }

  /** By name, since JUnit closes arguments that can be closed. */
  private static LanguageModel model(String name) {
    return name.equals("masked") ? masked : causal;
  }

  private static Cloze cloze(LanguageModel model) {
    return BlackBoxTuning.cloze(model, TEMPLATE, labels(model), PLACES);
  }

  private static int[] base(LanguageModel model) {
    return BlackBoxTuning.base(model.tokenizer(), PLACES);
  }

  private static float[][] random(int blocks, int width) {
    RandomGenerator random = new RandomSource(blocks).stream("blocks", width);
    float[][] values = new float[blocks][PLACES * width];
    for (float[] block : values) {
      for (int i = 0; i < block.length; i++) {
        block[i] = (float) random.nextGaussian();
      }
    }
    return values;
  }

  private static BlackBoxTuning bbt(LanguageModel model, BlackBoxConfig config, long seed) {
    return BlackBoxTuning.of(
        model, TASK, TEMPLATE, labels(model), config, new Accuracy(), new RandomSource(seed));
  }

  // ------------------------------------------------------------------ evaluation

  @ParameterizedTest
  @ValueSource(strings = {"masked", "causal"})
  void scores_ofAPopulationInOneBatch_equalThoseOneByOne(String name) {
    LanguageModel model = model(name);
    Cloze cloze = cloze(model);
    List<ClozeExample> examples = cloze.encode(TASK.train());
    for (Mode mode : Mode.values()) {
      LocalScores scores = new LocalScores(model, cloze, mode, base(model));
      float[][] blocks = random(5, scores.width());
      double[][][] together = scores.of(Population.of(blocks), examples);
      for (int c = 0; c < blocks.length; c++) {
        for (int e = 0; e < examples.size(); e++) {
          double[] alone =
              scores.of(Population.of(new float[][] {blocks[c]}), List.of(examples.get(e)))[0][0];
          assertThat(together[c][e]).containsExactly(alone, within(1e-5));
        }
      }
      assertThat(Arrays.deepEquals(together[0], together[1])).isFalse();
    }
  }

  /** GPT-2 has no norm behind its embedding, so its word vectors can be moved by hand. */
  @Test
  void scores_ofAddedVectors_areThoseOfAForwardMadeByHand() {
    Cloze cloze = cloze(causal);
    List<ClozeExample> examples = cloze.encode(TASK.train());
    LocalScores scores = new LocalScores(causal, cloze, Mode.ADD, base(causal));
    float[] block = random(1, 16)[0];
    double[][] found = scores.of(Population.of(new float[][] {block}), examples)[0];
    for (int e = 0; e < examples.size(); e++) {
      ClozeExample example = examples.get(e);
      assertThat(example.triggerAt()).containsExactly(1, 2, 3); // behind the mark of the beginning
      FilledBatch batch =
          FilledBatch.of(causal, List.of(LabelScorer.Row.of(example, base(causal))));
      try (NDManager scope = causal.newScope()) {
        float[] vectors = causal.wordVectors(scope, batch.tokens()).toFloatArray();
        for (int i = 0; i < block.length; i++) {
          vectors[16 + i] += block[i];
        }
        NDArray moved = scope.create(vectors, new Shape(1, example.length(), 16));
        float[] logits =
            causal
                .forCaching()
                .extend(scope, moved, batch.tokens(), null, null, batch.at())
                .logits()
                .toFloatArray();
        int[][] ids = cloze.labels().ids();
        assertThat(found[e][0]).isCloseTo(logits[ids[0][0]], within(1e-4));
        assertThat(found[e][1]).isCloseTo(logits[ids[1][0]], within(1e-4));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"masked", "causal"})
  void scores_ofZerosInAllLayers_areThePlainModels(String name) {
    LanguageModel model = model(name);
    Cloze cloze = cloze(model);
    List<ClozeExample> examples = cloze.encode(TASK.train());
    LocalScores scores = new LocalScores(model, cloze, Mode.ADD, base(model));
    Population zeros = new Population(new float[1][PLACES * scores.width()], new int[][] {{0, 0}});
    List<LabelScorer.Row> rows =
        examples.stream().map(e -> LabelScorer.Row.of(e, base(model))).toList();
    double[][] plain = new LabelScorer(model).scores(rows, cloze.labels());
    double[][] found = scores.of(zeros, examples)[0];
    for (int e = 0; e < plain.length; e++) {
      assertThat(found[e]).containsExactly(plain[e], within(1e-6));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"masked", "causal"})
  void scores_ofLayerZeroAlone_areThoseOfOneLayer(String name) {
    LanguageModel model = model(name);
    Cloze cloze = cloze(model);
    List<ClozeExample> examples = cloze.encode(TASK.train());
    LocalScores scores = new LocalScores(model, cloze, Mode.ADD, base(model));
    float[] block = random(1, scores.width())[0];
    float[][] blocks = {block, new float[block.length]};
    double[][] deep = scores.of(new Population(blocks, new int[][] {{0, 1}}), examples)[0];
    assertThat(deep).isDeepEqualTo(scores.of(Population.of(new float[][] {block}), examples)[0]);
    double[][] second = scores.of(new Population(blocks, new int[][] {{1, 0}}), examples)[0];
    assertThat(Arrays.deepEquals(second, deep)).isFalse();
  }

  // ------------------------------------------------------------------ losses, projections

  @Test
  void losses_ofThreeLabels_areThoseByHand() {
    double[] scores = {1, 2, 0.5};
    // log(e^1 + e^2 + e^.5) - 1 = log(2.71828 + 7.38906 + 1.64872) - 1 = log(11.75606) - 1
    assertThat(LabelLoss.CROSS_ENTROPY.of(scores, 0)).isCloseTo(1.46437, within(1e-5));
    // max(0, 2 - 1 + 2) + max(0, .5 - 1 + 2) = 3 + 1.5
    assertThat(LabelLoss.HINGE.of(scores, 0)).isCloseTo(4.5, within(1e-12));
    // max(0, 1 - 2 + 2) + max(0, .5 - 2 + 2) = 1 + .5
    assertThat(LabelLoss.HINGE.of(scores, 1)).isCloseTo(1.5, within(1e-12));
  }

  @Test
  void projection_ofEitherKind_hasItsDeviation() {
    int d = 50;
    double deviation = Projection.deviation(0.5, 0.2, d, 2); // .5 * .2 / (7.0711 * 2) = .0070711
    assertThat(deviation).isCloseTo(0.0070711, within(1e-7));
    for (Projection.Kind kind : Projection.Kind.values()) {
      Projection projection =
          new Projection(kind, d, 5000, deviation, new RandomSource(1).stream("a", 0));
      double[][] units = new double[2][d];
      units[0][0] = 1; // a row of A
      units[1][0] = 1;
      units[1][1] = -2;
      float[][] rows = projection.times(units);
      double squares = 0;
      double largest = 0;
      for (float value : rows[0]) {
        squares += value * value / 5000;
        largest = Math.max(largest, Math.abs(value));
      }
      boolean uniform = kind == Projection.Kind.UNIFORM;
      double bound = 1 / Math.sqrt(d);
      assertThat(Math.sqrt(squares))
          .isCloseTo(uniform ? bound / Math.sqrt(3) : deviation, within(0.03 * bound));
      assertThat(largest).isLessThan(uniform ? bound : 6 * deviation);
      float[] second = projection.times(new double[][] {unit(d, 1)})[0];
      for (int i = 0; i < second.length; i++) {
        assertThat(rows[1][i]).isCloseTo(rows[0][i] - 2 * second[i], within(1e-6f));
      }
    }
  }

  private static double[] unit(int d, int k) {
    double[] z = new double[d];
    z[k] = 1;
    return z;
  }

  @Test
  void clip_inThePapersForm_keepsPointsWithinFive() {
    double[][] points = {{-7, 0.5, 5}, {6, -5, 4.99}};
    BlackBoxConfig.paper().clip(points);
    assertThat(points).isDeepEqualTo(new double[][] {{-5, 0.5, 5}, {5, -5, 4.99}});
    BlackBoxConfig.original().clip(points); // anywhere
    assertThat(BlackBoxConfig.original().uniform()).isFalse();
    assertThat(BlackBoxConfig.paper().uniform()).isTrue();
  }

  @Test
  void clippedDeviation_ofAnOutlier_losesIt() {
    float[] values = new float[1001];
    for (int i = 0; i < 1000; i++) {
      values[i] = i % 2 == 0 ? 1 : -1;
    }
    values[1000] = 1000;
    // After five rounds the outlier's part is small: without it the deviation is 1.
    assertThat(DeepBlackBoxTuning.clippedDeviation(values)).isBetween(0.99, 1.1);
  }

  // ------------------------------------------------------------------ searches

  @Test
  void step_forManyGenerations_lowersTheLossAndLeavesTheWeightsAlone() {
    byte[] before = weights(masked);
    BlackBoxConfig config =
        new BlackBoxConfig(
            3, 20, 10, 400, Mode.ADD, false, 8, 1, 0, LabelLoss.CROSS_ENTROPY, false, 50, 0);
    Search search = bbt(masked, config, 1);
    List<StepReport> reports = new ArrayList<>();
    for (int step = 1; !search.finished(); step++) {
      reports.add(search.step(step));
    }
    assertThat(reports).hasSize(40); // 400 calls of 10 a generation
    assertThat(reports.get(39).score()).isGreaterThan(reports.get(0).score() + 0.1);
    // dev after every 50 calls, and once for the start
    assertThat(reports.stream().filter(r -> r.dev().isPresent())).hasSize(8);
    assertThat(reports.get(0).cost().evaluations()).isEqualTo(10L * 12 + 20);
    assertThat(reports.get(4).cost().evaluations()).isEqualTo(10L * 12 + 20);
    assertThat(reports.get(5).cost().evaluations()).isEqualTo(10L * 12);
    assertThat(reports).allMatch(r -> r.cost().backwardTokens() == 0);
    assertThat(weights(masked)).isEqualTo(before);
  }

  /** Everything that the program computes with is a function of these. */
  private static byte[] weights(LanguageModel model) {
    try (NDManager scope = model.newScope()) {
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      SearchModel search = model.forSearch();
      int vocabulary = model.spec().vocabulary();
      int[] ids = new int[vocabulary];
      Arrays.setAll(ids, i -> i);
      all.writeBytes(Arrays.toString(search.vectors(ids)).getBytes(StandardCharsets.US_ASCII));
      FilledBatch batch =
          FilledBatch.of(
              model,
              List.of(LabelScorer.Row.of(cloze(model).encode(TASK.train()).get(0), base(model))));
      for (NDArray state : model.hiddenStates(scope, batch.tokens())) {
        all.writeBytes(Arrays.toString(state.toFloatArray()).getBytes(StandardCharsets.US_ASCII));
      }
      return all.toByteArray();
    }
  }

  @Test
  void deep_forManyGenerations_visitsLayersInTurnAndStopsAfterFullRounds() {
    BlackBoxConfig config =
        new BlackBoxConfig(
            3, 10, 10, 250, Mode.ADD, false, 4, 1, 0, LabelLoss.CROSS_ENTROPY, false, 20, 0);
    Search search =
        new DeepBlackBoxTuning(
            masked, TASK, TEMPLATE, labels(masked), config, new Accuracy(), new RandomSource(3));
    List<Double> scores = new ArrayList<>();
    for (int step = 1; !search.finished(); step++) {
      scores.add(search.step(step).score());
    }
    assertThat(scores).hasSize(24); // floor(250 / (10 * 2)) = 12 rounds of 2 layers
    assertThat(scores.get(23)).isGreaterThan(scores.get(0));
    BlackBoxPrompt best = (BlackBoxPrompt) search.best().prompt();
    assertThat(best.layers()).hasNumberOfRows(2);
  }

  @Test
  void best_savedAndRead_scoresTheSame() throws Exception {
    for (Search search :
        List.of(
            bbt(masked, SMALL, 2),
            bbt(causal, BlackBoxContractTest.with(Mode.INSTEAD, false, 0), 2))) {
      for (int step = 1; step <= 20; step++) {
        search.step(step);
      }
      LanguageModel model =
          ((BlackBoxPrompt) search.best().prompt()).mode() == Mode.ADD ? masked : causal;
      Best best = search.best();
      ObjectNode json = (ObjectNode) Json.parse(Json.pretty(best.prompt().toJson()));
      assertThat(BlackBoxPrompt.isSaved(json)).isTrue();
      BlackBoxPrompt read = BlackBoxPrompt.fromJson(json, model.tokenizer());
      assertThat(read).isEqualTo(best.prompt());
      BlackBoxEvaluator evaluator = new BlackBoxEvaluator(model, new Accuracy(), List.of());
      assertThat(evaluator.evaluate(read, TASK.dev()).value()).isEqualTo(best.dev());
      assertThat(read.text()).contains("<3 vectors").contains("{sentence} it was [P]");
    }
  }

  /** The same vectors at the same places, found by one program and asked by the other. */
  @Test
  void best_insteadOfWords_isASoftPrompt(@TempDir Path folder) {
    Search search = bbt(causal, BlackBoxContractTest.with(Mode.INSTEAD, false, 0), 2);
    for (int step = 1; step <= 5; step++) {
      search.step(step);
    }
    BlackBoxPrompt found = (BlackBoxPrompt) search.best().prompt();
    SoftPrompt soft = found.asSoftPrompt(causal, "tiny").orElseThrow();
    soft.saveFiles(folder);
    assertThat(PeftAdapter.read(folder).type()).isEqualTo(PeftAdapter.Type.PROMPT_TUNING);
    SoftPrompt read = SoftPrompt.read(soft.toJson(), folder, causal.tokenizer());
    assertThat(read.values()).isEqualTo(found.layers()[0]);
    List<Outcome> asked =
        new SoftEvaluator(causal, new Accuracy(), List.of()).evaluate(read, TASK.dev()).outcomes();
    List<Outcome> before =
        new BlackBoxEvaluator(causal, new Accuracy(), List.of())
            .evaluate(found, TASK.dev())
            .outcomes();
    for (int i = 0; i < asked.size(); i++) {
      for (String label : List.of("positive", "negative")) {
        assertThat(asked.get(i).scores().get(label))
            .isCloseTo(before.get(i).scores().get(label), within(1e-5));
      }
    }
    BlackBoxPrompt added = (BlackBoxPrompt) bbt(masked, SMALL, 2).best().prompt();
    assertThat(added.asSoftPrompt(masked, "tiny")).isEmpty();
  }

  @Test
  void onTokens_theBestPrompt_isMadeOfThem() {
    Search search =
        BlackBoxTuning.ofTokens(
            causal,
            TASK,
            TEMPLATE,
            labels(causal),
            Set.of(TokenFilter.Rule.SPECIAL),
            BlackBoxContractTest.with(Mode.INSTEAD, false, 0),
            new Accuracy(),
            new RandomSource(1));
    for (int step = 1; step <= 10; step++) {
      search.step(step);
    }
    TriggerPrompt prompt = (TriggerPrompt) search.best().prompt();
    assertThat(prompt.tokenIds()).hasSize(3);
    assertThat(
            new ClozeEvaluator(causal, new Accuracy(), List.of())
                .evaluate(prompt, TASK.dev())
                .value())
        .isEqualTo(search.best().dev());
  }

  @Test
  void of_theTemplatesSlots_areThePlacesIfThereAreAny() {
    PromptTemplate template = PromptTemplate.parse("{sentence} [T] it was [T] [P]");
    BlackBoxTuning search =
        BlackBoxTuning.of(
            masked, TASK, template, labels(masked), SMALL, new Accuracy(), new RandomSource(0));
    assertThat(((BlackBoxPrompt) search.best().prompt()).frame().tokenIds()).hasSize(2);
  }

  // ------------------------------------------------------------------ errors

  @Test
  void of_whatDoesNotFit_isRefusedInOneSentence(@TempDir Path t5Folder) {
    BlackBoxConfig tooLong = SMALL.withSize(40, 6, 4, 100); // the model has 32 positions
    assertThatThrownBy(() -> bbt(masked, tooLong, 0))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("32");
    assertThatThrownBy(() -> SMALL.withSize(0, 6, 4, 100))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("prompt_length");
    assertThatThrownBy(
            () ->
                new DeepBlackBoxTuning(
                    masked,
                    TASK,
                    TEMPLATE,
                    labels(masked),
                    SMALL.withSize(3, 6, 4, 7),
                    new Accuracy(),
                    new RandomSource(0)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("at least 8 calls");
    try (LanguageModel t5 = TinyModels.textToText(t5Folder)) {
      assertThatThrownBy(() -> bbt(t5, SMALL, 0))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("encoder-decoder");
    }
    BlackBoxPrompt prompt = (BlackBoxPrompt) bbt(masked, SMALL, 0).best().prompt();
    BlackBoxPrompt narrow =
        new BlackBoxPrompt(prompt.frame(), Mode.ADD, new float[][] {new float[9]});
    assertThatThrownBy(
            () ->
                new BlackBoxEvaluator(masked, new Accuracy(), List.of())
                    .evaluate(narrow, TASK.dev()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("9 numbers");
    ObjectNode damaged = prompt.toJson();
    damaged.putArray("vectors").add("?");
    assertThatThrownBy(() -> BlackBoxPrompt.fromJson(damaged, masked.tokenizer()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("damaged");
  }

  @Test
  void step_onAModelWithNaN_isRefused(@TempDir Path broken) {
    try (LanguageModel model = TinyModels.broken(broken)) {
      Search search = bbt(model, SMALL, 0);
      assertThatThrownBy(() -> search.step(1))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("NaN");
    }
  }
}
