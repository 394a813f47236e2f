package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.search.RandomSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Searches for instructions in processes of their own, which are killed (SIGKILL) at random points
 * and resumed. The server keeps every request, the run's own cache says which answers were
 * recorded: what was recorded is never asked again, and what was on its way at a kill is counted.
 */
class KilledSearchTest {

  private static final int CONCURRENCY = 6;

  /** Methods of the slow test with the settings that make a run of a few hundred calls. */
  private static final Map<String, List<String>> METHODS =
      Map.of(
          "ape", List.of("optimizer={subsamples: 2, samples: 5, evaluation: 20, resamples: 2}"),
          "opro", List.of("optimizer.samples=4"),
          "evoprompt-ga", List.of("optimizer.population=5"),
          "protegi", List.of("optimizer={evaluations: 200, examples: 10, minibatch: 20}"),
          "gepa", List.of("optimizer.minibatch=8", "budget.steps=8"));

  @TempDir private Path folder;
  private Path task;
  private final List<Process> processes = new ArrayList<>();

  @BeforeEach
  void writeTask() throws IOException {
    task = RulesTask.write(folder);
  }

  @AfterEach
  void endProcesses() {
    processes.forEach(Process::destroyForcibly);
  }

  @Test
  @Timeout(300)
  void search_killedThreeTimes_endsAsItWouldHaveAndRepeatsOnlyWhatWasOnItsWay() throws Exception {
    assertThat(killed("opro", 3)).hasSize(3);
  }

  /** Writes target/killed-searches.md. */
  @Test
  @Tag("slow")
  @Timeout(1800)
  void searches_killedTwentyTimes_endAsTheyWouldHave() throws Exception {
    StringBuilder table =
        new StringBuilder(
            "| method | calls in all | calls seen at the kill | answers recorded | on their way | asked again |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
    int kills = 0;
    for (String method : METHODS.keySet().stream().sorted().toList()) {
      for (Kill kill : killed(method, 4)) {
        kills++;
        table.append(
            "| %s | %d | %d | %d | %d | %d |\n"
                .formatted(
                    method, kill.all(), kill.seen(), kill.recorded(), kill.begun(), kill.again()));
        Files.writeString(Path.of("target", "killed-searches.md"), table.toString());
      }
    }
    assertThat(kills).isEqualTo(20);
  }

  /**
   * A kill.
   *
   * @param all calls of the run that nobody killed
   * @param seen different calls that the server had seen when it came
   * @param recorded answers in the cache
   * @param begun calls that were begun and had no answer
   * @param again calls that the next process asked though the server had seen them
   */
  private record Kill(int all, int seen, int recorded, int begun, int again) {}

  /** Kills one run so many times, lets it end, and compares it with one that nobody killed. */
  private List<Kill> killed(String method, int kills) throws Exception {
    Path whole = folder.resolve(method + "-whole");
    int all;
    try (ScriptedServer server = new ScriptedServer(SimulatedTask::answer)) {
      CommandLineRun run = CommandLineRun.of(search(method, server, whole).toArray());
      assertThat(run.code()).as(run.err()).isZero();
      all = distinct(server.seen);
      assertThat(server.seen).as("calls").hasSize(all);
    }

    long seed = System.nanoTime();
    RandomGenerator random = new RandomSource(seed).stream("kills", kills);
    // One anywhere in each of as many parts of the run as there are kills.
    int part = (all - 4 * CONCURRENCY) / kills;
    int[] points =
        IntStream.range(0, kills).map(k -> 1 + k * part + random.nextInt(part)).toArray();
    String how =
        "%s, killed after calls %s (seed %d)".formatted(method, Arrays.toString(points), seed);
    Path out = folder.resolve(method + "-killed");
    List<Kill> done = new ArrayList<>();
    int lost = 0;
    try (ScriptedServer server = new ScriptedServer(SimulatedTask::answer).latency(15)) {
      int before = 0; // calls that the server had seen when the process began
      for (int point : points) {
        Process process = process(server, method, out);
        int until = Math.max(point, before + 1);
        while (process.isAlive() && server.seen.size() < until) {
          TimeUnit.MICROSECONDS.sleep(200);
        }
        TimeUnit.MICROSECONDS.sleep(random.nextInt(15_000)); // within the latency of a call
        assertThat(process.isAlive()).as(how + ": is there something to kill").isTrue();
        process.destroyForcibly().waitFor();
        awaitQuiet(server);
        List<ScriptedServer.Seen> now = List.copyOf(server.seen);
        int recorded = count(out, "SELECT COUNT(*) FROM replies");
        int begun =
            count(out, "SELECT COUNT(*) FROM calls WHERE key NOT IN (SELECT key FROM replies)");
        lost += begun;
        assertThat(begun).as(how).isLessThanOrEqualTo(CONCURRENCY);
        // Whatever the server saw was recorded, or counts as lost, now or since an earlier kill
        // that this process did not live long enough to make up for.
        assertThat(distinct(now) - recorded).as(how).isBetween(0, lost);
        checkLife(now, before, done, how);
        done.add(new Kill(all, distinct(now), recorded, begun, 0));
        before = now.size();
      }
      Process last = process(server, method, out);
      assertThat(last.waitFor(3, TimeUnit.MINUTES)).as(how).isTrue();
      assertThat(last.exitValue()).as(how + Files.readString(err(out))).isZero();
      List<ScriptedServer.Seen> now = List.copyOf(server.seen);
      checkLife(now, before, done, how);
      // The last process asked for exactly what was not recorded.
      assertThat(now.size() - before).as(how).isEqualTo(all - done.get(done.size() - 1).recorded());
      assertThat(distinct(now)).as(how).isEqualTo(all);
      assertThat(now.size() - all).as(how + ": asked again").isLessThanOrEqualTo(lost);
    }
    assertThat(outcome(out)).as(how).isEqualTo(outcome(whole));
    assertThat(sum(out, "calls")).as(how).isEqualTo(all).isEqualTo(sum(whole, "calls"));
    assertThat(sum(out, "lost")).as(how).isEqualTo(lost);
    assertThat(sum(whole, "lost")).isZero();
    return done;
  }

  /** One process asks nothing twice, and of what was asked before only what was not recorded. */
  private static void checkLife(
      List<ScriptedServer.Seen> now, int before, List<Kill> done, String how) {
    List<ScriptedServer.Seen> own = now.subList(before, now.size());
    assertThat(distinct(own)).as(how).isEqualTo(own.size());
    if (done.isEmpty()) {
      return;
    }
    int again = own.size() - (distinct(now) - distinct(now.subList(0, before)));
    Kill kill = done.remove(done.size() - 1);
    assertThat(again).as(how).isBetween(0, kill.seen() - kill.recorded());
    done.add(new Kill(kill.all(), kill.seen(), kill.recorded(), kill.begun(), again));
  }

  private static int distinct(List<ScriptedServer.Seen> seen) {
    return (int) seen.stream().map(ScriptedServer.Seen::body).distinct().count();
  }

  /** Until the server has read what the killed process had sent. */
  private static void awaitQuiet(ScriptedServer server) throws InterruptedException {
    int before;
    do {
      before = server.seen.size();
      TimeUnit.MILLISECONDS.sleep(200);
    } while (server.atOnce.get() > 0 || server.seen.size() > before);
  }

  // ------------------------------------------------------------------ the command

  private List<String> search(String method, ScriptedServer server, Path out) {
    List<String> arguments = new ArrayList<>(List.of("search", method, "--task", task.toString()));
    arguments.addAll(List.of("--scorer", "openai:scored", "--proposer", "openai:proposing"));
    arguments.addAll(List.of("--base-url", server.endpoint().baseUrl().toString()));
    arguments.addAll(List.of("--seed-prompt", SimulatedTask.SEED, "--out", out.toString()));
    List<String> settings = new ArrayList<>(List.of("budget.steps=3"));
    settings.add("server.concurrency=" + CONCURRENCY);
    settings.add("manual_prompts=[\"%s\", \"Be polite.\"]".formatted(SimulatedTask.SEED));
    settings.addAll(METHODS.get(method));
    settings.forEach(setting -> arguments.addAll(List.of("--set", setting)));
    return arguments;
  }

  /** Starts the search, or goes on with it. */
  private Process process(ScriptedServer server, String method, Path out) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(
        Files.exists(out.resolve("config.yaml"))
            ? List.of("resume", out.toString())
            : search(method, server, out));
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(err(out).toFile())
            .start();
    processes.add(process);
    return process;
  }

