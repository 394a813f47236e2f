package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.InstructionMethods;
import io.promptgrad.experiments.config.InstructionReader;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.files.Json;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.TraceStep;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Searches for instructions from the command line, against a real HTTP server or a bundled model.
 */
class InstructionCommandTest {

  private static final String CANARY = "sk-canary-5f1c07";

  @TempDir private Path folder;
  private ScriptedServer server;

  @BeforeEach
  void start() throws IOException {
    server = new ScriptedServer(SimulatedTask::answer);
    RulesTask.write(folder);
    Files.writeString(folder.resolve("key.txt"), CANARY + "\n");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private CommandLineRun search(String method, Path out, String... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "search",
                method,
                "--task",
                folder.resolve("task.yaml"),
                "--scorer",
                "openai:scored",
                "--proposer",
                "openai:proposing",
                "--base-url",
                server.endpoint().toString(),
                "--key-file",
                folder.resolve("key.txt"),
                "--seed-prompt",
                SimulatedTask.SEED,
                "--set",
                "manual_prompts=[\"" + SimulatedTask.SEED + "\"]",
                "--out",
                out));
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private static void fine(CommandLineRun run) {
    assertThat(run.code()).as(run.err()).isZero();
  }

  private static JsonNode json(String text) {
    try {
      return Json.parse(text);
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
  }

  /** The steps of a trace, without their times. */
  private static List<String> steps(Path run) {
    return TraceStep.read(run.resolve("trace.jsonl")).stream()
        .map(step -> (ObjectNode) step.toJson())
        .map(step -> Json.line(step.without("seconds")))
        .toList();
  }

  // ------------------------------------------------------------------ a run

  @Test
  void search_opro_findsABetterInstructionAndKeepsTheRun() {
    Path out = folder.resolve("run");
    CommandLineRun run =
        search("opro", out, "--json", "--set", "budget.steps=6", "--set", "optimizer.samples=4");
    fine(run);
    JsonNode result = json(run.out());
    assertThat(SimulatedTask.truth(result.path("found").path("text").asText()))
        .isGreaterThan(SimulatedTask.truth(SimulatedTask.SEED) + 0.1);
    assertThat(result.path("found").path("kind").asText()).isEqualTo("instruction");
    assertThat(result.path("baselines").path("majority").path("test").path("n").asInt())
        .isEqualTo(20);
    assertThat(result.path("baselines").path("manual").path("test").path("n").asInt())
        .isEqualTo(20);
    assertThat(result.path("comparison").has("manual")).isTrue();
    assertThat(result.path("cost").path("calls").asLong()).isPositive();
    assertThat(out.resolve("report.html")).exists();
    assertThat(out.resolve("prompt/prompt.json")).exists();
    assertThat(out.resolve("answers.sqlite")).exists();
    JsonNode models = Json.read(out.resolve("models.json"));
    assertThat(models.path("search").path("task").path("calls").asLong()).isPositive();
    assertThat(models.path("search").path("proposer").path("calls").asLong()).isEqualTo(24);
    assertThat(models.path("proposals").path("readable").asLong()).isEqualTo(24);
    assertThat(server.seen.size())
        .isEqualTo((int) (calls(models.path("search")) + calls(models.path("evaluation"))));
    // Elsewhere than on a terminal: lines with what was spent and who leads, and no escapes.
    assertThat(run.err()).contains("step 1/6").contains("calls").doesNotContain("\u001b");
  }

  private static long calls(JsonNode meters) {
    long calls = 0;
    for (JsonNode meter : meters) {
      calls += meter.path("calls").asLong();
    }
    return calls;
  }

  /** The key goes into the header of every request and nowhere else. */
  @Test
  void search_withAKey_leavesNoTraceOfIt() throws IOException {
    Path out = folder.resolve("run");
    server.thenStatus(500, "{\"error\": {\"message\": \"bad key " + CANARY + "\"}}");
    CommandLineRun run =
        search("opro", out, "--debug", "--set", "budget.steps=1", "--set", "optimizer.samples=2");
    fine(run);
    assertThat(server.seen)
        .allMatch(
            request -> List.of("Bearer " + CANARY).equals(request.headers().get("Authorization")));
    assertThat(run.out() + run.err()).doesNotContain(CANARY);
    try (Stream<Path> files = Files.walk(out)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        assertThat(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1))
            .as(file.toString())
            .doesNotContain(CANARY);
      }
    }
    server.thenStatus(401, "{\"error\": {\"message\": \"wrong key " + CANARY + "\"}}");
    CommandLineRun refused =
        search("opro", folder.resolve("refused"), "--set", "budget.steps=1", "--set", "seed=9");
    assertThat(refused.code()).isEqualTo(2);
    assertThat(refused.err()).contains("401").doesNotContain(CANARY);
  }

  @Test
  void resume_withMoreSteps_equalsTheUninterrupted() {
    Path whole = folder.resolve("whole");
    fine(
        search(
            "evoprompt-ga", whole, "--set", "budget.steps=4", "--set", "optimizer.population=4"));
    Path pieces = folder.resolve("pieces");
    fine(
        search(
            "evoprompt-ga", pieces, "--set", "budget.steps=2", "--set", "optimizer.population=4"));
    int before = server.seen.size();
    fine(
        CommandLineRun.of(
            "resume", pieces, "--set", "budget.steps=4", "--set", "server.concurrency=3"));
    assertThat(server.seen.size()).isGreaterThan(before);
    assertThat(steps(pieces)).isEqualTo(steps(whole));
    assertThat(RunDirectory.view(pieces).result().get().found().scores())
        .isEqualTo(RunDirectory.view(whole).result().get().found().scores());
    CommandLineRun other = CommandLineRun.of("resume", pieces, "--set", "optimizer.population=5");
    assertThat(other.code()).isEqualTo(2);
    assertThat(other.err()).contains("optimizer.population=5");
  }

  @Test
  void eval_ofARun_asksItsModelOrAnother() {
    Path out = folder.resolve("run");
    fine(search("grips", out, "--set", "budget.steps=1"));
    CommandLineRun same = CommandLineRun.of("eval", "--prompt", out, "--json");
    fine(same);
    assertThat(json(same.out()).path("baselines").path("majority").has("test")).isTrue();
    assertThat(CommandLineRun.of("eval", "--prompt", out).out()).contains("majority class");
    JsonNode found = json(same.out()).path("found");
    assertThat(found.path("test").path("value").asDouble())
        .isEqualTo(RunDirectory.view(out).result().get().found().scores().get("test").value());
    int asked = server.seen.size();
    CommandLineRun dev =
        CommandLineRun.of(
            "eval", "--prompt", out, "--split", "dev", "--scorer", "openai:other", "--json");
    fine(dev);
    assertThat(json(dev.out()).path("model").asText()).isEqualTo("openai:other");
    assertThat(json(dev.out()).path("found").path("dev").path("n").asInt()).isEqualTo(30);
    assertThat(server.seen.size()).isEqualTo(asked + 30);
  }

  static Set<String> methods() {
    return InstructionMethods.names();
  }

  @ParameterizedTest
  @MethodSource("methods")
  void search_everyMethod_runsWithinABudgetOfCalls(String method) {
    Path out = folder.resolve(method);
    CommandLineRun run =
        search(method, out, "--json", "--set", "budget.calls=400", "--set", "budget.steps=3");
    fine(run);
    JsonNode result = json(run.out());
    assertThat(result.path("method").asText()).isEqualTo(method);
    assertThat(result.path("cost").path("calls").asLong()).isBetween(1L, 400L);
    InstructionConfig config =
        InstructionReader.read(YamlDocument.read(out.resolve("config.yaml")), out);
    InstructionConfig again =
        InstructionReader.read(
            YamlDocument.parse(YamlDocument.write(config.toJson()), "again"), out);
    assertThat(again.identity()).isEqualTo(config.identity());
  }

  // ------------------------------------------------------------------ money

  /** The rehearsal's calls are those of the run, give or take what chance decides. */
  @ParameterizedTest
  @CsvSource({"opro", "evoprompt-de", "protegi"})
  void dryRun_asksNobodyAndComesNearTheTruth(String method) {
    String[] settings = {
      "--set", "budget.steps=2", "--set", "optimizer.max_tokens=100", "--seed", "1"
    };
    String[] dry = Arrays.copyOf(settings, settings.length + 2);
    dry[settings.length] = "--dry-run";
    dry[settings.length + 1] = "--json";
    CommandLineRun rehearsal = search(method, folder.resolve("none"), dry);
    fine(rehearsal);
    assertThat(server.seen).isEmpty();
    assertThat(folder.resolve("none")).doesNotExist();
    JsonNode expected = json(rehearsal.out()).path("expected");
    assertThat(expected.path("proposer").has("usd")).isFalse(); // no price is known

    Path out = folder.resolve("run");
    fine(search(method, out, settings));
    JsonNode models = Json.read(out.resolve("models.json"));
    double calls = models.path("search").path("task").path("calls").asLong();
    assertThat(expected.path("scorer").path("calls").asLong() / calls).isBetween(0.5, 2.0);
    assertThat(expected.path("proposer").path("calls").asLong())
        .isEqualTo(models.path("search").path("proposer").path("calls").asLong());
    long evaluation = models.path("evaluation").path("task").path("calls").asLong();
    assertThat(expected.path("evaluation").path("calls").asLong())
        .isBetween(evaluation - 30, evaluation + 30); // whether dev was looked at before
  }

  /** All answers were one label, which nobody has to be asked about, and a few bytes long. */
  @ParameterizedTest
  @CsvSource({"pairwise", "judge"})
  void dryRun_judgedTaskOfOneLabel_comesNearWhatTheJudgeCosts(String by) throws IOException {
    for (String split : List.of("train", "dev", "test")) {
      Path rows = folder.resolve(split + ".tsv");
      Files.writeString(rows, Files.readString(rows).replaceAll("\t(yes|no)\n", "\tgood\n"));
    }
    server.close();
    server =
        new ScriptedServer(
            request ->
                switch (request.path("model").asText()) {
                  case "scored" -> "This answer goes by what was asked. ".repeat(16) + request;
                  case "judging" -> "<score>2</score><better>A</better>";
                  default -> SimulatedTask.answer(request);
                });
    String[] settings = {
      "--judge",
      "openai:judging",
      "--set",
      "scoring.by=" + by,
      "--set",
      "budget.steps=2",
      "--set",
      "optimizer={samples: 3, train_examples: 20}"
    };
    String[] dry = Arrays.copyOf(settings, settings.length + 2);
    dry[settings.length] = "--dry-run";
    dry[settings.length + 1] = "--json";
    CommandLineRun rehearsal = search("opro", folder.resolve("none"), dry);
    fine(rehearsal);
    assertThat(server.seen).isEmpty();
    JsonNode expected = json(rehearsal.out()).path("expected").path("judge");

    Path out = folder.resolve("run");
    fine(search("opro", out, settings));
    JsonNode judge = Json.read(out.resolve("models.json")).path("search").path("judge");
    for (String count : List.of("calls", "prompt_tokens")) {
      assertThat(judge.path(count).asDouble()).as(count).isPositive();
      assertThat(expected.path(count).asDouble() / judge.path(count).asDouble())
          .as(count)
          .isBetween(0.7, 1.5);
    }
  }

  @Test
  void search_budgetOfDollars_isNotPassedAndNeedsPrices() throws IOException {
    CommandLineRun unknown = search("opro", folder.resolve("a"), "--set", "budget.usd=1");
    assertThat(unknown.code()).isEqualTo(2);
    assertThat(unknown.err()).contains("No price of the model");
    assertThat(server.seen).isEmpty();
    assertThat(folder.resolve("a")).doesNotExist();

    Path prices = folder.resolve("prices.yaml");
    Files.writeString(prices, "- {model: \"*\", from: 2020-01-01, input: 1000, output: 2000}\n");
    CommandLineRun run =
        search(
            "opro",
            folder.resolve("b"),
            "--json",
            "--set",
            "budget.usd=10",
            "--set",
            "scoring.max_tokens=10",
            "--set",
            "optimizer.max_tokens=100",
            "--set",
            "prices=" + prices);
    fine(run);
    JsonNode result = json(run.out());
    assertThat(result.path("stopped_by").asText()).isEqualTo("budget");
    assertThat(result.path("cost").path("usd").asDouble()).isBetween(5.0, 10.0);
    CommandLineRun dry =
        search(
            "opro",
            folder.resolve("c"),
            "--dry-run",
            "--set",
            "budget.usd=10",
            "--set",
            "prices=" + prices);
    fine(dry);
    assertThat(dry.out()).contains("US dollars").contains("no model was asked");
  }

  @Test
  void cache_sharedByTwoRuns_asksOnce() {
    Path cache = folder.resolve("answers.sqlite");
    String[] more = {"--cache", cache.toString(), "--set", "budget.steps=2"};
    fine(search("opro", folder.resolve("one"), more));
    int asked = server.seen.size();
    fine(search("opro", folder.resolve("two"), more));
    assertThat(server.seen.size()).isEqualTo(asked);
    assertThat(RunDirectory.view(folder.resolve("two")).result().get().cost().calls()).isZero();
  }

  // ------------------------------------------------------------------ other ways of scoring

  /** The simulated model behind a conductor that asks one expert. */
  @Test
  void search_conductor_consultsExpertsAndGradesItsFinalAnswer() {
    server.close();
    server =
        new ScriptedServer(
            request -> {
              String last = ScriptedServer.lastMessage(request);
              String first = request.path("messages").path(0).path("content").asText();
              if (last.startsWith("ROUND 1\n")) {
                return "Expert Judge:\n\"\"\"\n" + last.substring(8) + "\n\"\"\"";
              }
              return first.startsWith("You conduct")
                  ? ">> FINAL ANSWER:\n" + last.replaceFirst("(?s).*I say (yes|no).*", "$1")
                  : SimulatedTask.answer(request);
            });
    Path out = folder.resolve("run");
    CommandLineRun run =
        search(
            "opro",
            out,
            "--json",
            "--set",
            "budget.steps=2",
            "--set",
            "optimizer={samples: 2, train_examples: 20}",
            "--set",
            "scoring={by: conductor, rounds: 4, temperature: 0.1, top_p: 0.95, max_tokens: 1024}");
    fine(run);
    JsonNode models = Json.read(out.resolve("models.json"));
    long asked = models.path("search").path("task").path("calls").asLong();
    assertThat(asked % 3).as("conductor, expert, conductor for each example").isZero();
    assertThat(
            server.seen.stream()
                .filter(
                    seen ->
                        ScriptedServer.lastMessage(seen.body())
                            .startsWith("You are Expert Judge.")))
        .isNotEmpty()
        .allSatisfy(seen -> assertThat(seen.body().path("top_p").asDouble()).isEqualTo(0.95));
    assertThat(json(run.out()).path("found").path("test").path("value").asDouble())
        .isPositive(); // answers are read from behind the words
    assertThat(json(run.out()).path("comparison").has("majority")).isTrue();

    int before = server.seen.size();
    CommandLineRun dry =
        search(
            "opro",
            folder.resolve("dry"),
            "--dry-run",
            "--json",
            "--set",
            "budget.steps=2",
            "--set",
            "optimizer={samples: 2, train_examples: 20}",
            "--set",
            "scoring={by: conductor, rounds: 4}");
    fine(dry);
    assertThat(server.seen).hasSize(before);
    long expected = json(dry.out()).path("expected").path("scorer").path("calls").asLong();
    assertThat(expected).isPositive();
    assertThat(expected % 3).isZero();
    assertThat(dry.out()).contains("consult one expert");
  }

  /** A judge that knows the right answer, whichever place it stands in. */
  @Test
  void search_pairwise_comparesWithTheFirstSeedPrompt() {
    Map<String, String> right = new HashMap<>();
    Task task = SimulatedTask.task(40, 30, 20);
    for (String split : List.of("train", "dev", "test")) {
      task.split(split).forEach(e -> right.put(e.fields().get("item"), e.label()));
    }
    server.close();
    server =
        new ScriptedServer(
            request -> {
              String text = ScriptedServer.lastMessage(request);
              if (!request.path("model").asText().equals("judging")) {
                return SimulatedTask.answer(request);
              }
              String item = text.replaceFirst("(?s).*(Is \\w+ item \\d+ a rule\\?).*", "$1");
              boolean first = text.contains("Answer A:\nI say " + right.get(item));
              return "They differ. <better>" + (first ? "A" : "B") + "</better>";
            });
    Path out = folder.resolve("run");
    CommandLineRun run =
        search(
            "opro",
            out,
            "--json",
            "--judge",
            "openai:judging",
            "--set",
            "budget.steps=3",
            "--set",
            "optimizer={samples: 3, train_examples: 20}",
            "--set",
            "scoring={by: pairwise, criterion: \"It is right.\"}");
    fine(run);
    // The seed prompt against itself: a half on each example, and no question to the judge.
    JsonNode result = json(run.out());
    assertThat(result.path("baselines").path("manual").path("test").path("value").asDouble())
        .isEqualTo(0.5);
    assertThat(result.path("found").path("dev").path("value").asDouble()).isGreaterThan(0.5);
    JsonNode judge = Json.read(out.resolve("models.json")).path("search").path("judge");
    assertThat(judge.path("calls").asLong()).isPositive();
    assertThat(
            server.seen.stream()
                .filter(seen -> seen.body().path("model").asText().equals("judging"))
                .map(seen -> ScriptedServer.lastMessage(seen.body())))
        .allSatisfy(question -> assertThat(question).contains("It is right."));
    CommandLineRun dry =
        search(
            "opro",
            folder.resolve("dry"),
            "--judge",
            "openai:judging",
            "--set",
            "budget.steps=3",
            "--set",
            "scoring={by: pairwise}",
            "--set",
            "manual_prompts=[\"Another one.\"]", // against the seed prompt it is judged
            "--dry-run",
            "--json");
    fine(dry);
    for (String part : List.of("judge", "evaluation_judge")) {
      assertThat(json(dry.out()).path("expected").path(part).path("calls").asLong()).isPositive();
    }
    CommandLineRun eval = CommandLineRun.of("eval", "--prompt", out, "--json");
    fine(eval);
    assertThat(json(eval.out()).path("found").path("test").path("value").asDouble())
        .isEqualTo(result.path("found").path("test").path("value").asDouble());
    // A share of comparisons won stood beside the accuracy of a class, with a p-value.
    assertThat(result.path("baselines").has("majority")).isFalse();
    assertThat(result.path("comparison").has("majority")).isFalse();
    assertThat(json(eval.out()).path("baselines")).isEmpty();
    CommandLineRun shown = CommandLineRun.of("eval", "--prompt", out);
    fine(shown);
    assertThat(shown.out()).contains("mean ").doesNotContain("majority");
    fine(CommandLineRun.of("report", out));
  }

  @Test
  void search_gepaOnParagraphs_mergesWhatTwoCandidatesChanged() {
    Path out = folder.resolve("run");
    CommandLineRun run =
        search(
            "gepa",
            out,
            "--json",
            "--set",
            "seed_prompts=[\"Be polite.\\n\\nAnswer quickly.\"]",
            "--set",
            "budget.steps=40",
            "--set",
            "optimizer={components: paragraphs, merges: 3, minibatch: 10, parents: epsilon_greedy, epsilon: 1}");
    fine(run);
    List<Candidate> merges =
        TraceStep.read(out.resolve("trace.jsonl")).stream()
            .flatMap(step -> step.report().candidates().stream())
            .filter(c -> String.valueOf(c.details().get("how")).startsWith("merge with"))
            .toList();
    assertThat(merges).isNotEmpty();
    assertThat(merges).allSatisfy(c -> assertThat(c.text().split("\n\n")).hasSize(2));
  }

  /** Models that refuse a temperature can propose. */
  @Test
  void search_temperatureLeftToTheServer_isNotSent() {
    fine(
        search(
            "opro",
            folder.resolve("run"),
            "--set",
            "budget.steps=1",
            "--set",
            "optimizer={samples: 2, temperature: server}"));
    assertThat(
            server.seen.stream()
                .filter(seen -> seen.body().path("model").asText().equals("proposing")))
        .hasSize(2)
        .noneMatch(seen -> seen.body().has("temperature"));
  }

  // ------------------------------------------------------------------ bad input

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "optimizer.sampels=3 | unknown key 'optimizer.sampels'; did you mean 'samples'?",
        "optimizer.beam=3 | unknown key 'optimizer.beam'",
        "optimizer.strategy=best | 'optimizer.strategy' is 'best'",
        "optimizer.samples=0 | samples",
        "scoring.extractor=bhb | did you mean 'bbh'?",
        "scoring.by=judge | the key 'judge' is missing",
        "scoring.by=pairwise | the key 'judge' is missing",
        "scoring.rounds=1 | 'scoring.rounds' must be at least 2",
        "scoring.rounds=4 | 'scoring.rounds' goes with by: conductor only",
        "scoring={by: conductor, criterion: short} | 'scoring.criterion' goes with by: judge",
        "scoring={by: answer, alternatives: 5} | 'scoring.alternatives' goes with by: choice",
        "scoring.top_p=0 | 'scoring.top_p' must be above 0",
        "optimizer.temperature=hot | 'optimizer.temperature' must be a number",
        "layout=chatty | 'layout' is 'chatty'; known are auto, chat",
        "layout={user: hello} | no {instruction}",
        "server.base_url=ftp://x | no web address",
        "server.key_env=A_VARIABLE_THAT_IS_NOT_SET | 'key_env' or by 'key_file'",
        "edits=[delte] | there is no edit 'delte'; did you mean 'delete'?",
        "budget.evalutions=3 | did you mean 'evaluations'?",
        "budget.usd=-1 | must not be negative",
        "proposer=gpt-4o | 'proposer' is 'gpt-4o'; write openai:MODEL",
        "scorer=local:no/such/folder/here | there is no model folder",
        "seed_prompts=[] | give at least one instruction",
        "template=x | unknown key 'template'",
      })
  void search_badSetting_isOneSentence(String assignment, String sentence) {
    CommandLineRun run = search("opro", folder.resolve("none"), "--set", assignment);
    assertThat(run.code()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(sentence);
    assertThat(run.errLines()).hasSize(1);
    assertThat(folder.resolve("none")).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{merges: 2} | set components: paragraphs",
        "{components: paragraphs} | The first seed prompt has one paragraph",
        "{components: parts} | 'optimizer.components' is 'parts'; known are whole, paragraphs",
      })
  void search_badComponentsOfGepa_areOneSentence(String optimizer, String sentence) {
    CommandLineRun run = search("gepa", folder.resolve("none"), "--set", "optimizer=" + optimizer);
    assertThat(run.code()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(sentence);
    assertThat(run.errLines()).hasSize(1);
    assertThat(folder.resolve("none")).doesNotExist();
  }

  @Test
  void search_keyOfAnEnvironmentVariableThatIsNotSet_isForTheUser() {
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "opro",
            "--task",
            folder.resolve("task.yaml"),
            "--scorer",
            "openai:scored",
            "--base-url",
            server.endpoint(),
            "--key-env",
            "A_VARIABLE_THAT_IS_NOT_SET");
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("A_VARIABLE_THAT_IS_NOT_SET is not set");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "opro | --model | bundled:mini-roberta | --model does not go with opro",
        "opro | --template | {x} [P] | --template does not go with opro",
        "autoprompt | --scorer | openai:x | --scorer: the method 'autoprompt' has no such option",
        "autoprompt | --template | {item} [T] [P] | Missing required option: '--model'",
        "orpo | --scorer | openai:x | did you mean 'opro'?",
      })
  void search_optionsOfAnotherKind_areRefused(
      String method, String option, String value, String sentence) {
    CommandLineRun run =
        CommandLineRun.of("search", method, "--task", folder.resolve("task.yaml"), option, value);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains(sentence);
  }

  // ------------------------------------------------------------------ without any server

  @Test
  void search_localModels_fallBackToEditsAndSaySo() {
    Path out = folder.resolve("local");
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "opro",
            "--task",
            "bundled:sentiment",
            "--scorer",
            "local:bundled:mini-llama",
            "--proposer",
            "local:bundled:mini-llama",
            "--seed-prompt",
            "Say whether the review is good or bad, and think about it.",
            "--device",
            "cpu",
            "--json",
            "--out",
            out,
            "--set",
            "budget.steps=4",
            "--set",
            "optimizer={samples: 2, train_examples: 20, exemplars: 0, max_tokens: 20}",
            "--set",
            "attempts=2");
    fine(run);
    JsonNode result = json(run.out());
    assertThat(result.path("warnings").toString())
        .contains("answers of the proposer could be read")
        .contains("edits of the prompts at hand took over")
        .contains("proposals are edits");
    JsonNode models = Json.read(out.resolve("models.json"));
    assertThat(models.path("proposals").path("edits").asLong()).isPositive();
    assertThat(models.path("search").path("proposer").path("calls").asLong()).isPositive();
    assertThat(result.path("found").path("test").path("n").asInt()).isEqualTo(400);
  }

  @Test
  void dryRun_ofALocalSearch_loadsNoModel() {
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "grips",
            "--task",
            folder.resolve("task.yaml"),
            "--scorer",
            "local:bundled:mini-llama",
            "--dry-run");
    fine(run);
    assertThat(run.out()).contains("scorer").contains("evaluation").contains("no model was asked");
  }
}
