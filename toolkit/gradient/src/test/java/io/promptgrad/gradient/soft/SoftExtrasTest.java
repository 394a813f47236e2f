package io.promptgrad.gradient.soft;

import static io.promptgrad.gradient.soft.SoftSearchContractTest.DRAWN;
import static io.promptgrad.gradient.soft.SoftSearchContractTest.PRUNED;
import static io.promptgrad.gradient.soft.SoftSearchContractTest.TASK;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.soft.SoftConfig.Extras;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.SoftModel.Layout;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Task;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is done besides plain training: pruning, a pull, dropout, prefixes of all attentions. */
class SoftExtrasTest {

  @TempDir static Path folder;
  static Map<String, LanguageModel> models;

  private static final String FRONT = "{sentence} it was [P]";
  private static final int WIDTH = 16;

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

  private static SoftSearch search(String model, SoftConfig config) {
    return SoftSearchContractTest.search(models.get(model), FRONT, config, TASK, 3);
  }

  private static SoftConfig prompt(int tokens, int updates) {
    return PromptTuning.small().with(tokens, 0.05, updates, 8).inSteps(4, 1);
  }

  // ------------------------------------------------------------------ pruning

  /** Four tokens of four pieces: two tokens go, and of the eight pieces that are left two. */
  @Test
  void pruning_ofATrainedPrompt_zeroesTheLeastAndRewindsTheRest() {
    SoftProblem problem = SoftSearchContractTest.problem(models.get("masked"), FRONT, 4, TASK);
    SoftConfig config = prompt(4, 12).with(PRUNED);
    XPrompt search = new XPrompt("x", problem, config, "tiny", new RandomSource(3));
    for (int step = 1; step <= 3; step++) {
      search.step(step);
      assertThat(search.save().has("mask")).isFalse();
    }
    float[] trained = ((SoftPrompt) search.best().prompt()).values();
    search.step(4);
    assertThat(Floats.restore(search.save().path("values").asText())).isEqualTo(trained); // rewound
    float[] mask = Floats.restore(search.save().path("mask").asText());
    boolean[] kept = new boolean[mask.length];
    for (int i = 0; i < mask.length; i++) {
      kept[i] = mask[i] != 0;
    }
    float[] start = new SoftStart.Pruned(trained, mask).left();
    for (int i = 0; i < mask.length; i++) {
      assertThat(start[i]).isEqualTo(kept[i] ? trained[i] : 0f);
    }
    double[][] tokens = Pruning.importance(problem, trained, Layout.VECTORS, 1);
    int[] stay = Pruning.kept(tokens, 2);
    float[] without = new float[trained.length];
    for (int t : stay) {
      System.arraycopy(trained, t * WIDTH, without, t * WIDTH, WIDTH);
    }
    double[][] pieces = Pruning.importance(problem, without, Layout.VECTORS, 4);
    List<Double> least = new ArrayList<>();
    List<Double> most = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      int own = t;
      boolean stays = IntStream.of(stay).anyMatch(s -> s == own);
      for (int p = 0; p < 4; p++) {
        boolean there = kept[t * WIDTH + 4 * p];
        for (int i = 0; i < 4; i++) {
          assertThat(kept[t * WIDTH + 4 * p + i]).isEqualTo(there);
        }
        assertThat(stays || !there).as("piece %d of token %d", p, t).isTrue();
        if (stays) {
          (there ? most : least).add(pieces[t][p]);
        }
      }
    }
    assertThat(least).hasSize(2);
    assertThat(most).hasSize(6);
    assertThat(least.stream().max(Double::compare).orElseThrow())
        .isLessThanOrEqualTo(most.stream().min(Double::compare).orElseThrow());