  private Path err(Path out) {
    return folder.resolve(out.getFileName() + ".err");
  }

  // ------------------------------------------------------------------ what a run leaves

  private static int count(Path run, String sql) throws Exception {
    Path file = run.resolve("answers.sqlite");
    if (!Files.exists(file)) {
      return 0;
    }
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery(sql)) {
      return result.getInt(1);
    }
  }

  /** A field of models.json, over all roles, of the search and of the evaluations. */
  private static int sum(Path run, String field) {
    JsonNode models = Json.read(run.resolve("models.json"));
    int sum = 0;
    for (String part : List.of("search", "evaluation")) {
      for (JsonNode meter : models.path(part)) {
        sum += meter.path(field).asInt();
      }
    }
    return sum;
  }

  /** Result, prompt, trace and outcomes, without times and the run's own place. */
  private static List<String> outcome(Path run) throws IOException {
    List<String> all = new ArrayList<>();
    ObjectNode result = (ObjectNode) Json.read(run.resolve("result.json"));
    ((ObjectNode) result.path("cost")).remove("seconds");
    result.remove("run_dir");
    all.add(Json.line(result));
    all.add(Files.readString(run.resolve("prompt/prompt.json")));
    for (String line : Files.readAllLines(run.resolve("trace.jsonl"))) {
      all.add(Json.line(((ObjectNode) Json.parse(line)).without("seconds")));
    }
    try (Stream<Path> outcomes = Files.list(run.resolve("outcomes"))) {
      outcomes.sorted().forEach(file -> all.add(file.getFileName() + ": " + text(file)));
    }
    return all;
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
