package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Black-box tuning and policies from the command line. */
class GradientFreeTest {

  @TempDir static Path folder;
  static TinyWorld world;
  static Path policy;

  private static final String BARE = "{sentence} it was [P] .";

  @BeforeAll
  static void makeWorld() throws IOException {
    world = TinyWorld.create(folder);
    policy = folder.resolve("policy");
    TinyStoryteller.create(policy);
  }

  private static Object[] search(String method, Path out, String... more) {
    String own = method.startsWith("bbt") ? BARE : TinyWorld.TEMPLATE;
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
                own,
                "--label",
                "negative=bad,awful",
                "--label",
                "positive=good,great",
                "--out",
                out,
                "--json"));
    arguments.addAll(List.of(settings(method)));
    arguments.addAll(List.of(more));
    return arguments.toArray();
  }

  private static Object[] settings(String method) {
    List<Object> settings = new ArrayList<>();
    List<String> values =
        switch (method) {
          case "bbt", "bbtv2" ->
              List.of("prompt_length=3", "dimensions=8", "population=4", "calls=24", "dev_every=4");
          case "rlprompt" ->
              List.of(
                  "policy=" + policy,
                  "prompts=4",
                  "top_k=64",
                  "hidden=8",
                  "steps=4",
                  "dev_every=2",
                  "learning_rate=0.01");
          default -> List.of("candidates=20", "samples=4", "dev_every=1");
        };
    values.forEach(value -> settings.addAll(List.of("--set", method + "." + value)));
    if (method.equals("reinforce")) {
      settings.addAll(List.of("--set", "budget.steps=4"));
    }
    return settings.toArray();
  }

  private static JsonNode run(Object... arguments) throws IOException {
    CommandLineRun run = CommandLineRun.of(arguments);
    assertThat(run.code()).as(run.err()).isZero();
    return Json.parse(run.out());
  }

  @ParameterizedTest
  @CsvSource({"bbt, soft, 6", "bbtv2, soft, 6", "rlprompt, trigger, 4", "reinforce, trigger, 4"})
  void search_evaluatedAgain_hasTheSameScore(String method, String kind, int steps)
      throws IOException {
    Path out = folder.resolve(method);
    JsonNode json = run(search(method, out));
    assertThat(json.path("method").asText()).isEqualTo(method);
    assertThat(json.path("found").path("kind").asText()).isEqualTo(kind);
    assertThat(json.path("cost").path("steps").asInt()).isEqualTo(steps);
    assertThat(json.path("cost").path("backward_tokens").asInt()).isZero();
    assertThat(json.path("found").path("dev").path("value").asDouble()).isGreaterThanOrEqualTo(0.5);
    assertThat(out.resolve("report.html")).exists();
    JsonNode eval =
        run(
            "eval",
            "--prompt",
            out,
            "--model",
            world.model(),
            "--task",
            world.file("task.yaml"),
            "--json");
    assertThat(eval.path("found").path("test")).isEqualTo(json.path("found").path("test"));
    assertThat(eval.path("found").path("text")).isEqualTo(json.path("found").path("text"));
  }

  /** Stopped after two steps, and with what was left of its budget later. */
  @ParameterizedTest
  @CsvSource({"bbt", "bbtv2", "rlprompt", "reinforce"})
  void resume_afterAFewSteps_reachesTheSame(String method) throws IOException {
    Path whole = folder.resolve(method + " whole");
    Path pieces = folder.resolve(method + " pieces");
    ObjectNode expected = (ObjectNode) run(search(method, whole, "--set", "budget.steps=4"));
    run(search(method, pieces, "--set", "budget.steps=2"));
    ObjectNode resumed = (ObjectNode) run("resume", pieces, "--json", "--set", "budget.steps=4");
    assertThat(resumed.path("found").path("test")).isEqualTo(expected.path("found").path("test"));
    assertThat(Files.readString(pieces.resolve("prompt/prompt.json")))
        .isEqualTo(Files.readString(whole.resolve("prompt/prompt.json")));
    assertThat(resumed.path("cost").path("forward_tokens"))
        .isEqualTo(expected.path("cost").path("forward_tokens"));
  }

  /** What it found is a folder of PEFT, and evaluates to the same. */
  @Test
  void bbt_insteadOfWords_findsASoftPrompt() throws IOException {
    Path out = folder.resolve("instead");
    JsonNode json = run(search("bbt", out, "--set", "bbt.mode=instead"));
    JsonNode config = Json.read(out.resolve("prompt/adapter_config.json"));
    assertThat(config.path("peft_type").asText()).isEqualTo("PROMPT_TUNING");
    assertThat(config.path("num_virtual_tokens").asInt()).isEqualTo(3);
    assertThat(config.path("base_model_name_or_path").asText()).isEqualTo(world.model().toString());
    assertThat(out.resolve("prompt/adapter_model.safetensors")).exists();
    assertThat(out.resolve("prompt/tokens.json")).exists();
    JsonNode eval =
        run(
            "eval",
            "--prompt",
            out,
            "--model",
            world.model(),
            "--task",
            world.file("task.yaml"),
            "--json");
    assertThat(eval.path("found").path("test")).isEqualTo(json.path("found").path("test"));
  }

  @Test
  void bbt_onTokens_findsATrigger() throws IOException {
    JsonNode json =
        run(
            search(
                "bbt",
                folder.resolve("on tokens"),
                "--set",
                "bbt.space=tokens",
                "--set",
                "bbt.mode=instead"));
    assertThat(json.path("found").path("kind").asText()).isEqualTo("trigger");
    assertThat(json.path("found").path("token_ids")).hasSize(3);
  }

  private static String refused(Object... arguments) {
    CommandLineRun run = CommandLineRun.of(arguments);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.errLines()).hasSize(1);
    return run.err();
  }

  @Test
  void search_whatCannotBe_isRefusedInOneSentence() throws IOException {
    Path out = folder.resolve("refused");
    assertThat(refused(search("bbt", out, "--set", "bbt.dimension=3")))
        .contains("unknown key 'bbt.dimension'")
        .contains("dimensions");
    assertThat(refused(search("bbt", out, "--set", "rlprompt.prompts=3")))
        .contains("'rlprompt' belongs to the method rlprompt, not to bbt");
    assertThat(refused(search("bbt", out, "--set", "bbt.sigma=0"))).contains("sigma");
    assertThat(refused(search("bbt", out, "--set", "bbt.prompt_length=60"))).contains("48");
    assertThat(refused(search("rlprompt", out, "--set", "rlprompt.policy=" + world.model())))
        .contains("causal");
    assertThat(refused(search("rlprompt", out, "--set", "rlprompt.policy=nowhere")))
        .contains("nowhere");
    assertThat(out).doesNotExist();
  }

  @Test
  void eval_ofASoftPromptOnAnotherModel_isRefusedInOneSentence() throws IOException {
    Path out = folder.resolve("of one model");
    run(search("bbt", out));
    assertThat(
            refused(
                "eval",
                "--prompt",
                out,
                "--model",
                "bundled:mini-roberta",
                "--task",
                world.file("task.yaml")))
        .contains("vocabulary");
    assertThat(
            refused(
                "robustness",
                "--prompt",
                out,
                "--model",
                world.model(),
                "--task",
                world.file("task.yaml")))
        .contains("trigger tokens");
  }
}
