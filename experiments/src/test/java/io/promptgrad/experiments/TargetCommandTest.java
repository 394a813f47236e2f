package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.experiments.config.DiscreteConfig;
import io.promptgrad.files.Json;
import io.promptgrad.models.BundledModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Searches for tokens that make a model say something, from a configuration to its report. */
class TargetCommandTest {

  @TempDir static Path folder;
  static Path config;

  @BeforeAll
  static void write() throws IOException {
    config = folder.resolve("target.yaml");
    Files.writeString(
        config,
        """
        method: nanogcg
        model: bundled:mini-llama
        targets:
          train:
            - {text: "The old man {trigger}", say: " was happy"}
            - {text: "My sister {trigger} still", say: " was happy"}
          dev: [{text: "The teacher {trigger}", say: " was happy"}]
          test: [{text: "The boy {trigger}", say: " was happy"}]
          tokens: 3
        search: {width: 12, top_k: 16, dev_every: 1}
        budget: {steps: 2}
        """);
  }

  private static CommandLineRun run(Path out, String... assignments) {
    Object[] arguments = new Object[5 + 2 * assignments.length];
    List<Object> fixed = List.of("run", config, "--out", out, "--json");
    for (int i = 0; i < fixed.size(); i++) {
      arguments[i] = fixed.get(i);
    }
    for (int i = 0; i < assignments.length; i++) {
      arguments[5 + 2 * i] = "--set";
      arguments[6 + 2 * i] = assignments[i];
    }
    return CommandLineRun.of(arguments);
  }

  @Test
  void run_targets_reportsEverySplitAndOtherModels() throws IOException {
    Path out = folder.resolve("whole");
    CommandLineRun run = run(out, "targets.transfer=[bundled:mini-llama]");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode result = Json.parse(run.out());
    for (String split : List.of("train", "dev", "test")) {
      double found =
          result.path("found").path(split).path("other_metrics").path("log-prob").asDouble();
      assertThat(found).as(split).isNegative();
      assertThat(result.path("baselines").path("no trigger").has(split)).isTrue();
      assertThat(result.path("baselines").path("first trigger").has(split)).isTrue();
    }
    assertThat(logProbability(result.path("found"), "train"))
        .isGreaterThan(logProbability(result.path("baselines").path("first trigger"), "train"));
    assertThat(result.path("found").path("token_ids")).hasSize(3);

    // The transfer to the model itself: the same trigger, if its text is the same tokens.
    JsonNode transfer = Json.read(out.resolve("transfer.json"));
    assertThat(transfer).hasSize(3);
    JsonNode prompt = Json.read(out.resolve("prompt/prompt.json"));
    if (prompt.path("survives_text").asBoolean()) {
      assertThat(transfer.path(0).path("found")).isEqualTo(result.path("found").path("train"));
    }
    assertThat(transfer.path(0).path("no_trigger"))
        .isEqualTo(result.path("baselines").path("no trigger").path("train"));
    assertThat(Files.readString(out.resolve("report.html")))
        .contains("Other models", "first trigger", "no trigger");
  }

  private static double logProbability(JsonNode scores, String split) {
    return scores.path(split).path("other_metrics").path("log-prob").asDouble();
  }

  @Test
  void resume_afterOneStep_equalsUninterrupted() throws IOException {
    Path pieces = folder.resolve("pieces");
    assertThat(run(pieces, "budget.steps=1").code()).isZero();
    CommandLineRun more = CommandLineRun.of("resume", pieces, "--set", "budget.steps=3", "--json");
    assertThat(more.code()).as(more.err()).isZero();
    CommandLineRun whole = run(folder.resolve("uninterrupted"), "budget.steps=3");
    for (String key : List.of("found", "baselines", "stopped_by")) {
      assertThat(Json.parse(more.out()).path(key)).isEqualTo(Json.parse(whole.out()).path(key));
    }
    CommandLineRun other = CommandLineRun.of("resume", pieces, "--set", "search.width=9");
    assertThat(other.code()).isEqualTo(2);
    assertThat(other.err()).contains("start a new run");
  }

