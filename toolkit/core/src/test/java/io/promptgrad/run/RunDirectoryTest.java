package io.promptgrad.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.promptgrad.evaluation.Comparison;
import io.promptgrad.evaluation.Interval;
import io.promptgrad.evaluation.Score;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Cost;
import io.promptgrad.task.Example;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {

  @TempDir Path folder;

  private static ObjectNode config() {
    ObjectNode config = Json.object();
    config.put("method", "autoprompt").put("template", "{sentence} [T] [P] .").put("label", "01");
    ObjectNode llm = config.putObject("llm");
    llm.put("api_key", "sk-1").put("apiKey", "sk-2").put("HF_TOKEN", "hf-3");
    llm.put("client-secret", "s-4").put("password", "p-5").put("key", "${OPENAI_API_KEY}");
    llm.put("tokens", 3).put("max_tokens", 4).put("token_ids", "5").put("pad_token", "<pad>");
    config.putArray("backends").addObject().put("openai_key", "sk-6");
    return config;
  }

  @Test
  void create_secrets_areMasked() throws IOException {
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"), config())) {
      String yaml = Files.readString(run.path().resolve("config.yaml"));
      assertThat(yaml).doesNotContain("sk-", "hf-3", "s-4", "p-5");
      assertThat(config(run).path("llm").path("api_key").asText()).isEqualTo("***");
      assertThat(config(run).path("llm").path("key").asText()).isEqualTo("${OPENAI_API_KEY}");
      assertThat(config(run).path("llm").path("pad_token").asText()).isEqualTo("<pad>");
      assertThat(config(run).path("llm").path("max_tokens").asInt()).isEqualTo(4);
      assertThat(config(run).path("backends").path(0).path("openai_key").asText()).isEqualTo("***");
      // Text that looks like something else stays text.
      assertThat(config(run).path("template").asText()).isEqualTo("{sentence} [T] [P] .");
      assertThat(config(run).path("label").isTextual()).isTrue();
    }
  }

  private static JsonNode config(RunDirectory run) {
    try {
      return new YAMLMapper().readTree(run.configText());
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  /** Label words of such labels became "***", and the run could not be resumed. */
  @Test
  void create_labelsThatEndLikeSecrets_areNotMasked() {
    ObjectNode config = Json.object().put("monkey", "m").put("api-key", "sk-1");
    for (String labels : List.of("verbalizer", "labels")) {
      config.putObject(labels).put("hockey", "puck").put("key", "lock").put("token", "coin");
    }
    config
        .putArray("manual_prompts")
        .addObject()
        .putObject("verbalizer")
        .putArray("turkey")
        .add("bird");
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"), config)) {
      assertThat(config(run)).isEqualTo(config.deepCopy().put("api-key", "***"));
    }
  }

  @Test
  void withdrawResult_endedRun_hasNoResult() {
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"), config())) {
      run.withdrawResult();
      run.writeResult(result());
      run.write("report.html", "x");
      run.withdrawResult();
      assertThat(run.result()).isEmpty();
      assertThat(run.path().resolve("report.html")).doesNotExist();
    }
  }

  @Test
  void create_existingContent_isRefused() throws IOException {
    Path foreign = Files.createDirectories(folder.resolve("foreign"));
    Files.writeString(foreign.resolve("thesis.doc"), "x");
    refused(() -> RunDirectory.create(foreign, config()), "is not empty and not a run");
    Path run = folder.resolve("run");
    Files.createDirectories(run);
    Files.writeString(run.resolve(".config.yaml.part"), "met"); // killed while it wrote
    RunDirectory.create(run, config()).close();
    refused(() -> RunDirectory.create(run, config()), "holds a run already");
    Path file = Files.writeString(folder.resolve("file"), "x");
    refused(() -> RunDirectory.create(file, config()), "is a file");
    refused(() -> RunDirectory.create(file.resolve("below"), config()), "cannot be written");
    RunDirectory.create(Files.createDirectories(folder.resolve("empty")), config()).close();
  }

  @Test
  void open_runInUse_isRefused() {
    Path path = folder.resolve("run");
    try (RunDirectory run = RunDirectory.create(path, config())) {
      refused(() -> RunDirectory.open(path), "in use by another process");
      assertThat(config(RunDirectory.view(path))).isEqualTo(config(run));
    }
    try (RunDirectory run = RunDirectory.open(path)) {
      run.write("note.txt", "x");
    }
    RunDirectory view = RunDirectory.view(path);
    assertThatThrownBy(() -> view.write("note.txt", "y")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void open_noRun_isRefused() {
    refused(() -> RunDirectory.open(folder.resolve("no")), "is not a run directory");
    refused(() -> RunDirectory.view(folder), "is not a run directory");
  }

  @Test
  void outcomes_writtenWithExamples_readBack() {
    Outcome outcome = Outcome.classified("t:1", "a", "b", 2, Map.of("a", -2.0, "b", -0.1));
    Example example = new Example("t:1", Map.of("text", "It's \"fine\"\n"), "a");
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"), config())) {
      run.writeOutcomes("found", "test", List.of(outcome), List.of(example));
      assertThat(run.outcomes("found", "test")).containsExactly(outcome);
      assertThat(run.outcomeLines("found", "test").get(0).path("fields").path("text").asText())
          .isEqualTo("It's \"fine\"\n");
      assertThat(run.outcomes("manual", "test")).isEmpty();
    }
  }

  @Test
  void environment_hasWhatAResultDependsOn() {
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"), config())) {
      assertThat(run.environment()).isEmpty();
      run.writeEnvironment(Map.of("libtorch", "2.7.1"), "cpu, 2 threads");
      assertThat(run.environment().orElseThrow().path("device").asText())
          .isEqualTo("cpu, 2 threads");
      assertThat(run.environment().orElseThrow().path("versions").path("libtorch").asText())
          .isEqualTo("2.7.1");
      assertThat(run.environment().orElseThrow().path("java").asText()).isNotEmpty();
    }
  }

  @Test
  void result_json_hasTheDocumentedNamesAndRoundTrips() {
    RunResult result = result();
    assertThat(result.toJson())
        .hasToString(
            "{\"method\":\"autoprompt\",\"model\":\"tiny\",\"task\":\"toy\",\"metric\":\"accuracy\",\"seed\":3,"
                + "\"device\":\"cuda:0,cuda:1\",\"baselines\":{\"majority\":{\"dev\":{\"value\":0.5,\"n\":10,\"ci95\":[0.25,0.75]}}},\"found\":{\"kind\":\"trigger\",\"text\":\"a"
                + " b\",\"token_ids\":[4,5],\"path\":\"prompt/\","
                + "\"dev\":{\"value\":0.5,\"n\":10,\"ci95\":[0.25,0.75]}},"
                + "\"cost\":{\"steps\":7,\"evaluations\":1,\"forward_tokens\":2,\"backward_tokens\":3,\"calls\":4,\"usd\":0.5,\"seconds\":1.5},"
                + "\"stopped_by\":\"budget\",\"run_dir\":\"runs/1\",\"warnings\":[\"few\"],"
                + "\"comparison\":{\"manual\":{\"test\":\"mcnemar\",\"n\":10,\"difference\":0.25,\"wins\":3,\"losses\":1,\"p\":0.01}}}");
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"), config())) {
      assertThat(run.result()).isEmpty();
      run.writeResult(result);
      assertThat(run.result()).contains(result);
    }
  }

  private static RunResult result() {
    Score score = new Score(0.5, 10, new Interval(0.25, 0.75));
    return new RunResult(
        "autoprompt",
        "tiny",
        "toy",
        "accuracy",
        3,
        "cuda:0,cuda:1",
        Map.of("majority", Map.of("dev", score)),
        new RunResult.Found("trigger", "a b", new int[] {4, 5}, "prompt/", Map.of("dev", score)),
        new Cost(1, 2, 3, 4, 0.5),
        7,
        1.5,
        "budget",
        "runs/1",
        List.of("few"),
        Map.of("manual", new Comparison("mcnemar", 10, 0.25, 3, 1, 0.01)));
  }

  @Test
  void brokenFiles_nameFileAndLine() {
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"), config())) {
      run.write("result.json", "{\n\"method\": oops}");
      refused(run::result, "result.json, line 2: this is not JSON");
      run.write("result.json", "[]");
      refused(run::result, "is not the result of a run");
      run.write("result.json", "");
      refused(run::result, "there is no value");
      run.write("outcomes/found.test.jsonl", "{}\n{\n");
      refused(() -> run.outcomes("found", "test"), "found.test.jsonl, line 2");
    }
  }

  private static void refused(Runnable action, String why) {
    assertThatThrownBy(action::run)
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why);
  }
}
