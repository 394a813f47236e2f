package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.execution.Interrupt;
import io.promptgrad.files.Json;
import io.promptgrad.models.BundledModel;
import io.promptgrad.run.RunDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
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
    JsonNode comparison = result.path("comparison");
    assertThat(comparison.properties())
        .extracting(Map.Entry::getKey)
        .containsExactly("majority", "manual");
    for (String baseline : List.of("majority", "manual")) {
      JsonNode versus = comparison.path(baseline);
      double difference =
          value(result.path("found")) - value(result.path("baselines").path(baseline));
      assertThat(versus.path("difference").asDouble()).isCloseTo(difference, within(1e-12));
      assertThat(versus.path("wins").asInt() - versus.path("losses").asInt())
          .isEqualTo(Math.round(60 * difference));
      assertThat(versus.path("p").asDouble()).isBetween(0.0, 1.0);
    }
  }

  private static double value(JsonNode scores) {
    return scores.path("test").path("value").asDouble();
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
    assertThat(found.path("comparison").has("majority")).isTrue();
    assertThat(found.path("comparison").has("manual")).isFalse();
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
    // What the label search used is part of the cost.
    JsonNode used = kept.path("label_search").path("cost");
    assertThat(used.path("evaluations").asInt()).isEqualTo(60);
    assertThat(used.path("forward_tokens").asInt()).isGreaterThan(60 * 7);
    JsonNode step = Json.parse(Files.readString(out.resolve("trace.jsonl")).strip()).path("cost");
    assertThat(Json.parse(run.out()).path("cost").path("forward_tokens").asInt())
        .isEqualTo(used.path("forward_tokens").asInt() + step.path("forward_tokens").asInt());
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

  /** Metrics asked for besides the first were computed and thrown away. */
  @Test
  void run_otherMetrics_areInResultConsoleAndReport() throws IOException {
    Path out = folder.resolve("metrics");
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            world.file("run.yaml"),
            "--out",
            out,
            "--set",
            "budget.steps=1",
            "--set",
            "other_metrics=[macro-f1, mrr]");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode json = Json.parse(Files.readString(out.resolve("result.json")));
    // One of two balanced labels always: F1 is 2 * 30 / (2 * 30 + 30) and 0; ranks are 1 and 2.
    JsonNode majority = json.path("baselines").path("majority").path("test").path("other_metrics");
    assertThat(majority.path("macro-f1").asDouble()).isCloseTo(1.0 / 3, within(1e-12));
    assertThat(majority.path("mrr").asDouble()).isCloseTo(0.75, within(1e-12));
    double mrr = json.path("found").path("dev").path("other_metrics").path("mrr").asDouble();
    assertThat(mrr)
        .isCloseTo(0.5 + json.path("found").path("dev").path("value").asDouble() / 2, within(1e-9));
    assertThat(run.out())
        .containsPattern("majority class .*\\R  macro-f1 +0[.]333 +0[.]333 *\\R  mrr");
    assertThat(out.resolve("report.html"))
        .content()
        .contains("<th class=\"num\">test</th><th class=\"num\">macro-f1</th>")
        .contains("<td class=\"num\">0.333</td><td class=\"num\">0.750</td>");
    assertThat(CommandLineRun.of("resume", out, "--json").out())
        .isEqualTo(Files.readString(out.resolve("result.json")));
  }

  /** The prompt was chosen by accuracy whatever the metric. */
  @Test
  void run_otherMetric_choosesByItOnDev() throws IOException {
    Path out = folder.resolve("by-f1");
    CommandLineRun run =
        CommandLineRun.of(
            "run", world.file("run.yaml"), "--out", out, "--set", "metric=macro-f1", "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode json = Json.parse(run.out());
    List<String> trace = Files.readAllLines(out.resolve("trace.jsonl"));
    JsonNode best = Json.parse(trace.get(trace.size() - 1)).path("best");
    double f1 = json.path("found").path("dev").path("value").asDouble();
    assertThat(best.path("dev").asDouble()).isCloseTo(f1, within(1e-9));
    assertThat(f1 * 60).isNotCloseTo(Math.round(f1 * 60), within(1e-6)); // no accuracy of 60
    assertThat(json.path("comparison").path("majority").path("test").asText()).isEqualTo("swap");
    assertThat(json.path("warnings").toString()).doesNotContain("chooses by accuracy");
  }

  /** With a column of row numbers no leak was ever seen, and during the run nothing was said. */
  @Test
  void runAndEval_leakBehindARowNumber_isSaidAndKept() throws IOException {
    TinyWorld leaky = TinyWorld.create(folder.resolve("leaky"));
    List<String> train = Files.readAllLines(leaky.file("train.tsv"));
    Files.writeString(
        leaky.file("dev.tsv"), numbered(Files.readAllLines(leaky.file("dev.tsv")), 1));
    Files.writeString(leaky.file("train.tsv"), numbered(train, 1000));
    Files.writeString(leaky.file("test.tsv"), numbered(train, 2000));
    Path out = folder.resolve("leaky-run");
    CommandLineRun run = CommandLineRun.of("run", leaky.file("run.yaml"), "--out", out, "--json");
    assertThat(run.code()).as(run.err()).isZero();
    String leak = "60 of the texts of test also occur in train";
    assertThat(run.err()).contains("Warning: " + leak);
    assertThat(Json.parse(run.out()).path("warnings").toString()).contains(leak);
    CommandLineRun eval =
        CommandLineRun.of(
            "eval",
            "--prompt",
            out,
            "--model",
            leaky.model(),
            "--task",
            leaky.file("task.yaml"),
            "--json");
    assertThat(Json.parse(eval.out()).path("warnings").toString()).contains(leak);
  }

  private static String numbered(List<String> lines, int from) {
    StringBuilder rows = new StringBuilder("idx\t" + lines.get(0) + "\n");
    for (int i = 1; i < lines.size(); i++) {
      rows.append(from + i).append('\t').append(lines.get(i)).append('\n');
    }
    return rows.toString();
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

  /** The old result stayed, so that the interrupted run was shown as ended and never went on. */
  @Test
  void resume_moreBudgetInterrupted_goesOnWithTheCommandItPrints() throws IOException {
    Path out = folder.resolve("longer-interrupted");
    CommandLineRun.of("run", world.file("run.yaml"), "--out", out, "--set", "budget.steps=1");
    Interrupt interrupt = new Interrupt();
    interrupt.request();
    CommandLineRun run = CommandLineRun.of(interrupt, "resume", out, "--set", "budget.steps=3");
    assertThat(run.code()).as(run.err()).isEqualTo(130);
    assertThat(out.resolve("result.json")).doesNotExist();
    assertThat(out.resolve("report.html")).doesNotExist();
    CommandLineRun rest = CommandLineRun.of("resume", out, "--json");
    assertThat(rest.code()).as(rest.err()).isZero();
    assertThat(timeless(Json.parse(rest.out()))).isEqualTo(timeless(result));
  }

  /** The run went on with other data, and its numbers were of neither. */
  @Test
  void resume_dataOrModelChanged_isRefused() throws IOException {
    TinyWorld changing = TinyWorld.create(folder.resolve("changing"));
    Path out = folder.resolve("changed");
    CommandLineRun.of("run", changing.file("run.yaml"), "--out", out, "--set", "budget.steps=1");
    Path environment = out.resolve("environment.json");
    Files.writeString(environment, Files.readString(environment).replace("\"java\"", "\"began\""));

    String test = Files.readString(changing.file("test.tsv"));
    Files.writeString(changing.file("test.tsv"), test.replaceFirst("\n\\w+ ", "\nbal "));
    refusedToGoOn(out, "The test split has changed since the run " + out + " began");
    Files.writeString(changing.file("test.tsv"), test);

    byte[] weights = Files.readAllBytes(changing.model("model.safetensors"));
    byte[] trained = weights.clone();
    for (int i = weights.length / 2; i < weights.length; i++) {
      trained[i] ^= 1;
    }
    Files.write(changing.model("model.safetensors"), trained);
    refusedToGoOn(out, "The model's model.safetensors has changed");
    Files.write(changing.model("model.safetensors"), weights);

    CommandLineRun rest = CommandLineRun.of("resume", out, "--set", "budget.steps=2");
    assertThat(rest.code()).as(rest.err()).isZero();
    assertThat(environment).content().contains("\"began\"");
  }

  private static void refusedToGoOn(Path out, String why) {
    CommandLineRun run = CommandLineRun.of("resume", out, "--set", "budget.steps=2");
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).startsWith(why);
    assertThat(out.resolve("result.json")).exists();
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

  /** The report of a run under way waited for a lock that the run holds until it ends. */
  @Test
  void report_runUnderWay_isWritten() throws IOException {
    Path out = folder.resolve("under-way");
    try (RunDirectory run = RunDirectory.create(out, Json.object().put("method", "autoprompt"))) {
      byte[] trace = Files.readAllBytes(done.resolve("trace.jsonl"));
      run.write("trace.jsonl", new String(trace, StandardCharsets.UTF_8));
      Files.write(
          out.resolve("trace.jsonl"),
          new byte[] {'{', '"', (byte) 0xC3},
          StandardOpenOption.APPEND);
      CommandLineRun report = CommandLineRun.of("report", run.path());
      assertThat(report.code()).as(report.err()).isZero();
      assertThat(out.resolve("report.html")).content().contains("has not ended: 3 steps");
    }
  }

  @Test
  void verify_goldenThatIsWrong_endsWithCode1() throws IOException {
    Path copy = Files.createDirectories(folder.resolve("wrong"));
    Path original = Path.of("..", "toolkit/lm/src/test/resources/io/promptgrad/lm/parity/roberta");
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
    assertThat(run.out())
        .contains("majority class", "best manual prompt", "report.html")
        .containsPattern(
            "against majority class on test: [−+]?[0-9.]+, [0-9]+ wins, [0-9]+ losses, p ")
        .contains("against best manual prompt on test: ");
  }

  private static ObjectNode timeless(JsonNode json) {
    ObjectNode copy = json.deepCopy();
    ((ObjectNode) copy.path("cost")).remove("seconds");
    copy.remove("run_dir");
    return copy;
  }
}
