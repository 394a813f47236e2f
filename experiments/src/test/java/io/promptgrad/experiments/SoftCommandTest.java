package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Soft prompts from the command line to the files, and back. */
class SoftCommandTest {

  @TempDir static Path folder;
  static TinyWorld world;

  @BeforeAll
  static void makeWorld() throws IOException {
    world = TinyWorld.create(folder);
  }

  private static CommandLineRun search(String method, Path out, String... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "search",
                method,
                "--model",
                world.model(),
                "--task",
                world.file("task.yaml"),
                "--template",
                "{sentence} it was [P] .",
                "--label",
                "negative=bad,awful",
                "--label",
                "positive=good,great",
                "--set",
                "soft.updates=20",
                "--set",
                "soft.tokens=4",
                "--set",
                "soft.updates_per_step=5",
                "--out",
                out,
                "--json"));
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private static CommandLineRun eval(Path prompt, String... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "eval",
                "--prompt",
                prompt,
                "--model",
                world.model(),
                "--task",
                world.file("task.yaml"),
                "--json"));
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private static double test(CommandLineRun run) throws IOException {
    assertThat(run.code()).as(run.err()).isZero();
    return Json.parse(run.out()).path("found").path("test").path("value").asDouble();
  }

  @ParameterizedTest
  @CsvSource({
    "prompt-tuning, PROMPT_TUNING, true",
    "p-tuning, P_TUNING, true",
    "prefix-tuning, PREFIX_TUNING, false",
    "p-tuning-v2, PREFIX_TUNING, false"
  })
  void search_byEachMethod_leavesAPromptThatEvaluatesToTheSame(
      String method, String type, boolean mapped) throws IOException {
    Path out = folder.resolve(method);
    CommandLineRun run = search(method, out);
    double found = test(run);
    JsonNode result = Json.parse(run.out());
    assertThat(result.path("found").path("kind").asText()).isEqualTo("soft");
    assertThat(result.path("stopped_by").asText()).isEqualTo("finished");
    assertThat(result.path("cost").path("steps").asInt()).isEqualTo(4);
    assertThat(result.path("cost").path("backward_tokens").asLong()).isPositive();

    JsonNode config = Json.read(out.resolve("prompt/adapter_config.json"));
    assertThat(config.path("peft_type").asText()).isEqualTo(type);
    assertThat(config.path("num_virtual_tokens").asInt()).isEqualTo(4);
    assertThat(out.resolve("prompt/adapter_model.safetensors")).exists();
    String report = Files.readString(out.resolve("report.html"));
    assertThat(report).contains("Losses over the steps");
    assertThat(report.contains("Virtual tokens among words")).isEqualTo(mapped);
    assertThat(report.contains("Nearest tokens")).isEqualTo(mapped);

    assertThat(test(eval(out))).isEqualTo(found);
    assertThat(test(eval(out.resolve("prompt")))).isEqualTo(found);

    // What Python would have written: the two files and nothing else.
    Path adapter = folder.resolve(method + "-adapter");
    Files.createDirectories(adapter);
    for (String file : List.of("adapter_config.json", "adapter_model.safetensors")) {
      Files.copy(out.resolve("prompt").resolve(file), adapter.resolve(file));
    }
    assertThat(
            test(
                eval(
                    adapter,
                    "--template",
                    "{sentence} it was [P] .",
                    "--label",
                    "negative=bad,awful",
                    "--label",
                    "positive=good,great")))
        .isEqualTo(found);
  }

  @Test
  void resume_ofAStoppedRun_isTheWholeRun() throws IOException {
    Path whole = folder.resolve("whole");
    Path pieces = folder.resolve("pieces");
    assertThat(search("prompt-tuning", whole).code()).isZero();
    assertThat(search("prompt-tuning", pieces, "--set", "budget.steps=2").code()).isZero();
    CommandLineRun resumed = CommandLineRun.of("resume", pieces, "--set", "budget.steps=100");
    assertThat(resumed.code()).as(resumed.err()).isZero();
    for (String file : List.of("prompt/adapter_model.safetensors", "prompt/prompt.json")) {
      assertThat(pieces.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
    }
  }

  @Test
  void search_fromAnotherPrompt_beginsThere() throws IOException {
    Path first = folder.resolve("first");
    assertThat(search("prompt-tuning", first).code()).isZero();
    Path second = folder.resolve("second");
    CommandLineRun run =
        search(
            "prompt-tuning",
            second,
            "--set",
            "soft.start=prompt",
            "--set",
            "soft.from=" + first,
            "--set",
            "budget.steps=0");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(second.resolve("prompt/adapter_model.safetensors"))
        .hasSameBinaryContentAs(first.resolve("prompt/adapter_model.safetensors"));
  }

  private static void refused(CommandLineRun run, String... parts) {
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains(parts);
    assertThat(run.errLines().stream().filter(line -> !line.isBlank()).count()).isEqualTo(1);
  }

  @Test
  void mistakes_areToldInASentence() throws IOException {
    Path out = folder.resolve("never");
    refused(
        search("prompt-tuning", out, "--set", "soft.tokens=48"), "48 virtual tokens", "no room");
    refused(search("prefix-tuning", out, "--set", "soft.start=labels"), "encoder");
    refused(search("prompt-tuning", out, "--set", "soft.start=text"), "soft.text");
    refused(search("prompt-tuning", out, "--set", "soft.text=a"), "start: text");
    refused(search("prompt-tuning", out, "--set", "soft.learning_rat=1"), "learning_rate");
    refused(search("prompt-tuning", out, "--set", "search.width=1"), "'search'");
    refused(search("gcg", out), "soft");
    assertThat(out).doesNotExist();

    Path good = folder.resolve("good");
    assertThat(search("prompt-tuning", good).code()).isZero();
    Path adapter = good.resolve("prompt");
    ObjectNode config = (ObjectNode) Json.read(adapter.resolve("adapter_config.json"));
    Files.delete(adapter.resolve("prompt.json"));
    Files.writeString(
        adapter.resolve("adapter_config.json"),
        Json.pretty(config.put("base_model_name_or_path", "org/other")));
    String[] asked = {
      "--template", "{sentence} it was [P] .", "--label", "negative=bad", "--label", "positive=good"
    };
    refused(eval(adapter, asked), "org/other");
    refused(eval(adapter), "template");
    Files.writeString(
        adapter.resolve("adapter_config.json"), Json.pretty(config.put("peft_type", "LORA")));
    refused(eval(adapter, asked), "LORA");
  }

  /** The two families meet: vectors that were trained say where the search over tokens begins. */
  @Test
  void search_fromASoftPrompt_beginsAtItsNearestTokens() throws IOException {
    Path soft = folder.resolve("begun");
    assertThat(
            search("prompt-tuning", soft, "--set", "soft={tokens: 3, updates: 4, batch_size: 4}")
                .code())
        .isZero();
    Path out = folder.resolve("continued");
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "gcg",
            "--model",
            world.model(),
            "--task",
            world.file("task.yaml"),
            "--template",
            "{sentence} [T] [T] [T] [P]",
            "--label",
            "negative=bad",
            "--label",
            "positive=good",
            "--set",
            "search={width: 4, from: " + soft + ", filter: [special]}",
            "--set",
            "budget.steps=1",
            "--out",
            out,
            "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode nearest = Json.read(soft.resolve("prompt/prompt.json")).path("nearest_tokens");
    JsonNode parent = Json.parse(Files.readAllLines(out.resolve("trace.jsonl")).get(0));
    // The first trigger is scored beside its candidates, which differ from it at one place.
    assertThat(parent.path("candidates").path(0).path("text").asText().split(" "))
        .containsExactlyElementsOf(
            StreamSupport.stream(nearest.spliterator(), false).map(JsonNode::asText).toList());
  }
}
