package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.execution.Interrupt;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Facts and relation extraction from the configuration to the table. */
class FactsTest {

  @TempDir static Path folder;
  static FactsWorld world;
  static Path whole;
  static CommandLineRun wholeRun;

  @BeforeAll
  static void runOnce() throws IOException {
    world = FactsWorld.create(folder);
    whole = folder.resolve("whole");
    wholeRun = CommandLineRun.of("run", world.config(), "--out", whole, "--json");
    assertThat(wholeRun.code()).as(wholeRun.err()).isZero();
  }

  private static JsonNode json(Path file) throws IOException {
    return Json.parse(Files.readString(file));
  }

  /** Without what depends on the machine and the folder. */
  private static JsonNode lasting(Path run) throws IOException {
    ObjectNode json = (ObjectNode) json(run.resolve("relations.json"));
    json.remove("run_dir");
    json.path("relations")
        .forEach(
            relation -> {
              ((ObjectNode) relation).remove("run_dir");
              ((ObjectNode) relation.path("cost")).remove("seconds");
            });
    return json;
  }

  @Test
  void run_onRelations_printsScoresControlsAndTheMacroMean() throws IOException {
    JsonNode json = Json.parse(wholeRun.out());
    assertThat(json).isEqualTo(json(whole.resolve("relations.json")));
    assertThat(json.path("metric").asText()).isEqualTo("p@1");
    assertThat(json.path("relations")).hasSize(2);
    for (JsonNode relation : json.path("relations")) {
      assertThat(relation.path("found").path("test").path("n").asInt()).isEqualTo(10);
      assertThat(relation.path("found").path("test").path("other_metrics").fieldNames())
          .toIterable()
          .containsExactly("p@10", "mrr");
      assertThat(relation.path("baselines").fieldNames())
          .toIterable()
          .containsExactly("majority", "naive_bayes", "manual");
      assertThat(relation.path("comparison").path("manual").path("test").asText())
          .isEqualTo("mcnemar");
      assertThat(relation.path("warnings").toString())
          .contains("2 of the 12 facts of test are left out");
      // No mask, no special token, no object.
      assertThat(relation.path("found").path("text").asText())
          .doesNotContain("[MASK]", "good", "great", "bad", "awful");
    }
    for (String method : List.of("majority", "naive_bayes", "manual", "found")) {
      double sum = 0;
      double reciprocal = 0;
      for (JsonNode relation : json.path("relations")) {
        JsonNode scores =
            method.equals("found")
                ? relation.path("found")
                : relation.path("baselines").path(method);
        sum += scores.path("test").path("value").asDouble();
        reciprocal += scores.path("test").path("other_metrics").path("mrr").asDouble();
      }
      JsonNode mean = json.path("macro_mean").path(method);
      assertThat(mean.path("value").asDouble()).isCloseTo(sum / 2, within(1e-9));
      assertThat(mean.path("n").asInt()).isEqualTo(20);
      assertThat(mean.path("other_metrics").path("mrr").asDouble())
          .isCloseTo(reciprocal / 2, within(1e-9));
      assertThat(mean.path("ci95").path(0).asDouble()).isLessThanOrEqualTo(sum / 2);
    }
    List<String> table = Files.readAllLines(whole.resolve("table.md"));
    assertThat(table).filteredOn(line -> line.startsWith("| P19 | 10 |")).hasSize(1);
    assertThat(table).filteredOn(line -> line.startsWith("| macro mean | 20 |")).hasSize(1);
  }

  /** i * i % 4 is 0 or 1: of ten facts five are good and five great; the first by name wins. */
  @Test
  void run_majority_isAsByHand() throws IOException {
    JsonNode majority = json(whole.resolve("P19/result.json")).path("baselines").path("majority");
    assertThat(majority.path("test").path("value").asDouble()).isEqualTo(0.5);
    assertThat(majority.path("test").path("other_metrics").path("mrr").asDouble()).isEqualTo(0.75);
    assertThat(majority.path("test").path("other_metrics").path("p@10").asDouble()).isEqualTo(1);
  }

  /** ParaRel's first pattern is LAMA's but for a blank. */
  @Test
  void run_resolvedConfiguration_namesThePromptsOnce() throws IOException {
    String config = Files.readString(whole.resolve("P19/config.yaml"));
    assertThat(config)
        .contains("template: \"{sub_label} was [P] .\"", "template: \"{{{sub_label}}} it [P]\"")
        .doesNotContain("was [P].\"", "prompts: [");
    assertThat(Files.readString(whole.resolve("P36/config.yaml")))
        .contains("template: \"it was {sub_label} [P] !\"");
  }

