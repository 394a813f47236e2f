package io.promptgrad.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
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
import java.util.Optional;
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
      assertThat(run.config().path("llm").path("api_key").asText()).isEqualTo("***");
      assertThat(run.config().path("llm").path("key").asText()).isEqualTo("${OPENAI_API_KEY}");
      assertThat(run.config().path("llm").path("pad_token").asText()).isEqualTo("<pad>");
      assertThat(run.config().path("llm").path("max_tokens").asInt()).isEqualTo(4);
      assertThat(run.config().path("backends").path(0).path("openai_key").asText())
          .isEqualTo("***");
      // Text that looks like something else stays text.
      assertThat(run.config().path("template").asText()).isEqualTo("{sentence} [T] [P] .");
      assertThat(run.config().path("label").isTextual()).isTrue();
    }
  }

  @Test
  void create_existingContent_isRefused() throws IOException {
    Path foreign = Files.createDirectories(folder.resolve("foreign"));
    Files.writeString(foreign.resolve("thesis.doc"), "x");
    refused(() -> RunDirectory.create(foreign, config()), "is not empty and not a run");
    Path run = folder.resolve("run");
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
      assertThat(RunDirectory.view(path).config()).isEqualTo(run.config());
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
                + "\"comparison\":{\"versus\":\"manual\",\"p\":0.01}}");
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
        Optional.of(new RunResult.Versus("manual", 0.01)));
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
      run.write("config.yaml", "a: b\n c: [");
      refused(run::config, "config.yaml, line 2: this is not YAML");
    }
  }

  private static void refused(Runnable action, String why) {
    assertThatThrownBy(action::run)
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why);
  }
}
