package io.promptgrad.experiments.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.AutoPromptConfig;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.search.Budget;
import io.promptgrad.search.StopRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigReaderTest {

  private static final String SHORT =
      """
      model: bundled:mini-roberta
      task: bundled:sentiment
      template: "{sentence} [T] [P] ."
      verbalizer: {negative: bad, positive: [good, 17, no, "1"]}
      """;

  /** A seed such as today's date with the time ended in an ArithmeticException. */
  @Test
  void task_longSeed_isKept() throws IOException {
    Files.writeString(folder.resolve("t.tsv"), "sentence\tlabel\nx\ty\n");
    String yaml =
        SHORT.replace(
            "bundled:sentiment",
            "{label: label, train: {file: t.tsv, limit: 9, seed: -3},"
                + " dev: {from: train, size: 4, seed: 20240601123}, test: t.tsv}");
    JsonNode task = ConfigReader.read(YamlDocument.parse(yaml, "x"), folder).task();
    assertThat(task.path("dev").path("seed").asLong()).isEqualTo(20240601123L);
    assertThat(task.path("train").path("seed").asLong()).isEqualTo(-3);
    assertThat(task.path("train").path("limit").asInt()).isEqualTo(9);
  }

  private static final String LONG =
      """
      method: autoprompt
      model: bundled:mini-roberta
      task: bundled:sentiment
      template: "{sentence} [T] [P] ."
      label_search: {tokens_per_label: 4, epochs: 7, batch_size: 8, learning_rate: 1e-2,
                     filter: [special]}
      metric: macro-f1
      other_metrics: [accuracy]
      seed: 12345678901
      device: cuda:1
      precision: bfloat16
      budget: {steps: 9, evaluations: 5_000, forward_tokens: 3000000000, time: 1h2m3s}
      stop: {patience: 5, target: 0.9, convergence: {window: 4, tolerance: 0.01}}
      autoprompt:
        candidates: 10
        positions: all
        gradient_examples: 11
        evaluation_examples: 12
        filter: [special, labels]
        start: [film, "1", great]
        prune: false
        halving: 4
        objective: label_likelihood
        reference: {batch_size: 2, evaluation_batch_size: 3, accumulation_steps: 4}
      manual_prompts:
        - template: "{sentence} [P] ."
          verbalizer: {negative: bad, positive: good}
      out: runs/x
      """;

  @TempDir private Path folder;

  private ExperimentConfig read(String yaml) {
    return ConfigReader.read(YamlDocument.parse(yaml, "c.yaml"), folder);
  }

  @Test
  void read_shortConfiguration_hasTheDefaults() {
    ExperimentConfig config = read(SHORT);
    assertThat(config.method()).isEqualTo("autoprompt");
    assertThat(config.metric()).isEqualTo("accuracy");
    assertThat(config.seed()).isZero();
    assertThat(config.device()).isEqualTo("auto");
    assertThat(config.budget()).isEqualTo(Budget.ofSteps(100));
    assertThat(config.stop()).isEmpty();
    assertThat(autoPrompt(config)).isEqualTo(AutoPromptConfig.defaults());
    assertThat(config.out()).isEmpty();
    assertThat(config.verbalizer().orElseThrow().toMap().toString())
        .isEqualTo("{negative=[bad], positive=[good, 17, no, 1]}");
  }

  @Test
  void read_everyKey_isKept() {
    ExperimentConfig config = read(LONG);
    assertThat(config.labelSearch().orElseThrow().tokensPerLabel()).isEqualTo(4);
    assertThat(config.labelSearch().orElseThrow().learningRate()).isEqualTo(0.01);
    assertThat(config.seed()).isEqualTo(12345678901L);
    assertThat(config.device()).isEqualTo("cuda:1");
    assertThat(config.budget())
        .isEqualTo(
            Budget.ofSteps(9)
                .withEvaluations(5000)
                .withForwardTokens(3_000_000_000L)
                .withTime(Duration.ofSeconds(3723)));
    assertThat(config.stop())
        .containsExactly(
            new StopRule.Patience(5), new StopRule.Target(0.9), new StopRule.Convergence(4, 0.01));
    assertThat(autoPrompt(config))
        .isEqualTo(
            new AutoPromptConfig(
                10,
                AutoPromptConfig.Positions.ALL,
                11,
                12,
                Set.of(TokenFilter.Rule.SPECIAL, TokenFilter.Rule.LABELS),
                new AutoPromptConfig.Start.Tokens(List.of("film", "1", "great")),
                false,
                4,
                AutoPromptConfig.Objective.LABEL_LIKELIHOOD,
                false,
                Optional.of(new AutoPromptConfig.Reference(2, 3, 4))));
    assertThat(config.manualPrompts()).hasSize(1);
    assertThat(config.out()).contains(folder.resolve("runs/x"));
  }

  /** The steps of a run are the same on one GPU and on several, but not on the CPU. */
  @Test
  void read_severalDevices_areOneTextAndOnlyTheirKindIsPartOfTheIdentity() {
    String several = LONG.replace("device: cuda:1", "device: [cuda:0, cuda:1]");
    assertThat(read(several).device()).isEqualTo("cuda:0,cuda:1");
    assertThat(read(LONG.replace("cuda:1", "'cuda:0, cuda:1'")).device())
        .isEqualTo("cuda:0,cuda:1");
    String identity = read(LONG).identity();
    assertThat(read(several).identity()).isEqualTo(identity);
    assertThat(read(LONG.replace("cuda:1", "cpu")).identity()).isNotEqualTo(identity);
    assertThat(read(LONG.replace("cuda:1", "cpu,cpu")).identity())
        .isEqualTo(read(LONG.replace("cuda:1", "cpu")).identity());
  }

  @Test
  void toJson_readAgain_isTheSameConfiguration() {
    for (String yaml : List.of(SHORT, LONG)) {
      ExperimentConfig config = read(yaml);
      String written = Json.pretty(config.toJson()); // JSON is YAML
      for (String text : List.of(written, YamlDocument.write(config.toJson()))) {
        ExperimentConfig again = read(text);
        assertThat(again.toJson()).isEqualTo(config.toJson());
        assertThat(again.identity()).isEqualTo(config.identity());
      }
    }
  }

  @Test
  void identity_changes_withEverythingButBudgetAndStop() {
    String identity = read(LONG).identity();
    assertThat(read(LONG.replace("steps: 9", "steps: 10")).identity()).isEqualTo(identity);
    assertThat(read(LONG.replace("patience: 5", "patience: 6")).identity()).isEqualTo(identity);
    assertThat(read(LONG.replace("runs/x", "runs/y")).identity()).isEqualTo(identity);
    for (String change : List.of("halving: 4/halving: 8", "12345678901/1", "macro-f1/micro-f1")) {
      String[] pair = change.split("/");
      assertThat(read(LONG.replace(pair[0], pair[1])).identity()).as(change).isNotEqualTo(identity);
    }
  }

  @Test
  void read_relativeTaskFiles_areFoundBesideTheConfigurationThenInTheDataFolder()
      throws IOException {
    Path data = Files.createDirectories(folder.resolve("elsewhere/data"));
    Files.writeString(folder.resolve("train.tsv"), "");
    Files.writeString(data.resolve("train.tsv"), "");
    Files.writeString(data.resolve("dev.tsv"), "");
    String yaml =
        SHORT.replace(
                "task: bundled:sentiment",
                "task: {train: train.tsv, dev: {file: dev.tsv, limit: 3}, test: {from: train, size: 2}}")
            + "data: {dir: elsewhere/data}\n";
    assertThat(read(yaml).task())
        .isEqualTo(
            Json.tree(
                Map.of(
                    "name", "task",
                    "train", Map.of("file", folder.resolve("train.tsv").toString()),
                    "dev", Map.of("file", data.resolve("dev.tsv").toString(), "limit", 3),
                    "test", Map.of("from", "train", "size", 2))));
    assertThatThrownBy(() -> read(yaml.replace("dev.tsv", "no.tsv")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(
            "c.yaml, line 2: there is no file",
            folder.resolve("no.tsv").toString(),
            data.resolve("no.tsv").toString());
  }

  @Test
  void set_overrides_valuesAreReadAsYaml() {
    YamlDocument document = YamlDocument.parse(LONG, "c.yaml");
    document.set("autoprompt.start=random");
    document.set("autoprompt.filter=[special, continuations]");
    document.set("budget.steps=1");
    document.set("manual_prompts.0.template='[P] {sentence}'");
    ExperimentConfig config = ConfigReader.read(document, folder);
    assertThat(autoPrompt(config).start()).isInstanceOf(AutoPromptConfig.Start.RandomTokens.class);
    assertThat(autoPrompt(config).filter())
        .containsExactlyInAnyOrder(TokenFilter.Rule.SPECIAL, TokenFilter.Rule.CONTINUATIONS);
    assertThat(config.budget().steps()).hasValue(1);
    assertThat(config.manualPrompts().get(0).template()).hasToString("[P] {sentence}");
    assertThatThrownBy(() -> document.set("seed.x=1"))
        .hasMessage(
            "--set seed.x=1: 'seed' is a single value, so that nothing can be set inside it.");
    assertThatThrownBy(() -> document.set("manual_prompts.7.template=x"))
        .hasMessageContaining("'manual_prompts' is a list of 1");
  }

  @Test
  void read_bundledTask_hasSixHundredFourHundredFourHundred() {
    var task = BundledTask.named("bundled:sentiment").load();
    assertThat(task.train()).hasSize(600);
    assertThat(task.dev()).hasSize(400);
    assertThat(task.test()).hasSize(400);
    assertThat(task.labels()).containsExactly("negative", "positive");
    assertThat(task.train().get(0).id()).isEqualTo("train:1");
    assertThat(task.fields()).containsExactly("sentence");
  }

  @Test
  void durations_everyForm_isReadAndWritten() {
    for (String form : List.of("0s", "90s", "10m", "2h", "1h30m", "1h1s", "59m59s")) {
      Duration duration = Durations.parse(form);
      assertThat(Durations.parse(Durations.format(duration))).as(form).isEqualTo(duration);
    }
    assertThat(Durations.parse("1h30m")).isEqualTo(Duration.ofMinutes(90));
    assertThat(Durations.format(Duration.ofSeconds(90))).isEqualTo("1m30s");
    for (String bad : List.of("", "10", "m", "1.5h", "-3s", "10s5m")) {
      assertThatThrownBy(() -> Durations.parse(bad))
          .as(bad)
          .isInstanceOf(InvalidInputException.class);
    }
  }

  @Test
  void nearest_misspeltWords_areFound() {
    List<String> known = List.of("--seed", "--device", "--set", "--out");
    assertThat(Nearest.to("--sed", known)).contains("--seed");
    assertThat(Nearest.to("--devcie", known)).contains("--device");
    assertThat(Nearest.to("--bananas", known)).isEmpty();
    assertThat(Nearest.distance("ab", "ba")).isEqualTo(1);
    assertThat(Nearest.distance("kitten", "sitting")).isEqualTo(3);
    assertThat(Nearest.distance("", "abc")).isEqualTo(3);
  }

  private static AutoPromptConfig autoPrompt(ExperimentConfig config) {
    return ((AutoPromptMethod) config.settings()).config();
  }
}
