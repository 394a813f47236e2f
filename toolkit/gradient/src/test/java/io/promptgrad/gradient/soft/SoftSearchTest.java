package io.promptgrad.gradient.soft;

import static io.promptgrad.gradient.soft.SoftSearchContractTest.TASK;
import static io.promptgrad.gradient.soft.SoftSearchContractTest.WORDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Best;
import io.promptgrad.search.Budget;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.search.StepReport;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SoftSearchTest {

  @TempDir static Path folder;
  static Map<String, LanguageModel> models;

  private static final String FRONT = "{sentence} it was [P]";

  @BeforeAll
  static void load() {
    models =
        Map.of(
            "masked", TinyModels.masked(folder.resolve("masked")),
            "causal", TinyModels.causal(folder.resolve("causal")),
            "t5", TinyModels.textToText(folder.resolve("t5")));
  }

  @AfterAll
  static void close() {
    models.values().forEach(LanguageModel::close);
  }

  private static SoftSearch search(String model, String template, SoftConfig config) {
    return SoftSearchContractTest.search(models.get(model), template, config, TASK, 3);
  }

  private static SoftConfig prompt(int tokens, double rate, int updates) {
    return PromptTuning.small().with(tokens, rate, updates, 20).inSteps(5, 1);
  }

  /** A prompt that begins at real tokens begins with the scores of those tokens. */
  @ParameterizedTest
  @ValueSource(strings = {"masked", "causal", "t5"})
  void start_atTokensInTheSlots_hasTheLossOfThoseTokens(String name) {
    LanguageModel model = models.get(name);
    int[] trigger = {12, 30, 7};
    PromptTemplate template = PromptTemplate.parse("{sentence} [T] [T] [T] [P]");
    Cloze cloze = new Cloze(model, template, WORDS);
    List<ClozeExample> dev = cloze.encode(TASK.dev());
    List<Outcome> expected =
        new ClozeEvaluator(model, new Accuracy(), List.of()).outcomes(dev, trigger, cloze.labels());
    SoftSearch search =
        search(
            name,
            template.toString(),
            PromptTuning.small().with(0, 1e-3, 4, 4).from(new SoftStart.Tokens(trigger)));
    SoftPrompt start = (SoftPrompt) search.best().prompt();
    assertThat(start.nearest())
        .isEqualTo(Arrays.stream(trigger).mapToObj(model.tokenizer()::token).toList());
    List<Outcome> found =
        new SoftEvaluator(model, new Accuracy(), List.of()).evaluate(start, TASK.dev()).outcomes();
    for (int i = 0; i < found.size(); i++) {
      assertThat(found.get(i).predicted()).isEqualTo(expected.get(i).predicted());
      for (String label : WORDS.labels()) {
        assertThat(found.get(i).scores().get(label))
            .isCloseTo(expected.get(i).scores().get(label), within(1e-6));
      }
    }
  }

  /** Virtual tokens in front stand before everything, and count. */
  @Test
  void start_atATextInFront_isThatTextInFront() {
    LanguageModel model = models.get("masked");
    SoftSearch search =
        search("masked", FRONT, prompt(4, 1e-3, 4).from(new SoftStart.Text("the film")));
    ClozeExample example =
        new Cloze(model, PromptTemplate.parse(FRONT), WORDS).encode(TASK.dev().get(0));
    int[] text = model.tokenizer().encodeWithSpecials("the film"); // [CLS] the film [SEP]
    int[] ids = Arrays.copyOf(text, 4 + example.ids().length);
    System.arraycopy(example.ids(), 0, ids, 4, example.ids().length);
    EvalReport report =
        new SoftEvaluator(model, new Accuracy(), List.of())
            .evaluate((SoftPrompt) search.best().prompt(), TASK.dev());
    try (NDManager scope = model.newScope()) {
      int[] good = model.tokenizer().encode("good bad awful");
      float[] logits =
          model
              .logits(
                  scope, TokenBatch.of(List.of(ids), 0), new int[] {4 + example.predictAt()}, good)
              .toFloatArray();
      double all = Arrays.stream(new int[] {0, 1, 2}).mapToDouble(i -> Math.exp(logits[i])).sum();
      assertThat(report.outcomes().get(0).scores().get("positive"))
          .isCloseTo(logits[0] - Math.log(all), within(1e-5));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "masked, prompt",
    "causal, prompt",
    "t5, prompt",
    "masked, prefix",
    "causal, prefix",
    "t5, prefix",
    "masked, deep",
    "causal, p",
    "masked, p"
  })
  void step_overAWhile_lowersTheLossAndLeavesTheWeights(String name, String method)
      throws IOException {
    SoftConfig config =
        switch (method) {
          case "prefix" -> PrefixTuning.small().with(4, 0.01, 60, 20).inSteps(20, 1);
          case "deep" -> PrefixTuning.smallDeepPrompts().with(4, 0.05, 60, 20).inSteps(20, 1);
          case "p" -> PTuning.small().with(4, 0.02, 60, 20).inSteps(20, 1);
          default -> prompt(4, 0.1, 60).inSteps(20, 1);
        };
    LanguageModel model = models.get(name);
    Path weights = model.path().resolve("model.safetensors");
    byte[] file = Files.readAllBytes(weights);
    float[] table = allVectors(model);
    SoftSearch search = search(name, FRONT, config);
    double first = loss(search.step(1));
    search.step(2);
    assertThat(loss(search.step(3))).isLessThan(first - 0.05);
    assertThat(search.finished()).isTrue();
    assertThat(Files.readAllBytes(weights)).isEqualTo(file);
    assertThat(allVectors(model)).isEqualTo(table);
    Best best = search.best();
    EvalReport again =
        new SoftEvaluator(model, new Accuracy(), List.of())
            .evaluate((SoftPrompt) best.prompt(), TASK.dev());
    assertThat(again.value()).isEqualTo(best.dev());
  }

  private static double loss(StepReport report) {
    return (double) report.candidates().get(0).details().get("loss");
  }

  private static float[] allVectors(LanguageModel model) {
    int[] ids = new int[model.spec().vocabulary()];
    Arrays.setAll(ids, i -> i);
    return model.forSearch().vectors(ids);
  }

  @Test
  void saved_prompt_isReadBackAndWrittenAlike(@TempDir Path out) {
    SoftSearch search = search("masked", FRONT, prompt(3, 0.05, 10).ensemble(2));
    search.step(1);
    SoftPrompt prompt = (SoftPrompt) search.best().prompt();
    prompt.saveFiles(out);
    SoftPrompt read = SoftPrompt.read(prompt.toJson(), out, models.get("masked").tokenizer());
    assertThat(read.toJson()).isEqualTo(prompt.toJson());
    assertThat(read.values()).isEqualTo(prompt.values());
    assertThat(Files.isRegularFile(out.resolve("1").resolve(PeftAdapter.WEIGHTS))).isTrue();
    SoftEvaluator evaluator = new SoftEvaluator(models.get("masked"), new Accuracy(), List.of());
    assertThat(evaluator.evaluate(read, TASK.test()).outcomes())
        .isEqualTo(evaluator.evaluate(prompt, TASK.test()).outcomes());
    assertThat(read.text()).startsWith("<").contains(FRONT);
    assertThatThrownBy(
            () -> TriggerPrompt.fromJson(prompt.toJson(), models.get("masked").tokenizer()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("'soft'");
  }

  /** Two prompts that began alike were trained at twice the cost, and always voted alike. */
  @Test
  void ensemble_whoseStartDrawsNothing_isRefused() {
    SoftConfig two = prompt(2, 0.05, 10).ensemble(2);
    Map<String, SoftStart> fixed =
        Map.of(
            "zero", new SoftStart.Zero(),
            "the text 'the film'", new SoftStart.Text("the film"),
            "given tokens", new SoftStart.Tokens(new int[] {12, 30}),
            "another prompt", new SoftStart.Given(new float[2 * 16]),
            "labels", new SoftStart.Labels());
    fixed.forEach(
        (name, start) ->
            assertThatThrownBy(() -> search("masked", FRONT, two.from(start)))
                .as(name)
                .isInstanceOf(InvalidInputException.class)
                .hasMessageContainingAll("2 prompts", name, "prompts to 1"));
    SoftConfig prefix = PrefixTuning.smallDeepPrompts().with(2, 0.05, 10, 8).ensemble(2);
    assertThatThrownBy(() -> search("causal", FRONT, prefix.from(new SoftStart.Text("the film"))))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("the film");
  }

  /** Something is drawn for each, or left out of each: after a few updates no two are alike. */
  @Test
  void ensemble_withAnythingDrawn_hasDifferentPrompts() {
    SoftConfig prefix = PrefixTuning.smallDeepPrompts().with(2, 0.05, 20, 8).inSteps(10, 1);
    for (SoftConfig config :
        List.of(
            prompt(3, 0.05, 20), // two labels and a sampled word
            prompt(2, 0.05, 20).from(new SoftStart.Vocabulary(0, true)),
            prefix.from(new SoftStart.Zero()).with(SoftSearchContractTest.dropout(0.3)))) {
      SoftSearch search = search("causal", FRONT, config.ensemble(2));
      search.step(1);
      JsonNode parameters = search.save().path("parameters");
      assertThat(parameters.path("prompt.0")).isNotEqualTo(parameters.path("prompt.1"));
    }
  }

  @Test
  void saved_promptWithOtherNumbersBeside_isRefused(@TempDir Path out) {
    SoftSearch search = search("masked", FRONT, prompt(3, 0.05, 10));
    SoftPrompt prompt = (SoftPrompt) search.best().prompt();
    PeftAdapter adapter = prompt.adapters().get(0);
    PeftAdapter.of(adapter.config(), new float[3 * 16]).write(out);
    assertThatThrownBy(
            () -> SoftPrompt.read(prompt.toJson(), out, models.get("masked").tokenizer()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("prompt.json");
  }

  @Test
  void fit_toAnotherModel_isRefusedByNameAndBySize() {
    SoftPrompt prompt = (SoftPrompt) search("masked", FRONT, prompt(3, 0.05, 10)).best().prompt();
    prompt.requireFit(models.get("masked"), "/somewhere/tiny/");
    assertThatThrownBy(() -> prompt.requireFit(models.get("masked"), "org/other"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll("tiny", "org/other");
    PeftAdapter adapter = prompt.adapters().get(0);
    SoftPrompt wide =
        new SoftPrompt(
            List.of(PeftAdapter.of(adapter.config(), new float[3 * 20])),
            Optional.empty(),
            List.of());
    assertThatThrownBy(() -> wide.requireFit(models.get("masked"), "tiny"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll("20 values", "needs 16");
  }

  @Test
  void search_withAPromptThatDoesNotFit_saysSo() {
    assertThatThrownBy(() -> search("masked", FRONT, prompt(40, 0.05, 10)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("leaves no room for a text");
    assertThatThrownBy(() -> search("masked", "[T] {sentence} [P]", PrefixTuning.small()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("leave the slots out");
    assertThatThrownBy(() -> search("masked", "[T] {sentence} [P]", prompt(3, 0.05, 10)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("1 slots [T] for 3 virtual tokens");
    assertThatThrownBy(
            () ->
                search("t5", FRONT, PrefixTuning.smallDeepPrompts().from(new SoftStart.Text("x"))))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("t5");
    assertThatThrownBy(
            () -> search("masked", FRONT, prompt(3, 1, 9).from(new SoftStart.Given(new float[5]))))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("5 values");
  }

  /** The checkpoint before it stays, and the sentence says where it was. */
  @Test
  void step_whoseLossIsNoNumber_endsTheRunAndKeepsTheLastCheckpoint(@TempDir Path run)
      throws IOException {
    SoftConfig wild = prompt(3, 0.05, 20);
    SearchLoop.of(search("causal", FRONT, wild)).budget(Budget.ofSteps(2)).in(run, "x").run();
    Path file = run.resolve("checkpoint").resolve("state.jsonl");
    String before = Files.readString(file);
    ObjectNode state = search("causal", FRONT, wild).save();
    ((ObjectNode) state.path("parameters")).put("prompt.0", Floats.save(filled(3 * 16, NAN)));
    SoftSearch broken = search("causal", FRONT, wild);
    broken.restore(state);
    assertThatThrownBy(() -> broken.step(3))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll("update 11", "step 3", "checkpoint is that of step 2");
    assertThat(Files.readString(file)).isEqualTo(before);
    assertThat(
            SearchLoop.of(search("causal", FRONT, wild))
                .budget(Budget.ofSteps(3))
                .in(run, "x")
                .run()
                .steps())
        .isEqualTo(3);
  }

  /** Checkpoints of parameters are little-endian: the bytes of a NaN backwards. */
  private static final float NAN = Float.intBitsToFloat(0x0000C07F);

  private static float[] filled(int n, float value) {
    float[] values = new float[n];
    Arrays.fill(values, value);
    return values;
  }

  @Test
  void vote_ofThreePrompts_countsAnswersAndThenProbabilities() {
    assertThat(vote("b", 0.6, 0.4, 0.9)).isEqualTo("a"); // two of three
    assertThat(vote("b", 0.9, 0.2)).isEqualTo("a"); // one each: 1.1 against 0.9
    assertThat(vote("b", 0.7, 0.2)).isEqualTo("b"); // 0.9 against 1.1
    assertThat(vote("b", 0.75, 0.25)).isEqualTo("a"); // the right one loses a tie
    assertThat(vote("a", 0.75, 0.25)).isEqualTo("b");
  }

  /** The joint answer of prompts that give label a these probabilities, and b the rest. */
  private static String vote(String gold, double... probabilities) {
    List<Outcome> outcomes =
        Arrays.stream(probabilities)
            .mapToObj(
                p ->
                    Outcome.classified(
                        "x",
                        gold,
                        p > 0.5 ? "a" : "b",
                        1,
                        Map.of("a", Math.log(p), "b", Math.log(1 - p))))
            .toList();
    return LoadedPrompt.vote(outcomes).predicted();
  }

  @Test
  void rate_ofASchedule_risesAndFalls() {
    SoftConfig config =
        new SoftConfig(
            PromptTuning.small().layout(),
            SoftConfig.Encoder.NONE,
            1,
            1,
            new SoftStart.Zero(),
            PromptTuning.small().optimizer(),
            1.0,
            SoftConfig.Schedule.COSINE,
            0.2,
            10,
            1,
            1,
            0,
            0,
            false,
            1,
            1,
            SoftConfig.Extras.NONE);
    assertThat(config.rate(1)).isEqualTo(0.5);
    assertThat(config.rate(2)).isEqualTo(1);
    assertThat(config.rate(3)).isEqualTo(1);
    assertThat(config.rate(7)).isCloseTo(0.5, within(1e-12)); // half way: 4 of 8
    assertThat(PromptTuning.small().with(1, 1, 10, 1).rate(6)).isCloseTo(0.5, within(1e-12));
  }

  @Test
  void texts_ofACausalModelAndAnEncoderDecoder_areLearntByHeart() {
    List<TextProblem.Pair> pairs =
        List.of(
            new TextProblem.Pair("the film was", "very good"),
            new TextProblem.Pair("the book was", "very dull"));
    for (String name : List.of("causal", "t5")) {
      TextProblem problem = new TextProblem(models.get(name), pairs, pairs);
      SoftSearch search =
          new SoftSearch(
              "soft",
              problem,
              prompt(6, 0.1, 60).from(new SoftStart.Normal(0)).inSteps(30, 1),
              "tiny",
              new RandomSource(1));
      double first = loss(search.step(1));
      search.step(2);
      assertThat(search.best().dev()).as(name).isGreaterThan(Math.exp(-first));
      assertThat(Json.line(search.best().prompt().toJson())).contains("\"kind\":\"soft\"");
    }
    SoftRow row = new TextProblem(models.get("causal"), pairs, pairs).train().get(0);
    int[] ids = models.get("causal").tokenizer().encode("the film was very good");
    int read = row.at()[0] + 1;
    assertThat(Arrays.copyOfRange(row.ids(), read, read + 1)).containsExactly(ids[3]);
    assertThat(row.targets()[0]).containsExactly(ids[3]);
    assertThat(row.targets()[1]).containsExactly(ids[4]);
    assertThatThrownBy(() -> new TextProblem(models.get("masked"), pairs, pairs))
        .isInstanceOf(InvalidInputException.class);
  }

  /** Native arrays do not become more from step to step. */
  @Test
  void steps_overAWhile_leaveNothingBehind() {
    LanguageModel model = models.get("causal");
    NDManager root;
    try (NDManager scope = model.newScope()) {
      root = scope.getParentManager();
    }
    SoftSearch search = search("causal", FRONT, prompt(3, 0.05, 100).inSteps(2, 1));
    search.step(1);
    search.save();
    int arrays = root.getManagedArrays().size();
    for (int step = 2; step <= 20; step++) {
      search.step(step);
      search.save();
      search.best();
    }
    assertThat(root.getManagedArrays()).hasSize(arrays);
  }

  private static SoftProblem problem(String name, String template, Map<String, Object> words) {
    LanguageModel model = models.get(name);
    Cloze cloze = new Cloze(model, PromptTemplate.parse(template), Verbalizer.parse(words));
    return new ClassificationProblem(
        model, TASK, new Cloze(model, cloze.template(), cloze.labels(), 3), new Accuracy());
  }

  /** Each task's prompt gets the gradients of its own rows, and is scored by its own examples. */
  @Test
  void tasks_ofAMixedBatch_haveTheirOwnPrompts() {
    MixedTasks mixed =
        new MixedTasks(
            List.of(
                problem("masked", FRONT, Map.of("negative", "bad", "positive", "good")),
                problem("masked", "[P] {sentence}", Map.of("negative", "no", "positive", "yes"))));
    SoftConfig config = prompt(3, 0.05, 30).ensemble(2).from(new SoftStart.Normal(0));
    SoftSearch search = new SoftSearch("soft", mixed, config, "tiny", new RandomSource(2));
    double first = loss(search.step(1));
    for (int step = 2; step <= 6; step++) {
      search.step(step);
    }
    SoftPrompt all = (SoftPrompt) search.best().prompt();
    assertThat(all.adapters()).hasSize(4);
    SoftEvaluator evaluator = new SoftEvaluator(models.get("masked"), new Accuracy(), List.of());
    double mean = 0;
    for (int k = 0; k < 2; k++) {
      SoftPrompt own = mixed.of(k, all);
      assertThat(own.adapters()).containsExactly(all.adapters().get(k), all.adapters().get(2 + k));
      mean += evaluator.evaluate(own, TASK.dev()).value() / 2;
    }
    assertThat(mean).isEqualTo(search.best().dev());
    assertThat(first).isPositive();
    assertThat(mixed.train()).hasSize(40);
  }

  /** One prompt gets the gradients of the rows of all tasks, and is scored by the mean of them. */
  @Test
  void tasks_thatShareAPrompt_trainItTogether() {
    SoftProblem first = problem("masked", FRONT, Map.of("negative", "bad", "positive", "good"));
    SoftProblem second =
        problem("masked", "[P] {sentence}", Map.of("negative", "no", "positive", "yes"));
    MixedTasks shared = new MixedTasks(List.of(first, second), true);
    assertThat(shared.prompts()).isEqualTo(1);
    assertThat(shared.train()).hasSize(40).allMatch(row -> row.prompt() == 0);
    // Whole passes over the rows, so that the order does not matter: one update is the mean of all.
    SoftConfig config =
        PromptTuning.small().with(3, 0.05, 6, 40).from(new SoftStart.Normal(0)).inSteps(1, 1);
    SoftSearch search = new SoftSearch("soft", shared, config, "tiny", new RandomSource(2));
    SoftPrompt start = (SoftPrompt) search.best().prompt();
    double loss = 0;
    try (LoadedPrompt loaded = new LoadedPrompt(models.get("masked"), start)) {
      for (double own : loaded.losses(shared.train(), shared.loss(false, 0, 0))) {
        loss += own / 40;
      }
    }
    assertThat(loss(search.step(1))).isCloseTo(loss, within(1e-5));
    for (int step = 2; step <= 6; step++) {
      search.step(step);
    }
    SoftPrompt best = (SoftPrompt) search.best().prompt();
    assertThat(best.adapters()).hasSize(1);
    SoftEvaluator evaluator = new SoftEvaluator(models.get("masked"), new Accuracy(), List.of());
    double mean = 0;
    for (int k = 0; k < 2; k++) {
      SoftPrompt own = shared.of(k, best);
      assertThat(own.values()).isEqualTo(best.values());
      mean += evaluator.evaluate(own, TASK.dev()).value() / 2;
    }
    assertThat(mean).isEqualTo(search.best().dev());
    assertThat(shared.of(1, best).reading().orElseThrow().template().toString())
        .isEqualTo("[P] {sentence}");
  }
}
