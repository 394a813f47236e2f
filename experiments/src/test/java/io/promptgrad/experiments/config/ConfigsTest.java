package io.promptgrad.experiments.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.data.Catalogue;
import io.promptgrad.data.DataDirectory;
import io.promptgrad.experiments.execution.DataIntake;
import io.promptgrad.gradient.blackbox.BlackBoxConfig;
import io.promptgrad.gradient.coordinate.GcgConfig;
import io.promptgrad.gradient.discrete.AutoPromptConfig;
import io.promptgrad.gradient.discrete.AutoPromptConfig.Reference;
import io.promptgrad.gradient.policy.RlPrompt;
import io.promptgrad.gradient.soft.PromptTuning;
import io.promptgrad.search.Budget;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every file in configs/ is read, with tiny data of the same layouts. */
class ConfigsTest {

  private static final Path ROOT = Path.of("").toAbsolutePath();
  private static final Path CONFIGS = ROOT.resolve("configs");
  private static final Path LAYOUTS =
      ROOT.resolveSibling("toolkit").resolve("core/src/test/resources/io/promptgrad/data/layouts");

  @TempDir static Path folder;

  @BeforeAll
  static void makeData() throws IOException {
    for (String name :
        List.of(
            "sst2",
            "sst2-16",
            "sick-e",
            "lama-trex",
            "lama-trex-roberta",
            "lama-trex-evidence",
            "pararel",
            "cb",
            "rte",
            "fewglue-cb",
            "fewglue-rte",
            "fewglue-boolq",
            "fewglue-wic")) {
      DataIntake.importFrom(
          Catalogue.builtIn().get(name),
          LAYOUTS,
          true,
          new DataDirectory(folder, Catalogue.builtIn()));
    }
    for (String file : List.of("common_vocab_cased.txt", "common_vocab_cased_be_ro_al.txt")) {
      Files.createDirectories(folder.resolve("lama"));
      Files.writeString(folder.resolve("lama").resolve(file), "Rome\nOslo\nParis\n");
    }
  }

  private static YamlDocument document(String name) {
    YamlDocument document = YamlDocument.read(CONFIGS.resolve(name));
    document.set("data.dir=" + folder);
    return document;
  }

  private static ExperimentConfig read(String name, String... assignments) {
    YamlDocument document = document(name);
    for (String assignment : assignments) {
      document.set(assignment);
    }
    if (document.root().path("facts").has("relations")) {
      String relation = name.startsWith("relations") ? "P36" : "P19"; // which the tiny data have
      document.set("facts.relations=[" + relation + "]");
      return RelationsConfig.read(document, CONFIGS).orElseThrow().experiments().get(relation);
    }
    return ConfigReader.read(document, CONFIGS);
  }

  private static List<String> relations(String name) {
    List<String> relations = new ArrayList<>();
    document(name).root().path("facts").path("relations").forEach(r -> relations.add(r.asText()));
    return relations;
  }

  private static final Map<String, String> MODELS = new LinkedHashMap<>();

  static {
    for (String roberta :
        List.of(
            "autoprompt-sst2",
            "facts-lama",
            "relations-trex",
            "sick-e",
            "probe-sst2",
            "finetune-sst2")) {
      MODELS.put(roberta + "-roberta-large.yaml", "FacebookAI/roberta-large");
      MODELS.put(roberta + "-bert-base-cased.yaml", "google-bert/bert-base-cased");
    }
    MODELS.put("prompt-tuning-sst2-t5-large.yaml", "google/t5-large-lm-adapt");
    MODELS.put("p-tuning-v2-sst2-roberta-large.yaml", "FacebookAI/roberta-large");
    for (String method : List.of("bbt", "bbtv2", "rlprompt")) {
      MODELS.put(method + "-sst2-16-roberta-large.yaml", "FacebookAI/roberta-large");
    }
    for (String bundled :
        List.of(
            "autoprompt-sst2",
            "facts-lama",
            "p-tuning-fewglue-boolq",
            "p-tuning-fewglue-cb",
            "p-tuning-fewglue-rte",
            "p-tuning-fewglue-wic",
            "prompt-tuning-sst2",
            "relations-trex",
            "sentiment",
            "soft-sentiment",
            "soft-sst2-16",
            "sick-e",
            "sick-e-balanced",
            "sick-e-two-way",
            "sick-e-probe",
            "sick-e-finetune",
            "bbt-sst2-16",
            "bbtv2-sst2-16",
            "rlprompt-sst2-16",
            "reinforce-sst2-16")) {
      MODELS.put(bundled + ".yaml", "bundled:mini-roberta");
    }
  }