  @Test
  void resume_ofARunThatLostARelation_reachesTheSameResult() throws IOException {
    Path cut = copyOfWhole("cut");
    delete(cut.resolve("P36"));
    Files.delete(cut.resolve("relations.json"));
    CommandLineRun resumed = CommandLineRun.of("resume", cut, "--json");
    assertThat(resumed.code()).as(resumed.err()).isZero();
    assertThat(lasting(cut)).isEqualTo(lasting(whole));
    assertThat(Files.readString(cut.resolve("table.md")))
        .isEqualTo(Files.readString(whole.resolve("table.md")));
  }

  @Test
  void resume_ofARunStoppedWithinARelation_reachesTheSameResult() throws IOException {
    Path cut = folder.resolve("short");
    CommandLineRun first =
        CommandLineRun.of(
            "run",
            world.config(),
            "--out",
            cut,
            "--set",
            "budget.steps=2",
            "--set",
            "facts.relations=[P19]");
    assertThat(first.code()).as(first.err()).isZero();
    // As if it had been stopped after two of four steps of its first relation.
    Path stopped = copyOfWhole("stopped");
    delete(stopped.resolve("P36"));
    delete(stopped.resolve("P19"));
    copy(cut.resolve("P19"), stopped.resolve("P19"));
    Files.delete(stopped.resolve("P19/result.json"));
    Files.copy(
        whole.resolve("P19/config.yaml"),
        stopped.resolve("P19/config.yaml"),
        StandardCopyOption.REPLACE_EXISTING);
    CommandLineRun resumed = CommandLineRun.of("resume", stopped);
    assertThat(resumed.code()).as(resumed.err()).isZero();
    assertThat(resumed.err()).contains("Going on after step 2");
    assertThat(lasting(stopped)).isEqualTo(lasting(whole));
  }

  @Test
  void run_interrupted_saysHowAllRelationsGoOn() {
    Interrupt interrupt = new Interrupt();
    interrupt.request();
    Path out = folder.resolve("interrupted");
    CommandLineRun run = CommandLineRun.of(interrupt, "run", world.config(), "--out", out);
    assertThat(run.code()).as(run.err()).isEqualTo(130);
    assertThat(run.err()).contains("promptgrad resume " + out + System.lineSeparator());
    CommandLineRun resumed = CommandLineRun.of("resume", out);
    assertThat(resumed.code()).as(resumed.err()).isZero();
    assertThat(resumed.out()).isEqualTo("\n" + read(whole.resolve("table.md")));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void run_ofTheResolvedConfiguration_isTheSame() throws IOException {
    Path again = folder.resolve("again");
    CommandLineRun run = CommandLineRun.of("run", whole.resolve("config.yaml"), "--out", again);
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(lasting(again)).isEqualTo(lasting(whole));
    CommandLineRun other =
        CommandLineRun.of("run", world.config(), "--out", again, "--set", "seed=9");
    assertThat(other.code()).isEqualTo(2);
    assertThat(other.err()).contains("holds another run");
  }

  @Test
  void eval_ofTheSavedPrompt_givesItsScore() throws IOException {
    assertScoresAsItsRun(whole.resolve("P19"), "task=data:lama-trex/P19");
  }

  private static CommandLineRun eval(Path prompt, String... assignments) {
    List<Object> words = new ArrayList<>(List.of("eval", "--prompt", prompt, "--json"));
    words.addAll(List.of("--model", world.model(), "--set", "data.dir=" + world.data()));
    for (String assignment : assignments) {
      words.addAll(List.of("--set", assignment));
    }
    return CommandLineRun.of(words.toArray());
  }

  private static void assertScoresAsItsRun(Path run, String... assignments) throws IOException {
    List<String> all = new ArrayList<>(List.of(assignments));
    all.add("metric=mrr");
    CommandLineRun eval = eval(run, all.toArray(new String[0]));
    assertThat(eval.code()).as(eval.err()).isZero();
    assertThat(Json.parse(eval.out()).path("found").path("test").path("value"))
        .isEqualTo(
            json(run.resolve("result.json"))
                .path("found")
                .path("test")
                .path("other_metrics")
                .path("mrr"));
  }

  /** In a byte-level vocabulary words begin with a blank of their own. */
  @Test
  void run_onTheWordsOfABundledModel_hasThousandsOfAnswers() throws IOException {
    Path out = folder.resolve("bundled");
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            world.config(),
            "--out",
            out,
            "--set",
            "model=bundled:mini-roberta",
            "--set",
            "task=data:lama-trex/P19",
            "--set",
            "facts={vocabulary: model}",
            "--set",
            "budget.steps=1");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(json(out.resolve("prompt/prompt.json")).path("answers").size()).isGreaterThan(3000);
    assertThat(json(out.resolve("prompt/prompt.json")).path("answers").has("great")).isTrue();
    assertThat(run.out()).contains("naive Bayes").doesNotContain("Label words");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void run_withContext_readsSentences(boolean perturbed) throws IOException {
    Path out = folder.resolve("context-" + perturbed);
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            world.config(),
            "--out",
            out,
            "--set",
            "task={data: lama-trex-evidence/P19, fields: [sub_label, evidences]}",
            "--set",
            "facts={vocabulary: words.txt, context: {perturbed: " + perturbed + "}}",
            "--set",
            "template='[CLS] {context} [SEP] {sub_label} [T] [T] [P] . [SEP]'");
    assertThat(run.code()).as(run.err()).isZero();
    List<String> lines = Files.readAllLines(out.resolve("outcomes/found.test.jsonl"));
    assertThat(lines).hasSize(8);
    int changed = 0;
    for (int i = 0; i < lines.size(); i++) {
      JsonNode line = Json.parse(lines.get(i));
      String gold = line.path("gold").asText();
      assertThat(line.path("fields").path("context").asText())
          .isEqualToIgnoringCase("it was " + gold + " one was it");
      changed += gold.equalsIgnoreCase(List.of("good", "great", "bad", "awful").get(i % 4)) ? 0 : 1;
    }
    assertThat(changed).isEqualTo(perturbed ? 8 : 0);

    assertScoresAsItsRun(
        out,
        "task={data: lama-trex-evidence/P19, fields: [sub_label, evidences]}",
        "facts={context: {perturbed: " + perturbed + "}}");
  }