  @Test
  void search_textAndSay_needNoConfiguration() {
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "nanogcg",
            "--model",
            "bundled:mini-llama",
            "--text",
            "The boy {trigger}",
            "--say",
            " was happy",
            "--set",
            "targets.tokens=2",
            "--set",
            "search={width: 8, top_k: 8}",
            "--set",
            "budget.steps=1",
            "--out",
            folder.resolve("searched"));
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out()).contains("no trigger", "first trigger", "train (n = 1)");

    CommandLineRun half =
        CommandLineRun.of("search", "gcg", "--model", "bundled:mini-llama", "--text", "a");
    assertThat(half.code()).isEqualTo(2);
    assertThat(half.err()).contains("--text and --say go together");
    CommandLineRun none = CommandLineRun.of("search", "gcg", "--model", "bundled:mini-llama");
    assertThat(none.code()).isEqualTo(2);
    assertThat(none.err()).contains("--task and --template, or --text and --say");
  }

  @Test
  void run_optionThatAMethodWouldIgnore_isRefused() {
    CommandLineRun run = run(folder.resolve("never"), "method=autodan", "search={fluency: 1}");
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("unknown key 'search.fluency'");
  }

  static List<String> methods() {
    return List.copyOf(DiscreteConfig.targetNames());
  }

  @ParameterizedTest
  @MethodSource("methods")
  void run_everyMethod_repeatsFromItsOwnConfiguration(String method) throws IOException {
    String name = method.replace('+', 'p');
    String small =
        switch (method) {
          case "random" -> "search={width: 12}";
          case "universal-triggers", "autodan" -> "search={top_k: 12}";
          case "arca", "pez", "gbda", "fluent-prompt" -> "search={dev_every: 2}";
          default -> "search={width: 12, top_k: 16}";
        };
    CommandLineRun run = run(folder.resolve(name), "method=" + method, small, "seed=3");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode first = Json.parse(run.out());
    Path own = Path.of(first.path("run_dir").asText());
    CommandLineRun again =
        CommandLineRun.of(
            "run", own.resolve("config.yaml"), "--out", folder.resolve(name + "-again"), "--json");
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(Json.parse(again.out()).path("found")).isEqualTo(first.path("found"));
    assertThat(Files.readString(folder.resolve(name + "-again/config.yaml")))
        .isEqualTo(Files.readString(own.resolve("config.yaml")));
  }

  @Test
  void run_chat_isWrittenWithTheModelsTemplate() throws IOException {
    Path model = Files.createDirectory(folder.resolve("chat-model"));
    for (String file : List.of("config.json", "tokenizer.json", "model.safetensors")) {
      Files.copy(BundledModel.MINI_LLAMA.folder().resolve(file), model.resolve(file));
    }
    Files.writeString(
        model.resolve("chat_template.jinja"),
        "{% for m in messages %}{{ m.role }} said {{ m.content }} .{% endfor %} Then");
    Path out = folder.resolve("chat");
    CommandLineRun run =
        run(
            out,
            "model=" + model,
            "targets.train=[{messages: [{role: user, content: hello}], say: ' she smiled'}]");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode text = Json.read(out.resolve("prompt/prompt.json")).path("texts").path(0);
    assertThat(text.path("before").asText()).isEqualTo("user said hello ");
    assertThat(text.path("after").asText()).isEqualTo(" . Then");
  }

  /** A draft model, other losses, several models, a chat: all reach the search. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "targets.draft={model: bundled:mini-llama, size: 4, reduction: 2}",
        "targets.loss=mellowmax",
        "targets.loss=hinge",
        "targets.models=[bundled:mini-llama]",
        "targets.start=so that the",
        "targets.add_space=true",
        "targets.reuse=none",
        "search={width: 12, top_k: 16, fluency: 0.5}",
        "search={width: 12, top_k: 16, filter: [special, unreadable], forbidden: [happy]}"
      })
  void run_option_works(String option) {
    Path out = folder.resolve("option-" + option.replaceAll("\\W+", "-"));
    CommandLineRun run = run(out, option);
    assertThat(run.code()).as(run.err()).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "targets.train=[] | give at least one",
        "targets.train=[{text: a}] | what the model is to say",
        "targets.train=[{say: a}] | either a text or messages",
        "targets.train=[{text: '{trigger}{trigger}', say: a}] | twice",
        "targets.train=[{messages: [{content: a}], say: b}] | role",
        "targets.train=[{messages: [{role: user, content: a}], say: b}] | no chat template",
        "targets.loss=hing | did you mean 'hinge'",
        "targets.alpha=2 | belongs to the loss mellowmax",
        "targets.date=today | no date",
        "targets.models=[nowhere] | no model folder",
        "targets.tokens=0 | at least 1",
        "model=bundled:mini-roberta | left to right",
        "method=autoprompt | does not search for targets",
        "template=x | unknown key 'template'",
        "search.objective=accuracy | unknown key"
      })
  void run_wrongOption_isOneSentence(String option, String expected) {
    CommandLineRun run = run(folder.resolve("never"), option);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains(expected);
    assertThat(run.err().strip().lines()).hasSize(1);
    assertThat(folder.resolve("never")).doesNotExist();
  }
}