  @Test
  void files_all_areReadAndReadAgain() throws IOException {
    try (Stream<Path> files = Files.list(CONFIGS)) {
      assertThat(
              files
                  .filter(Files::isRegularFile)
                  .map(file -> file.getFileName().toString())
                  .filter(name -> !TARGETS.containsKey(name)))
          .containsExactlyInAnyOrderElementsOf(MODELS.keySet());
    }
    MODELS.forEach(
        (name, model) -> {
          ExperimentConfig config = read(name);
          assertThat(config.model()).as(name).isEqualTo(model);
          ExperimentConfig again =
              ConfigReader.read(
                  YamlDocument.parse(YamlDocument.write(config.toJson()), name), CONFIGS);
          // Else a run that was killed could not be resumed.
          assertThat(again.identity()).as(name).isEqualTo(config.identity());
          // Else a leaderboard would not know its own runs.
          assertThat(config.isRun(again, config.model())).as(name).isTrue();
        });
  }

  private static final Map<String, String> TARGETS =
      Map.of(
          "target-greeting.yaml",
          "bundled:mini-llama",
          "target-greeting-qwen2.5-0.5b.yaml",
          "Qwen/Qwen2.5-0.5B-Instruct");

  @Test
  void targets_all_areReadAndReadAgain() {
    TARGETS.forEach(
        (name, model) -> {
          TargetConfig config = TargetConfig.read(document(name), CONFIGS).orElseThrow();
          assertThat(config.model()).isEqualTo(model);
          TargetConfig again =
              TargetConfig.read(
                      YamlDocument.parse(YamlDocument.write(config.toJson()), name), CONFIGS)
                  .orElseThrow();
          assertThat(again.identity()).as(name).isEqualTo(config.identity());
        });
    TargetConfig paper =
        TargetConfig.read(document("target-greeting-qwen2.5-0.5b.yaml"), CONFIGS).orElseThrow();
    assertThat(paper.discrete().gcg()).isEqualTo(GcgConfig.original());
    assertThat(paper.budget()).isEqualTo(Budget.ofSteps(500));
    assertThat(paper.tokens()).isEqualTo(20);
  }

  @Test
  void promptTuning_ofThePaper_hasItsSettings() {
    SoftMethod method = (SoftMethod) read("prompt-tuning-sst2-t5-large.yaml").settings();
    assertThat(method.config(method.start().orElseThrow())).isEqualTo(PromptTuning.paper());
  }

  @Test
  void facts_ofThePaper_haveItsSettings() {
    for (String model : List.of("bert-base-cased", "roberta-large")) {
      String name = "facts-lama-" + model + ".yaml";
      assertThat(relations(name)).hasSize(41).contains("P19", "P527", "P1376");
      assertThat(new TreeSet<>(relations(name))).hasSize(41);
      ExperimentConfig config = read(name);
      assertThat(config.budget()).isEqualTo(Budget.ofSteps(1000));
      assertThat(config.template().triggerCount()).isEqualTo(5);
      AutoPromptConfig search = autoPrompt(config);
      assertThat(search.candidates()).isEqualTo(10);
      assertThat(search.reference()).contains(new Reference(56, 56, 1));
      assertThat(search.replaceMasks()).isTrue();
      assertThat(search.objective()).isEqualTo(AutoPromptConfig.Objective.LIKELIHOOD);
      assertThat(config.metric()).isEqualTo("p@1");
      assertThat(config.otherMetrics()).containsExactly("p@10", "mrr");
      assertThat(config.manualPrompts())
          .extracting(prompt -> prompt.template().toString())
          .containsExactly("{sub_label} first saw light in [P] .");
    }
    assertThat(read("facts-lama-roberta-large.yaml").task().path("name").asText())
        .isEqualTo("lama-trex-roberta/P19");
    assertThat(read("facts-lama-roberta-large.yaml").facts().orElseThrow().vocabulary())
        .contains(folder.resolve("lama/common_vocab_cased_be_ro_al.txt"));
  }