  @Test
  void eval_withAVocabulary_isRefusedBecauseThePromptHasItsAnswers() {
    CommandLineRun run =
        eval(whole.resolve("P19"), "task=data:lama-trex/P19", "facts={vocabulary: words.txt}");
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("vocabulary");
    assertThat(run.errLines()).hasSize(1);
  }

  static Stream<Arguments> mistakes() {
    return Stream.of(
        Arguments.of("task=data:lama-trex/P99", "has no part 'P99'"),
        Arguments.of("facts.vocabulary=none.txt", "there is no file"),
        Arguments.of("facts.vocabulary=lonely.txt", "1 can answer as one token"),
        Arguments.of("facts.vocabulary=others.txt", "none is left"),
        Arguments.of("facts={}", "facts.vocabulary"),
        Arguments.of("facts.prompts=[lpaqa]", "no prompts 'lpaqa'"),
        Arguments.of("verbalizer={a: b}", "does not go with 'facts'"),
        Arguments.of("autoprompt.objective=accuracy", "it is likelihood"),
        Arguments.of("facts.context={words: 0}", "at least 1"),
        Arguments.of("facts.context={words: 5}", "no field 'evidences'"),
        Arguments.of("manual_prompts=[{template: '{sub_label} [P]', verbalizer: {a: b}}]", "words"),
        Arguments.of("template='{context} [T] [P]'", "{context}"),
        Arguments.of("autoprompt.filter=[objects]", "there is no filter 'objects'"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("mistakes")
  void run_badInput_endsWithOneSentence(String assignment, String expected) throws IOException {
    Files.writeString(world.data().resolve("lonely.txt"), "good\ngripping\n");
    Files.writeString(world.data().resolve("others.txt"), "was\nit\n");
    Path out = folder.resolve("bad");
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            world.config(),
            "--out",
            out,
            "--set",
            "facts={vocabulary: words.txt}",
            "--set",
            "task=data:lama-trex/P19",
            "--set",
            assignment);
    assertThat(run.code()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(expected);
    assertThat(run.errLines()).hasSize(1);
    assertThat(out).doesNotExist();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = ';',
      textBlock =
          """
          facts.relations=[P99]; has no part 'P99'
          facts.relations=[P19, P19]; named twice
          facts.relations=[]; must be a list
          facts.relations=P19; must be a list
          task=data:lama-trex/P19; a whole data set
          """)
  void run_onRelationsWithBadInput_endsWithOneSentence(String assignment, String expected) {
    Path out = folder.resolve("bad relations");
    CommandLineRun run =
        CommandLineRun.of("run", world.config(), "--out", out, "--set", assignment);
    assertThat(run.code()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(expected);
    assertThat(run.errLines()).hasSize(1);
    assertThat(out).doesNotExist();
  }

  private static Path copyOfWhole(String name) throws IOException {
    Path target = folder.resolve(name);
    copy(whole, target);
    return target;
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path target = to.resolve(from.relativize(file));
        Files.createDirectories(target.getParent());
        Files.copy(file, target);
      }
    }
  }

  private static void delete(Path tree) throws IOException {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> walk = Files.walk(tree)) {
      walk.forEach(file -> files.add(0, file));
    }
    for (Path file : files) {
      Files.delete(file);
    }
  }
}