    search.step(5);
    search.step(6);
    assertThat(search.finished()).isTrue();
    JsonNode state = search.save().path("retrained").path("best");
    float[] last = Floats.restore(state.asText());
    for (int i = 0; i < last.length; i++) {
      assertThat(last[i] != 0).isEqualTo(kept[i]);
    }
  }

  /** Products with the gradient of each example alone, though several are taken at once. */
  @Test
  void importance_ofManyExamples_isTheMeanOfEach() {
    SoftProblem all = SoftSearchContractTest.problem(models.get("causal"), FRONT, 3, TASK);
    SoftPrompt prompt = (SoftPrompt) search("causal", prompt(3, 4)).best().prompt();
    double[][] joint = Pruning.importance(all, prompt.values(), Layout.VECTORS, 2);
    double[][] sum = new double[3][2];
    for (int i = 0; i < all.train().size(); i++) {
      Task single = new Task("one", TASK.train().subList(i, i + 1), TASK.dev(), TASK.test());
      double[][] own =
          Pruning.importance(
              SoftSearchContractTest.problem(models.get("causal"), FRONT, 3, single),
              prompt.values(),
              Layout.VECTORS,
              2);
      for (int t = 0; t < 3; t++) {
        for (int p = 0; p < 2; p++) {
          sum[t][p] += own[t][p] / all.train().size();
        }
      }
    }
    for (int t = 0; t < 3; t++) {
      assertThat(joint[t]).containsExactly(sum[t], within(1e-6));
    }
  }

  @Test
  void pruning_whereItDoesNotFit_isRefused() {
    SoftProblem problem = SoftSearchContractTest.problem(models.get("masked"), FRONT, 4, TASK);
    Extras fives = new Extras(0, Optional.empty(), Optional.of(new Pruning.Shares(0, 0.5, 5)));
    SoftConfig uneven = prompt(4, 4).with(fives);
    assertThatThrownBy(() -> new XPrompt("x", problem, uneven, "tiny", new RandomSource(1)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("5 pieces");
    assertThatThrownBy(() -> prompt(4, 4).ensemble(2).with(PRUNED))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("prompts to 1");
    assertThatThrownBy(() -> PTuning.small().with(PRUNED))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("encoder to none");
    assertThatThrownBy(() -> new Pruning.Shares(1, 0, 16))
        .isInstanceOf(InvalidInputException.class);
  }

  /** The step was counted from the second training's first, and so was the last checkpoint. */
  @Test
  void retraining_thatHasNoNumbers_saysWhichStepOfTheWholeItIs() {
    SoftProblem problem = SoftSearchContractTest.problem(models.get("masked"), FRONT, 4, TASK);
    SoftConfig config = prompt(4, 12).with(PRUNED); // 3 steps of 4 updates, twice
    XPrompt search = new XPrompt("x", problem, config, "tiny", new RandomSource(3));
    for (int step = 1; step <= 4; step++) {
      search.step(step);
    }
    ObjectNode state = search.save();
    float[] values = new float[4 * WIDTH];
    Arrays.fill(values, Float.intBitsToFloat(0x0000C07F)); // the bytes of a NaN backwards
    ((ObjectNode) state.path("retrained").path("parameters")).put("prompt.0", Floats.save(values));
    XPrompt broken = new XPrompt("x", problem, config, "tiny", new RandomSource(3));
    broken.restore(state);
    assertThatThrownBy(() -> broken.step(5))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(
            "second training's update 5", "in step 5", "checkpoint is that of step 4");
  }

  /**
   * 0.1 of 4 tokens is none: it was trained twice, and an importance pass counted that never ran.
   */
  @Test
  void pruning_thatRoundsToNothing_isRefused() {
    assertThat(refused(4, new Pruning.Shares(0.1, 0, 4))).contains("prune_tokens 0.1 of 4");
    assertThat(refused(1, new Pruning.Shares(0.5, 0, 4))).contains("prune_tokens 0.5 of 1");
    assertThat(refused(4, new Pruning.Shares(0.5, 0.05, 4))) // 8 pieces are left
        .contains("prune_pieces 0.05 of the 8 pieces of 2");
    assertThat(refused(1, new Pruning.Shares(0, 0.9, 1))).contains("prune_pieces 0.9 of the 1");
    assertThat(refused(4, new Pruning.Shares(0, 0, 4))).contains("prune nothing");
  }

  private static String refused(int tokens, Pruning.Shares shares) {
    SoftProblem problem = SoftSearchContractTest.problem(models.get("masked"), FRONT, tokens, TASK);
    SoftConfig config =
        prompt(tokens, 4).with(new Extras(0, Optional.empty(), Optional.of(shares)));
    return catchThrowableOfType(
            InvalidInputException.class,
            () -> new XPrompt("x", problem, config, "tiny", new RandomSource(1)))
        .getMessage();
  }

  /** 12 updates of 8 examples, 16 of dev before and behind, and a pass over 20 for each level. */
  @Test
  void evaluations_ofAPrunedStep_countThePassesThatRan() {
    SoftProblem problem = SoftSearchContractTest.problem(models.get("masked"), FRONT, 4, TASK);
    for (Pruning.Shares shares :
        List.of(
            new Pruning.Shares(0.5, 0, 4),
            new Pruning.Shares(0, 0.25, 4),
            new Pruning.Shares(0.5, 0.25, 4))) {
      SoftConfig config =
          prompt(4, 12).with(new Extras(0, Optional.empty(), Optional.of(shares))).inSteps(12, 1);
      XPrompt search = new XPrompt("x", problem, config, "tiny", new RandomSource(3));
      long first = search.step(1).cost().evaluations();
      assertThat(first).isEqualTo(12 * 8 + 2 * 16);
      int levels = (shares.tokens() > 0 ? 1 : 0) + (shares.pieces() > 0 ? 1 : 0);
      assertThat(search.step(2).cost().evaluations()).isEqualTo(first + 20L * levels);
    }
  }

  // ------------------------------------------------------------------ a pull towards a text

  @Test
  void pull_ofAPrompt_isTheGradientOfItsDistance() {
    LanguageModel model = models.get("causal");
    Waywardness text = Waywardness.of(model, "the film was good");
    assertThat(text.ids()).hasSize(4);
    float[] values = new float[2 * 4 * WIDTH]; // two prompts
    for (int i = 0; i < values.length; i++) {
      values[i] = (i % 7 - 3) / 8f;
    }
    double gamma = 0.3;
    try (NDManager scope = model.newScope()) {
      float[] gradient =
          text.gradient(scope, model.forSoft().prompt(scope, values, Layout.VECTORS), gamma)
              .toFloatArray();
      for (int i = 0; i < values.length; i += 5) {
        double[] sides = new double[2];
        for (int side = 0; side < 2; side++) {
          float[] moved = values.clone();
          moved[i] += side == 0 ? -0.125f : 0.125f;
          // the mean over both prompts' tokens, so twice for the sum of both
          sides[side] = 2 * gamma * text.distance(moved);
        }
        assertThat((double) gradient[i]).isCloseTo((sides[1] - sides[0]) / 0.25, within(1e-5));
      }
    }
    assertThat(text.distance(model.forSearch().vectors(text.ids()))).isZero();
  }

  @Test
  void search_withAPull_staysNearTheText() {
    SoftConfig plain = prompt(4, 40).from(new SoftStart.Normal(0.3)).inSteps(40, 1);
    double free = distance(search("causal", plain));
    SoftConfig drawn =
        plain.with(
            new Extras(
                0, Optional.of(new SoftConfig.Pull("the film was good", 50)), Optional.empty()));
    SoftSearch search = search("causal", drawn);
    double distance = (double) search.step(1).candidates().get(0).details().get("distance");
    assertThat(distance).isLessThan(free / 3);
    SoftPrompt best = (SoftPrompt) search.best().prompt();
    assertThat(best.towards()).contains("the film was good");
    assertThat(best.toJson().path("towards").asText()).isEqualTo("the film was good");
  }

  private static double distance(SoftSearch search) {
    search.step(1);
    float[] last = parameter(search, "prompt.0");
    return Waywardness.of(models.get("causal"), "the film was good").distance(last);
  }

  /** A parameter of a checkpoint, whose bytes are little-endian. */
  private static float[] parameter(SoftSearch search, String name) {
    byte[] bytes = Base64.getDecoder().decode(search.save().path("parameters").path(name).asText());
    float[] values = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }

  /** The start at the text's own tokens projects onto the text. */
  @Test
  void view_ofADrawnPrompt_measuresItsProjection(@TempDir Path out) {
    LanguageModel model = models.get("causal");
    int[] ids = model.tokenizer().encode("the film was good");
    SoftPrompt prompt =
        (SoftPrompt)
            search("causal", prompt(4, 4).from(new SoftStart.Tokens(ids)).with(DRAWN))
                .best()
                .prompt();
    prompt.saveFiles(out);
    SoftPrompt read = SoftPrompt.read(prompt.toJson(), out, model.tokenizer());
    ObjectNode towards = (ObjectNode) VirtualTokens.of(model, read).orElseThrow().path("towards");
    assertThat(towards.path("distance").asDouble()).isZero();
    assertThat(towards.path("projections").path("euclidean").path("text").asText())
        .isEqualTo("the film was good");
    assertThat(towards.path("projections").path("euclidean").path("f1").asDouble()).isEqualTo(1);
  }

  /** Shared words each as often as they occur: 2 * 2 / (4 + 3). */
  @Test
  void f1_ofTexts_isWorkedOutByHand() {
    assertThat(Waywardness.f1("The film, the book!", "the the plot"))
        .isCloseTo(4.0 / 7, within(1e-12));
    assertThat(Waywardness.f1("good", "GOOD .")).isEqualTo(1);
    assertThat(Waywardness.f1("good", "...")).isZero();
    assertThat(Waywardness.f1("", "!")).isEqualTo(1);
  }

  @Test
  void pull_toAnotherNumberOfTokens_isRefused() {
    assertThatThrownBy(() -> search("causal", prompt(3, 4).with(DRAWN)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll("4 tokens", "3 virtual");
    assertThatThrownBy(() -> PrefixTuning.small().with(DRAWN))
        .isInstanceOf(InvalidInputException.class);
  }

  // ------------------------------------------------------------------ starts of prefixes

  /** Behind a prefix that begins with a text, a causal model is where it is behind that text. */
  @Test
  void prefix_begunAtAText_hasTheLossOfTheWordsInFront() {
    LanguageModel model = models.get("causal");
    int[] words = model.tokenizer().encodeWithSpecials("a very good plot");
    SoftConfig config =
        PrefixTuning.smallDeepPrompts()
            .with(words.length, 0.01, 8, 8)
            .from(new SoftStart.Text("a very good plot"));
    SoftProblem problem = SoftSearchContractTest.problem(model, FRONT, config.tokens(), TASK);
    SoftPrompt start =
        (SoftPrompt)
            new SoftSearch("soft", problem, config, "tiny", new RandomSource(1)).best().prompt();
    SoftModel.Loss loss = SoftModel.Loss.among(null);
    double[] found;
    try (LoadedPrompt loaded = new LoadedPrompt(model, start)) {
      found = loaded.losses(problem.train(), loss);
    }
    int n = words.length;
    for (int r = 0; r < problem.train().size(); r++) {
      SoftRow row = problem.train().get(r);
      int[] ids = IntStream.concat(IntStream.of(words), IntStream.of(row.ids())).toArray();
      Targets targets = new Targets(new int[] {n + row.at()[0]}, row.targets(), new float[] {1});
      try (NDManager scope = model.newScope()) {
        double expected =
            model.losses(scope, TokenBatch.of(List.of(ids), 0), targets).toFloatArray()[0];
        assertThat(found[r]).isCloseTo(expected, within(1e-5));
      }
    }
  }

  /** The network is fitted to the text's keys and values, as far as 500 small steps go. */
  @Test
  void network_begunAtAText_makesNearlyItsKeysAndValues() {
    LanguageModel model = models.get("causal");
    SoftConfig random = PrefixTuning.small().with(3, 0.01, 8, 8);
    SoftConfig fitted = random.from(new SoftStart.Text("plot"));
    float[] wanted =
        new SoftStart.Text("plot")
            .values(
                model, Layout.KEY_VALUES, 3, Optional.empty(), new RandomSource(1).stream("", 0));
    double before = distance(search("causal", random), wanted);
    double after = distance(search("causal", fitted), wanted);
    assertThat(after).isLessThan(before / 20);
  }

  private static double distance(SoftSearch search, float[] wanted) {
    float[] values = ((SoftPrompt) search.best().prompt()).values();
    double sum = 0;
    for (int i = 0; i < wanted.length; i++) {
      sum += Math.pow(values[i] - wanted[i], 2) / wanted.length;
    }
    return sum;
  }

  // ------------------------------------------------------------------ dropout

  /** The scores are those behind a cache of the prompt's numbers, which knows of no dropout. */
  @Test
  void dropout_atEvaluation_isOff() {
    LanguageModel model = models.get("causal");
    SoftConfig config = PrefixTuning.smallDeepPrompts().with(3, 0.05, 20, 8).inSteps(5, 1);
    SoftSearch search = search("causal", config.with(SoftSearchContractTest.dropout(0.5)));
    search.step(1);
    search.step(2);
    SoftSearch without = search("causal", config);
    without.step(1);
    without.step(2);
    assertThat(search.save().path("parameters")).isNotEqualTo(without.save().path("parameters"));
    SoftPrompt prompt = (SoftPrompt) search.best().prompt();
    EvalReport report =
        new SoftEvaluator(model, new Accuracy(), List.of()).evaluate(prompt, TASK.dev());
    assertThat(report.value()).isEqualTo(search.best().dev());
    Cloze cloze = SoftEvaluator.cloze(model, prompt);
    for (int i = 0; i < TASK.dev().size(); i++) {
      SoftRow row = SoftRow.of(cloze.encode(TASK.dev().get(i)));
      float[] logits = behindACache(model, prompt, row);
      double all = 0;
      double[] sums = new double[cloze.labels().size()];
      for (int c = 0; c < sums.length; c++) {
        for (int id : cloze.labels().ids()[c]) {
          sums[c] += Math.exp(logits[id]);
        }
        all += sums[c];
      }
      for (int c = 0; c < sums.length; c++) {
        assertThat(report.outcomes().get(i).scores().get(cloze.labels().labels().get(c)))
            .isCloseTo(Math.log(sums[c] / all), within(1e-5));
      }
    }
    assertThatThrownBy(() -> PromptTuning.small().with(SoftSearchContractTest.dropout(0.1)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("word vectors");
  }

  /** Logits of a row's answer behind a prompt of one token after another as cached ones [V]. */
  private static float[] behindACache(LanguageModel model, SoftPrompt prompt, SoftRow row) {
    int pieces = model.forSoft().pieces(Layout.KEY_VALUES); // a key and a value of each layer
    int heads = model.spec().attention().keyValueHeads();
    int width = model.spec().attention().headDim();
    try (NDManager scope = model.newScope()) {
      NDArray past =
          scope
              .create(prompt.values(), new Shape(prompt.tokens(), pieces, heads, width))
              .transpose(1, 2, 0, 3)
              .reshape(pieces / 2, 2, 1, heads, prompt.tokens(), width);
      TokenBatch batch = TokenBatch.of(List.of(row.ids()), 0);
      int[] behind = Arrays.stream(batch.positions()).map(p -> p + prompt.tokens()).toArray();
      return model
          .forCaching()
          .extend(scope, null, batch.withPositions(behind), past, null, row.at())
          .logits()
          .toFloatArray();
    }
  }

  // ------------------------------------------------------------------ all attentions

  @Test
  void prefixes_ofAllAttentions_areTrainedSavedAndRead(@TempDir Path out) {
    LanguageModel model = models.get("t5");
    for (SoftConfig.Encoder encoder :
        List.of(SoftConfig.Encoder.NONE, SoftConfig.Encoder.PROJECTION)) {
      SoftConfig config =
          SoftSearchContractTest.everywhere(encoder).with(3, 0.02, 40, 20).inSteps(20, 1);
      SoftSearch search = search("t5", config);
      double first = (double) search.step(1).candidates().get(0).details().get("loss");
      double second = (double) search.step(2).candidates().get(0).details().get("loss");
      assertThat(second).as("%s", encoder).isLessThan(first);
      SoftPrompt prompt = (SoftPrompt) search.best().prompt();
      Path own = out.resolve(encoder.name());
      prompt.saveFiles(own);
      PeftAdapter adapter = prompt.adapters().get(0);
      assertThat(adapter.config().path("peft_type").asText()).isEqualTo("ALL_PREFIX_TUNING");
      assertThat(adapter.config().path("num_layers").asInt()).isEqualTo(6); // 2 + 2 + 2
      assertThat(adapter.columns()).isEqualTo(6 * 2 * 16);
      SoftPrompt read = SoftPrompt.read(prompt.toJson(), own, model.tokenizer());
      assertThat(read.layout()).isEqualTo(Layout.ALL_KEY_VALUES);
      read.requireFit(model, "tiny");
      SoftEvaluator evaluator = new SoftEvaluator(model, new Accuracy(), List.of());
      assertThat(evaluator.evaluate(read, TASK.dev()).value()).isEqualTo(search.best().dev());
      assertThat(Files.exists(own.resolve(PeftAdapter.WEIGHTS))).isTrue();
      assertThatThrownBy(() -> read.requireFit(models.get("causal"), "tiny"))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("encoder-decoders");
    }
    SoftSearch three =
        search("t5", SoftSearchContractTest.everywhere(SoftConfig.Encoder.PROJECTION));
    assertThat(parameter(three, "2.table")).isNotEqualTo(parameter(three, "table"));
    assertThat(parameter(three, "3.dense2.weight")).hasSize(2 * 2 * 16 * 512);
    assertThatThrownBy(
            () -> search("causal", SoftSearchContractTest.everywhere(SoftConfig.Encoder.NONE)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("encoder-decoders");
  }
}
