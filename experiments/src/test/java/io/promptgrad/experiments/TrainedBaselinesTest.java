package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Methods that learn weights write the same results as searches do. */
class TrainedBaselinesTest {

  @TempDir static Path folder;
  static TinyWorld world;

  @BeforeAll
  static void makeWorld() throws IOException {
    world = TinyWorld.create(folder);
    for (String split : List.of("train", "dev", "test")) {
      Files.writeString(world.file(split + ".tsv"), rows());
    }
    Files.writeString(
        world.file("probe.yaml"),
        """
        method: linear-probe
        model: model
        task: task.yaml
        template: "{sentence} [P]"
        probe: {epochs: 60, learning_rate: 0.05}
        """);
    Files.writeString(
        world.file("finetune.yaml"),
        """
        method: finetune
        model: model
        task: task.yaml
        template: "{sentence} [P]"
        verbalizer: {negative: bad, positive: good}
        finetune: {epochs: 3, batch_size: 2, learning_rate: 0.003, dropout: 0}
        manual_prompts: [{template: "{sentence} it was [P] ."}]
        """);
  }

  /** One word makes the label. */
  private static String rows() {
    StringBuilder rows = new StringBuilder("sentence\tlabel\n");
    for (int i = 0; i < 60; i++) {
      String rest = "it was ".repeat(i % 3);
      rows.append(rest).append(i % 2 == 0 ? "great\tpositive\n" : "awful\tnegative\n");
    }
    return rows.toString();
  }

  private static JsonNode run(String config, Path out) throws IOException {
    CommandLineRun run = CommandLineRun.of("run", world.file(config), "--out", out, "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode json = Json.parse(run.out());
    assertThat(json).isEqualTo(Json.parse(Files.readString(out.resolve("result.json"))));
    assertThat(out.resolve("report.html")).exists();
    assertThat(Files.readAllLines(out.resolve("outcomes/found.test.jsonl"))).hasSize(60);
    return json;
  }

  @Test
  void probe_onTheTinyTask_learnsIt() throws IOException {
    JsonNode json = run("probe.yaml", folder.resolve("probe"));
    assertThat(json.path("method").asText()).isEqualTo("linear-probe");
    assertThat(json.path("found").path("kind").asText()).isEqualTo("classifier");
    assertThat(json.path("found").path("test").path("value").asDouble()).isEqualTo(1);
    assertThat(json.path("comparison").path("majority").path("test").asText()).isEqualTo("mcnemar");
    assertThat(json.path("cost").path("forward_tokens").asLong()).isPositive();
    assertThat(json.path("stopped_by").asText()).isEqualTo("finished");
    String config = Files.readString(folder.resolve("probe/config.yaml"));
    assertThat(config)
        .contains("pooling: \"mean\"")
        .doesNotContain("budget", "autoprompt", "finetune");
  }

  @Test
  void finetune_onTheTinyTask_learnsItAndLeavesAModel() throws IOException {
    Path out = folder.resolve("finetuned");
    JsonNode json = run("finetune.yaml", out);
    assertThat(json.path("found").path("kind").asText()).isEqualTo("weights");
    assertThat(json.path("found").path("test").path("value").asDouble()).isGreaterThan(0.9);
    assertThat(json.path("baselines").has("manual")).isTrue();
    assertThat(json.path("cost").path("steps").asInt()).isEqualTo(90);
    CommandLineRun eval =
        CommandLineRun.of(
            "eval",
            "--prompt",
            out,
            "--model",
            out.resolve("model"),
            "--task",
            world.file("task.yaml"),
            "--json");
    assertThat(eval.code()).as(eval.err()).isZero();
    assertThat(Json.parse(eval.out()).path("found").path("test"))
        .isEqualTo(json.path("found").path("test"));
  }

  /** As if it had been killed when all epochs were done and the result was not. */
  @ParameterizedTest
  @CsvSource({"probe.yaml", "finetune.yaml"})
  void resume_ofARunWithoutResult_reachesTheSame(String config) throws IOException {
    Path out = folder.resolve("resumed " + config);
    ObjectNode first = (ObjectNode) run(config, out);
    Files.delete(out.resolve("result.json"));
    CommandLineRun resumed = CommandLineRun.of("resume", out, "--json");
    assertThat(resumed.code()).as(resumed.err()).isZero();
    ObjectNode second = (ObjectNode) Json.parse(resumed.out());
    for (ObjectNode json : List.of(first, second)) {
      ((ObjectNode) json.path("cost")).remove("seconds");
    }
    assertThat(second).isEqualTo(first);
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource(
      delimiter = ';',
      textBlock =
          """
          probe.yaml; budget={steps: 3}; belongs to searches
          probe.yaml; label_search={}; has no use for 'label_search'
          probe.yaml; probe.pooling=max; 'probe.pooling' is 'max'
          probe.yaml; probe.learning_rate=0; above 0
          probe.yaml; template='{sentence} [T] [P]'; which linear-probe does not fill
          finetune.yaml; finetune.dropout=1; below 1
          finetune.yaml; finetune.epochs=0; at least 1
          finetune.yaml; verbalizer={negative: bad}; 'positive'
          finetune.yaml; probe={}; belongs to the method linear-probe
          finetune.yaml; method=fine-tune; did you mean 'finetune'
          """)
  void run_badInput_endsWithOneSentence(String config, String assignment, String expected) {
    Path out = folder.resolve("bad");
    CommandLineRun run =
        CommandLineRun.of("run", world.file(config), "--out", out, "--set", assignment);
    assertThat(run.code()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(expected);
    assertThat(run.errLines()).hasSize(1);
    assertThat(out).doesNotExist();
  }

  @Test
  void search_withoutAFile_knowsTheProbe() {
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "linear-probe",
            "--model",
            world.model(),
            "--task",
            world.file("task.yaml"),
            "--template",
            "{sentence} [P]",
            "--out",
            folder.resolve("searched"));
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out()).contains("linear-probe", "majority class");
  }
}
