package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.experiments.config.DiscreteConfig;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class BenchCommandTest {

  @TempDir static Path folder;
  static TinyWorld world;

  @BeforeAll
  static void makeWorld() throws IOException {
    world = TinyWorld.create(folder);
    Files.writeString(
        world.file("bench.yaml"),
        """
        model: model
        task: task.yaml
        template: "{sentence} [T] [T] [P]"
        verbalizer: {negative: bad, positive: good}
        autoprompt: {candidates: 4, gradient_examples: 4, evaluation_examples: 4}
        manual_prompts:
          - template: "{sentence} it was [P]"
        """);
  }

  private static CommandLineRun bench(String methods, Path out, Object... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "bench",
                "discrete",
                world.file("bench.yaml"),
                "--methods",
                methods,
                "--budget",
                "steps=2",
                "--seeds",
                "0,1",
                "--judge",
                "none",
                "--out",
                out));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  @Test
  void bench_severalMethods_makesATableThatGoesOnWhereItStopped() throws IOException {
    Path out = folder.resolve("bench");
    CommandLineRun first = bench("random,autoprompt,gcg", out);
    assertThat(first.code()).as(first.err()).isZero();
    assertThat(first.out()).contains("| random |", "| autoprompt |", "| gcg |", "p = ");
    assertThat(first.out()).containsPattern("best manual prompt \\| 0\\.\\d");
    JsonNode json = Json.read(out.resolve("leaderboard.json"));
    assertThat(json.path("methods")).hasSize(4);
    for (JsonNode row : json.path("methods")) {
      if (row.path("method").asText().equals("manual")) {
        continue;
      }
      assertThat(row.path("seeds")).hasSize(2);
      double mean =
          (row.path("seeds").path(0).path("test").asDouble()
                  + row.path("seeds").path(1).path("test").asDouble())
              / 2;
      assertThat(row.path("test").asDouble()).isCloseTo(mean, within(1e-12));
      assertThat(row.path("ci95").path(0).asDouble()).isLessThanOrEqualTo(mean + 1e-12);
    }

    Path kept = out.resolve("gcg/seed-1/result.json");
    FileTime written = Files.getLastModifiedTime(kept);
    Files.delete(out.resolve("random/seed-0/result.json")); // as if it had been killed
    CommandLineRun second = bench("random,autoprompt,gcg", out);
    assertThat(second.code()).as(second.err()).isZero();
    assertThat(Files.getLastModifiedTime(kept)).isEqualTo(written);
    JsonNode again = Json.read(out.resolve("leaderboard.json"));
    for (int row = 0; row < 3; row++) {
      assertThat(again.path("methods").path(row).path("seeds"))
          .isEqualTo(json.path("methods").path(row).path("seeds"));
    }

    // Runs of another configuration are no part of this table.
    CommandLineRun other = bench("random,gcg", out, "--set", "gcg:search.width=7");
    assertThat(other.code()).isEqualTo(2);
    assertThat(other.err()).contains("gcg", "another configuration");
  }

  @Test
  void bench_soft_comparesWithTheManualPromptOnSeveralTasks() throws IOException {
    Path out = folder.resolve("soft");
    Files.copy(world.file("task.yaml"), world.file("other.yaml"));
    CommandLineRun run =
        CommandLineRun.of(
            "bench",
            "soft",
            world.file("bench.yaml"),
            "--methods",
            "autoprompt,prompt-tuning,prefix-tuning,p-tuning,p-tuning-v2,bbt,bbtv2,reinforce,linear-probe",
            "--set",
            "prompt-tuning:soft.updates=2",
            "--set",
            "prefix-tuning:soft.updates=2",
            "--set",
            "p-tuning:soft.updates=2",
            "--set",
            "p-tuning-v2:soft.updates=2",
            "--set",
            "bbt:bbt={dimensions: 4, prompt_length: 2, calls: 40}",
            "--set",
            "bbtv2:bbtv2={dimensions: 4, prompt_length: 2, calls: 80}",
            "--tasks",
            world.file("task.yaml") + "," + world.file("other.yaml"),
            "--budget",
            "steps=2",
            "--seeds",
            "0",
            "--out",
            out);
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out()).contains("| linear-probe |", "against manual", "best manual prompt");
    JsonNode json = Json.read(out.resolve("leaderboard.json"));
    for (JsonNode row : json.path("methods")) {
      if (!row.path("method").asText().equals("manual")) {
        assertThat(row.path("seeds")).hasSize(2);
        assertThat(row.has("p")).isTrue();
      }
    }
  }

  static List<String> methods() {
    return List.copyOf(DiscreteConfig.names());
  }

  /** A run's own config.yaml says everything, so that it repeats the run. */
  @ParameterizedTest
  @MethodSource("methods")
  void search_everyMethod_runsByItsNameAndRepeatsFromItsOwnConfiguration(String method)
      throws IOException {
    Path out = folder.resolve("search-" + method.replace('+', 'p'));
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            method,
            "--model",
            world.file("model"),
            "--task",
            world.file("task.yaml"),
            "--template",
            "{sentence} [T] [T] [P]",
            "--label",
            "negative=bad",
            "--label",
            "positive=good",
            "--set",
            "budget.steps=3",
            "--set",
            "search.dev_every=1",
            "--out",
            out,
            "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode result = Json.parse(run.out());
    assertThat(result.path("method").asText()).isEqualTo(method);
    Path repeated = folder.resolve("again-" + method.replace('+', 'p'));
    CommandLineRun again =
        CommandLineRun.of("run", out.resolve("config.yaml"), "--out", repeated, "--json");
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(Json.parse(again.out()).path("found").path("token_ids"))
        .isEqualTo(result.path("found").path("token_ids"));
    assertThat(Files.readString(repeated.resolve("config.yaml")))
        .isEqualTo(Files.readString(out.resolve("config.yaml")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "gcg | search.widht=3 | did you mean 'width'",
        "random | search.gradient_examples=3 | gradient_examples",
        "gcg | search.width=0 | must be at least 1",
        "pez | search.learning_rate=-1 | above 0",
        "gcg | search.draw=often | evenly_spaced",
        "autoprompt | search.width=3 | belongs to the methods",
        "gcg | autoprompt.candidates=3 | belongs to the method autoprompt",
        "gcq | budget.steps=1 | did you mean 'gcg'"
      })
  void search_wrongSetting_isOneSentence(String method, String setting, String expected) {
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            method,
            "--model",
            world.file("model"),
            "--task",
            world.file("task.yaml"),
            "--template",
            "{sentence} [T] [P]",
            "--label",
            "negative=bad",
            "--label",
            "positive=good",
            "--set",
            setting);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).containsIgnoringCase(expected);
    assertThat(run.err().strip().lines()).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({
    "random, tokens=5, write forward-tokens=N",
    "random, steps=, write forward-tokens=N",
    "gcgg, steps=2, did you mean 'gcg'"
  })
  void bench_wrongOption_isOneSentence(String methods, String budget, String expected) {
    CommandLineRun run =
        CommandLineRun.of(
            "bench",
            "discrete",
            world.file("bench.yaml"),
            "--methods",
            methods,
            "--budget",
            budget,
            "--out",
            folder.resolve("never"));
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains(expected);
  }

  /** The prompt that a search for the opposite finds is worse than chance allows for a solution. */
  @Test
  void search_increasingTheLoss_andItsRobustness() throws IOException {
    Path out = folder.resolve("broken");
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            world.file("bench.yaml"),
            "--set",
            "method=gcg",
            "--set",
            "autoprompt=null",
            "--set",
            "search={increase_loss: true, width: 16, dev_every: 1}",
            "--set",
            "budget.steps=5",
            "--out",
            out,
            "--json");
    assertThat(run.code()).as(run.err()).isZero();
    CommandLineRun robust =
        CommandLineRun.of(
            "robustness",
            "--prompt",
            out,
            "--model",
            world.file("model"),
            "--task",
            world.file("task.yaml"),
            "--judge",
            "none",
            "--json");
    assertThat(robust.code()).as(robust.err()).isZero();
    JsonNode json = Json.parse(robust.out());
    double found = Json.parse(run.out()).path("found").path("test").path("value").asDouble();
    assertThat(json.path("score").asDouble()).isEqualTo(found);
    List<String> kinds =
        json.path("variants").findValuesAsText("kind").stream().distinct().toList();
    assertThat(kinds).contains("dropout", "neighbour");
    assertThat(json.path("variants").findValuesAsText("text"))
        .doesNotHaveDuplicates()
        .doesNotContain(json.path("text").asText());
  }
}