  @Test
  void relationExtraction_ofThePaper_hasItsSettings() {
    for (String model : List.of("bert-base-cased", "roberta-large")) {
      String name = "relations-trex-" + model + ".yaml";
      assertThat(relations(name)).hasSize(39).doesNotContain("P527", "P1376");
      ExperimentConfig config = read(name);
      assertThat(config.budget()).isEqualTo(Budget.ofSteps(500));
      assertThat(autoPrompt(config).reference()).contains(new Reference(32, 32, 1));
      assertThat(config.facts().orElseThrow().context().orElseThrow().words()).isEqualTo(50);
      assertThat(config.facts().orElseThrow().context().orElseThrow().perturbed()).isFalse();
      assertThat(
              read(name, "facts.context.perturbed=true")
                  .facts()
                  .orElseThrow()
                  .context()
                  .orElseThrow()
                  .perturbed())
          .isTrue();
      assertThat(config.template().fields()).containsExactly("context", "sub_label");
    }
  }

  @Test
  void entailment_hasThreeSets() {
    assertThat(read("sick-e.yaml").task().path("balanced").asBoolean()).isFalse();
    assertThat(read("sick-e-balanced.yaml").task().path("balanced").asBoolean()).isTrue();
    assertThat(read("sick-e-balanced.yaml").task().has("keep_labels")).isFalse();
    ExperimentConfig twoWay = read("sick-e-two-way.yaml");
    assertThat(twoWay.task().path("keep_labels")).hasSize(2);
    assertThat(twoWay.task().path("balanced").asBoolean()).isTrue();
    for (String model : List.of("bert-base-cased", "roberta-large")) {
      ExperimentConfig config =
          read(
              "sick-e-" + model + ".yaml",
              "task.balanced=true",
              "task.keep_labels=[entailment, contradiction]");
      assertThat(autoPrompt(config).reference()).contains(new Reference(120, 120, 10));
      assertThat(config.labelSearch()).isPresent();
      assertThat(config.template().toString())
          .isEqualTo("{sentence_A} [P] [T] [T] [T] [T] {sentence_B}");
    }
  }

  @Test
  void gradientFree_ofThePapers_haveTheirSettings() {
    for (String method : List.of("bbt", "bbtv2", "rlprompt")) {
      ExperimentConfig config = read(method + "-sst2-16-roberta-large.yaml");
      assertThat(config.budget()).isEqualTo(Budget.UNLIMITED); // they end by themselves
      assertThat(config.settings()).isInstanceOf(GradientFreeConfig.class);
    }
    BlackBoxConfig bbt =
        ((GradientFreeConfig) read("bbt-sst2-16-roberta-large.yaml").settings()).blackBox();
    assertThat(bbt).isEqualTo(BlackBoxConfig.original());
    GradientFreeConfig rlPrompt =
        ((GradientFreeConfig) read("rlprompt-sst2-16-roberta-large.yaml").settings());
    assertThat(rlPrompt.rlPrompt()).isEqualTo(RlPrompt.Config.original());
    assertThat(rlPrompt.policy()).contains("distilbert/distilgpt2");
    assertThat(((GradientFreeConfig) read("rlprompt-sst2-16.yaml").settings()).policy())
        .contains("bundled:mini-llama");
  }

  @Test
  void sentiment_ofThePaper_hasItsSettings() {
    for (String model : List.of("bert-base-cased", "roberta-large")) {
      ExperimentConfig config = read("autoprompt-sst2-" + model + ".yaml");
      assertThat(config.budget()).isEqualTo(Budget.ofSteps(180));
      assertThat(autoPrompt(config).candidates()).isEqualTo(100);
      assertThat(autoPrompt(config).reference()).contains(new Reference(24, 48, 30));
      assertThat(config.template().triggerCount()).isEqualTo(3);
      assertThat(((ProbeMethod) read("probe-sst2-" + model + ".yaml").settings()).config().epochs())
          .isEqualTo(10);
      assertThat(
              ((FineTuningMethod) read("finetune-sst2-" + model + ".yaml").settings())
                  .config()
                  .learningRate())
          .isEqualTo(2e-5);
    }
    assertThat(read("autoprompt-sst2-roberta-large.yaml").verbalizer()).isPresent();
    assertThat(read("autoprompt-sst2-bert-base-cased.yaml").labelSearch()).isPresent();
    assertThat(autoPrompt(read("autoprompt-sst2.yaml")).reference()).isEqualTo(Optional.empty());
  }

  private static AutoPromptConfig autoPrompt(ExperimentConfig config) {
    return ((AutoPromptMethod) config.settings()).config();
  }
}
