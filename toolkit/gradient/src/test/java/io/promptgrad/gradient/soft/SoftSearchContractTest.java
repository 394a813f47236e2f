package io.promptgrad.gradient.soft;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.soft.SoftConfig.Extras;
import io.promptgrad.lm.Adafactor;
import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel.Layout;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchContract;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What every search promises, for each way to train a soft prompt and each kind of model. */
@ParameterizedClass
@MethodSource("cases")
class SoftSearchContractTest extends SearchContract {

  @TempDir static Path folder;
  static Map<String, LanguageModel> models;

  static final Task TASK = TinyModels.task(20, 16, 8);
  static final Verbalizer WORDS =
      Verbalizer.parse(Map.of("negative", List.of("bad", "awful"), "positive", List.of("good")));

  /** A model, a template and a way. */
  record Case(String model, String template, SoftConfig config) {}

  @Parameter Case way;

  static Stream<Case> cases() {
    String front = "{sentence} it was [P]";
    String inside = "[T] {sentence} [T] [T] [P]";
    SoftConfig prompt = PromptTuning.small().with(4, 0.05, 16, 6).inSteps(2, 2);
    return Stream.of(
        new Case("masked", front, prompt),
        new Case("causal", inside, prompt.with(0, 0.05, 16, 6).from(new SoftStart.Normal(0))),
        new Case("t5", front, prompt.ensemble(2)),
        new Case("causal", front, PromptTuning.paper().with(3, 0.3, 15, 4).inSteps(2, 1)),
        new Case("masked", front, small(PrefixTuning.small())),
        new Case("causal", front, small(PrefixTuning.smallDeepPrompts())),
        new Case("t5", front, small(PrefixTuning.smallDeepPrompts())),
        new Case("masked", inside, small(PTuning.small()).with(0, 0.01, 16, 6)),
        new Case("causal", front, of(SoftConfig.Encoder.MLP, 2)),
        new Case("masked", front, of(SoftConfig.Encoder.LOW_RANK, 1)),
        new Case("causal", front, small(PrefixTuning.smallDeepPrompts()).with(dropout(0.2))),
        new Case("t5", front, everywhere(SoftConfig.Encoder.PROJECTION).with(dropout(0.1))),
        new Case("causal", front, prompt.with(DRAWN).from(new SoftStart.Normal(0))),
        new Case("masked", inside, prompt.with(0, 0.05, 8, 6).with(PRUNED)),
        new Case(
            "causal",
            front,
            small(PrefixTuning.smallDeepPrompts()).with(3, 0.1, 8, 6).with(PRUNED)));
  }

  /** Half of the tokens, and of the pieces of the others a quarter. */
  static final Extras PRUNED =
      new Extras(0, Optional.empty(), Optional.of(new Pruning.Shares(0.5, 0.25, 4)));

  /** To a text of four tokens. */
  static final Extras DRAWN =
      new Extras(0, Optional.of(new SoftConfig.Pull("the film was good", 0.5)), Optional.empty());

  static Extras dropout(double share) {
    return new Extras(share, Optional.empty(), Optional.empty());
  }

  /** Prefixes of every attention of an encoder-decoder. */
  static SoftConfig everywhere(SoftConfig.Encoder encoder) {
    return new SoftConfig(
        Layout.ALL_KEY_VALUES,
        encoder,
        3,
        1,
        new SoftStart.Normal(0),
        AdamW.forPrompts(),
        0.02,
        SoftConfig.Schedule.CONSTANT,
        0,
        16,
        6,
        1,
        0,
        0,
        false,
        2,
        1,
        SoftConfig.Extras.NONE);
  }

  private static SoftConfig small(SoftConfig config) {
    return config.with(3, 0.01, 16, 6).inSteps(2, 1);
  }

  private static SoftConfig of(SoftConfig.Encoder encoder, int accumulation) {
    return new SoftConfig(
        Layout.VECTORS,
        encoder,
        4,
        1,
        new SoftStart.Normal(1),
        accumulation == 1 ? Adafactor.forPrompts() : AdamW.forPrompts(),
        0.02,
        SoftConfig.Schedule.COSINE,
        0.2,
        16,
        3,
        accumulation,
        0.1,
        0,
        false,
        2,
        1,
        SoftConfig.Extras.NONE);
  }

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

  static SoftSearch search(
      LanguageModel model, String template, SoftConfig config, Task task, long seed) {
    return new SoftSearch(
        "soft",
        problem(model, template, config.tokens(), task),
        config,
        "tiny",
        new RandomSource(seed));
  }

  static SoftProblem problem(LanguageModel model, String template, int tokens, Task task) {
    PromptTemplate parsed = PromptTemplate.parse(template);
    Cloze words = new Cloze(model, parsed, WORDS);
    int front = parsed.triggerCount() > 0 ? 0 : tokens;
    Cloze cloze = new Cloze(model, parsed, words.labels(), front);
    return new ClassificationProblem(model, task, cloze, new Accuracy());
  }

  @Override
  protected Search search(long seed) {
    LanguageModel model = models.get(way.model());
    SoftConfig config = way.config();
    if (config.extras().pruning().isEmpty()) {
      return search(model, way.template(), config, TASK, seed);
    }
    return new XPrompt(
        "soft",
        problem(model, way.template(), config.tokens(), TASK),
        config,
        "tiny",
        new RandomSource(seed));
  }
}
