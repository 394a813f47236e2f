package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.execution.Interrupt;
import io.promptgrad.files.Json;
import io.promptgrad.models.BundledModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandTest {

  @TempDir private static Path folder;
  private static TinyWorld world;
  private static Path done;
  private static JsonNode result;

  @BeforeAll
  static void runOnce() throws IOException {
    world = TinyWorld.create(folder.resolve("world"));
    done = folder.resolve("done");
    CommandLineRun run = CommandLineRun.of("run", world.file("run.yaml"), "--out", done, "--json");
    assertThat(run.code()).as(run.err()).isZero();
    result = Json.parse(run.out()); // strict: one object and nothing else
  }

  @Test
  void run_json_isTheResultFile() throws IOException {
    assertThat(result).isEqualTo(Json.parse(Files.readString(done.resolve("result.json"))));
    assertThat(result.path("method").asText()).isEqualTo("autoprompt");
    assertThat(result.path("task").asText()).isEqualTo("tiny");
    assertThat(result.path("baselines").path("majority").path("test").path("value").asDouble())
        .isEqualTo(0.5);
    assertThat(result.path("baselines").path("manual").path("dev").path("n").asInt()).isEqualTo(60);
    assertThat(result.path("found").path("token_ids")).hasSize(3);
    assertThat(result.path("cost").path("steps").asInt()).isEqualTo(3);
    assertThat(result.path("stopped_by").asText()).isEqualTo("budget");
    assertThat(result.path("comparison").path("versus").asText()).isEqualTo("manual");
  }

  @Test
  void run_manualPrompts_bestOnDevIsReported() throws IOException {
    JsonNode manual = Json.parse(Files.readString(done.resolve("baselines.json"))).path("manual");
    JsonNode values = manual.path("dev_values");
    int chosen = manual.path("chosen").asInt();
    assertThat(values).hasSize(2);
    assertThat(values.get(chosen).asDouble())
        .isEqualTo(Math.max(values.get(0).asDouble(), values.get(1).asDouble()))
        .isEqualTo(manual.path("dev").path("value").asDouble());
  }

  @Test
  void run_itsOwnConfig_repeatsTheRun() throws IOException {
    Path again = folder.resolve("again");
    CommandLineRun run =
        CommandLineRun.of("run", done.resolve("config.yaml"), "--out", again, "--json");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(timeless(Json.parse(run.out()))).isEqualTo(timeless(result));
    assertThat(Files.readString(again.resolve("config.yaml")))
        .isEqualTo(Files.readString(done.resolve("config.yaml")));
  }

  /** The same bits and the same costs; only what it ran on is told differently. */
  @Test
  void run_onThreeReplicas_isTheRunOnOne() throws IOException {
    Path several = folder.resolve("several");
    CommandLineRun run =
        CommandLineRun.of(
            "run", world.file("run.yaml"), "--device", "cpu,cpu,cpu", "--out", several, "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode other = Json.parse(run.out());
    assertThat(other.path("device").asText()).isEqualTo("cpu,cpu,cpu");
    assertThat(result.path("device").asText()).isEqualTo("cpu");
    ObjectNode alike = timeless(other).put("device", "cpu");
    assertThat(alike).isEqualTo(timeless(result));
    assertThat(Files.readString(several.resolve("outcomes/found.test.jsonl")))
        .isEqualTo(Files.readString(done.resolve("outcomes/found.test.jsonl")));
    assertThat(Json.parse(Files.readString(several.resolve("environment.json"))).path("device"))
        .hasToString(
            "\"cpu, %d processors, 3 replicas, float32\""
                .formatted(Runtime.getRuntime().availableProcessors()));
  }

  @Test
  void resume_onOtherDevicesOfTheKind_goesOnAndReachesTheSame() throws IOException {
    Path part = folder.resolve("part");
    CommandLineRun first =
        CommandLineRun.of(
            "run", world.file("run.yaml"), "--set", "budget.steps=1", "--out", part, "--json");
    assertThat(first.code()).as(first.err()).isZero();
    CommandLineRun rest =
        CommandLineRun.of(
            "resume", part, "--set", "budget.steps=3", "--set", "device=[cpu, cpu]", "--json");
    assertThat(rest.code()).as(rest.err()).isZero();
    ObjectNode json = timeless(Json.parse(rest.out()));
    assertThat(json.path("device").asText()).isEqualTo("cpu,cpu");
    assertThat(json.put("device", "cpu")).isEqualTo(timeless(result));
    CommandLineRun otherKind = CommandLineRun.of("resume", part, "--set", "device=cuda:0");
    assertThat(otherKind.code()).isEqualTo(2);
    assertThat(otherKind.err()).contains("devices of the same kind");
  }

  @Test
  void verify_onSeveralDevices_isRefused() {
    CommandLineRun run = CommandLineRun.of("verify", "--device", "cpu,cpu", world.model());
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("one device");
  }

  @Test
  void search_sameAsTheConfiguration_findsTheSame() throws IOException {
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "autoprompt",
            "--model",
            world.model(),
            "--task",
            world.file("task.yaml"),
            "--template",
            TinyWorld.TEMPLATE,
            "--label",
            "negative=bad,awful",
            "--label",
            "positive=good,great",
            "--set",
            "budget.steps=3",
            "--set",
            "autoprompt={candidates: 4, gradient_examples: 8, evaluation_examples: 16}",
            "--out",
            folder.resolve("search"),
            "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode found = Json.parse(run.out());
    assertThat(found.path("found").path("token_ids"))
        .isEqualTo(result.path("found").path("token_ids"));
    assertThat(found.path("comparison").path("versus").asText()).isEqualTo("majority");
  }

  @Test
  void search_withoutLabels_searchesLabelTokensOnce() throws IOException {
    Path out = folder.resolve("labels");
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "autoprompt",
            "--model",
            world.model(),
            "--task",
            world.file("task.yaml"),
            "--template",
            TinyWorld.TEMPLATE,
            "--set",
            "budget.steps=1",
            "--set",
            "label_search={tokens_per_label: 2, epochs: 3}",
            "--out",
            out,
            "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode kept = Json.parse(Files.readString(out.resolve("baselines.json")));
    JsonNode prompt = Json.parse(Files.readString(out.resolve("prompt/prompt.json")));
    assertThat(prompt.path("verbalizer")).isEqualTo(kept.path("label_search").path("token_ids"));
    assertThat(prompt.path("verbalizer").path("negative")).hasSize(2);
  }

  @Test
  void eval_savedPrompt_scoresAsTheRunDid() throws IOException {
    for (String split : new String[] {"dev", "test"}) {
      Path out = folder.resolve("eval-" + split);
      CommandLineRun run =
          CommandLineRun.of(
              "eval",
              "--prompt",
              done,
              "--model",
              world.model(),
              "--task",
              world.file("task.yaml"),
              "--split",
              split,
              "--json",
              "--out",
              out);
      assertThat(run.code()).as(run.err()).isZero();
      assertThat(Json.parse(run.out()).path("found").path(split))
          .isEqualTo(result.path("found").path(split));
      assertThat(out.resolve("outcomes/found." + split + ".jsonl")).isNotEmptyFile();
    }
  }

  @Test
  void resume_endedRun_showsItsResult() throws IOException {
    CommandLineRun run = CommandLineRun.of("resume", done, "--json");
    assertThat(run.code()).isZero();
    assertThat(Json.parse(run.out())).isEqualTo(result);
  }

  @Test
  void resume_moreBudget_goesOnAsOneRunWouldHave() throws IOException {
    Path longer = folder.resolve("longer");
    CommandLineRun.of("run", world.file("run.yaml"), "--out", longer, "--set", "budget.steps=5");
    Path extended = folder.resolve("extended");
    CommandLineRun.of("run", world.file("run.yaml"), "--out", extended);
    CommandLineRun run = CommandLineRun.of("resume", extended, "--set", "budget.steps=5", "--json");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(timeless(Json.parse(run.out())))
        .isEqualTo(timeless(Json.parse(Files.readString(longer.resolve("result.json")))));
    assertThat(Files.readString(extended.resolve("config.yaml")))
        .isEqualTo(Files.readString(longer.resolve("config.yaml")));
  }

  @Test
  void resume_otherSeed_isRefused() {
    CommandLineRun run = CommandLineRun.of("resume", done, "--set", "seed=3");
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).startsWith("--set seed=3: a run can go on with");
  }

  @Test
  void run_interruptedBeforeTheSearch_resumesToTheSameResult() throws IOException {
    Path out = folder.resolve("interrupted");
    Interrupt interrupt = new Interrupt();
    interrupt.request();
    CommandLineRun run =
        CommandLineRun.of(interrupt, "run", world.file("run.yaml"), "--out", out, "--json");
    assertThat(run.code()).isEqualTo(130);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("Continue with: promptgrad resume " + out);
    CommandLineRun resumed = CommandLineRun.of("resume", out, "--json");
    assertThat(timeless(Json.parse(resumed.out()))).isEqualTo(timeless(result));
  }

  @Test
  void report_oneAndSeveral_writePages() throws IOException {
    Files.delete(done.resolve("report.html"));
    assertThat(CommandLineRun.of("report", done).code()).isZero();
    assertThat(done.resolve("report.html")).content().contains("autoprompt on tiny");
    Path page = folder.resolve("comparison.html");
    CommandLineRun run = CommandLineRun.of("report", done, done, "--out", page, "--json");
    assertThat(Json.parse(run.out()).path("report").asText()).isEqualTo(page.toString());
    assertThat(page).isNotEmptyFile();
  }

  @Test
  void verify_goldenThatIsWrong_endsWithCode1() throws IOException {
    Path shared = SharedFolder.find();
    Path copy = Files.createDirectories(folder.resolve("wrong"));
    Path original = shared.resolve("fixtures/parity/roberta");
    try (var files = Files.list(original)) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    CommandLineRun good = CommandLineRun.of("verify", copy, "--json");
    assertThat(good.code()).as(good.err()).isZero();
    assertThat(Json.parse(good.out()).path("ok").asBoolean()).isTrue();
    Files.writeString(
        copy.resolve("config.json"),
        Files.readString(copy.resolve("config.json"))
            .replace("\"layer_norm_eps\": 1e-05", "\"layer_norm_eps\": 1e-01"));
    CommandLineRun bad = CommandLineRun.of("verify", copy, "--json");
    assertThat(bad.code()).isEqualTo(1);
    JsonNode json = Json.parse(bad.out());
    assertThat(json.path("ok").asBoolean()).isFalse();
    assertThat(json.path("folders").get(0).path("mismatches")).isNotEmpty();
    assertThat(CommandLineRun.of("verify", copy).out()).contains("MISMATCH", "0 of 1 folders");
  }

  @Test
  void modelsAndDoctor_bundledModel_areWell() throws IOException {
    assumeThat(BundledModel.class.getResource("mini-roberta/model.safetensors"))
        .as("the bundled weights")
        .isNotNull();
    CommandLineRun models = CommandLineRun.of("models", "list", "--json");
    assertThat(Json.parse(models.out()).path("models").get(0).path("parameters").asLong())
        .isEqualTo(4_180_992);
    CommandLineRun doctor = CommandLineRun.of("doctor", "--json");
    assertThat(doctor.code()).as(doctor.out()).isZero();
    JsonNode findings = Json.parse(doctor.out()).path("findings");
    assertThat(Json.parse(doctor.out()).path("ok").asBoolean()).isTrue();
    assertThat(findings.findValuesAsText("name"))
        .contains("java", "versions", "libtorch", "bindings", "telemetry", "tokenizers", "cpu")
        .containsSubsequence("cpu float32", "cpu bfloat16");
    for (JsonNode finding : findings) {
      switch (finding.path("name").asText()) {
        case "libtorch" -> assertThat(finding.path("value").asText()).contains("because");
        case "telemetry" -> assertThat(finding.path("value").asText()).contains("off");
        case "tokenizers" -> assertThat(finding.path("value").asText()).contains("cpu");
        case "cpu bfloat16" ->
            assertThat(finding.path("value").asText()).contains("relative difference");
        default -> assertThat(finding.path("ok").asBoolean()).isTrue();
      }
    }
  }

  @Test
  void quickstart_oneStep_runsOnTheBundledModelAndTask() throws IOException {
    assumeThat(BundledModel.class.getResource("mini-roberta/model.safetensors"))
        .as("the bundled weights")
        .isNotNull();
    CommandLineRun run =
        CommandLineRun.of(
            "quickstart",
            "--out",
            folder.resolve("quickstart"),
            "--set",
            "budget.steps=1",
            "--set",
            "autoprompt.candidates=2",
            "--set",
            "manual_prompts=[{template: '{sentence} [P]'}]");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out()).contains("majority class", "best manual prompt", "p = ", "report.html");
  }

  private static ObjectNode timeless(JsonNode json) {
    ObjectNode copy = json.deepCopy();
    ((ObjectNode) copy.path("cost")).remove("seconds");
    copy.remove("run_dir");
    return copy;
  }
}
