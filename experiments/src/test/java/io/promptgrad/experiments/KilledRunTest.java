package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.search.TraceStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs in processes of their own, which are killed or interrupted while they work. */
class KilledRunTest {

  private static final int STEPS = 250;
  private static final int KILLS = 3;
  private static final int SOFT_STEPS = 90;

  @TempDir private Path folder;
  private TinyWorld world;
  private final List<Process> processes = new ArrayList<>();

  @BeforeEach
  void makeWorld() throws IOException {
    world = TinyWorld.create(folder);
  }

  @AfterEach
  void endProcesses() {
    processes.forEach(Process::destroyForcibly);
  }

  @Test
  void run_killedThreeTimes_resumesToTheSameResult() throws Exception {
    Path whole = folder.resolve("whole");
    long begin = System.nanoTime();
    assertThat(finish(run(whole))).isZero();
    double seconds = (System.nanoTime() - begin) / 1e9;

    long seed = System.nanoTime();
    Random random = new Random(seed);
    Path killed = folder.resolve("killed");
    List<Integer> stepsDone = new ArrayList<>();
    for (int k = 0; k < KILLS; k++) {
      Process process = Files.exists(killed.resolve("config.yaml")) ? resume(killed) : run(killed);
      // Some steps further than the last one came, and from there any moment of a short time.
      int before = stepsDone.isEmpty() ? 0 : stepsDone.get(k - 1);
      awaitLines(killed.resolve("trace.jsonl"), before + 1, process);
      Thread.sleep((long) (random.nextDouble() * seconds / 10 * 1000));
      process.destroyForcibly().waitFor();
      stepsDone.add(lines(killed.resolve("trace.jsonl")));
    }
    assertThat(stepsDone).as("steps before each kill").isSorted().doesNotHaveDuplicates();
    assertThat(stepsDone).allSatisfy(steps -> assertThat(steps).isBetween(1, STEPS - 1));
    assertThat(finish(resume(killed))).isZero();

    String how = "seed %d, %.1f s, killed after steps %s".formatted(seed, seconds, stepsDone);
    assertThat(result(killed)).as(how).isEqualTo(result(whole));
    assertThat(Files.readString(killed.resolve("prompt/prompt.json")))
        .as(how)
        .isEqualTo(Files.readString(whole.resolve("prompt/prompt.json")));
    for (String outcomes : List.of("found.test", "manual.test", "majority.dev")) {
      assertThat(Files.readString(killed.resolve("outcomes/" + outcomes + ".jsonl")))
          .as(how)
          .isEqualTo(Files.readString(whole.resolve("outcomes/" + outcomes + ".jsonl")));
    }
    assertThat(lines(killed.resolve("trace.jsonl"))).as(how).isEqualTo(STEPS);
    assertThat(killed.resolve("report.html")).isNotEmptyFile();
  }

  /** Parameters, the network of prefix tuning and AdamW's moments come back to the last bit. */
  @ParameterizedTest
  @ValueSource(strings = {"prompt-tuning", "prefix-tuning"})
  void softRun_killed_resumesToTheSameBytes(String method) throws Exception {
    Path whole = folder.resolve("whole");
    Process other = soft(method, whole); // meanwhile

    long seed = System.nanoTime();
    Random random = new Random(seed);
    Path killed = folder.resolve("killed");
    Process process = soft(method, killed);
    awaitLines(killed.resolve("trace.jsonl"), 1 + random.nextInt(SOFT_STEPS / 3), process);
    Thread.sleep(random.nextInt(20));
    process.destroyForcibly().waitFor();
    int steps = lines(killed.resolve("trace.jsonl"));
    assertThat(steps).isBetween(1, SOFT_STEPS - 1);
    assertThat(finish(resume(killed))).isZero();
    assertThat(finish(other)).isZero();

    String how = "seed %d, killed after step %d".formatted(seed, steps);
    assertThat(result(killed)).as(how).isEqualTo(result(whole));
    for (String file : List.of("prompt.json", "adapter_config.json", "adapter_model.safetensors")) {
      assertThat(killed.resolve("prompt").resolve(file))
          .as(how)
          .hasSameBinaryContentAs(whole.resolve("prompt").resolve(file));
    }
    // The best prompt may be older than the kill; losses and the last state are not.
    assertThat(trace(killed)).as(how).isEqualTo(trace(whole)).hasSize(SOFT_STEPS);
    assertThat(lastState(killed)).as(how).isEqualTo(lastState(whole)).contains("/first");
  }

  private Process soft(String method, Path out) throws IOException {
    return start(
        out,
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
        "soft={tokens: 4, updates: %d, updates_per_step: 1, dev_every: 10}".formatted(SOFT_STEPS),
        "--out",
        out);
  }

  private static List<JsonNode> trace(Path run) throws IOException {
    List<JsonNode> steps = new ArrayList<>();
    for (TraceStep step : TraceStep.read(run.resolve("trace.jsonl"))) {
      steps.add(step.toJson().without("seconds"));
    }
    return steps;
  }

  /** The state of the search behind the last step. */
  private static String lastState(Path run) throws IOException {
    String body = Files.readAllLines(run.resolve("checkpoint/state.jsonl")).get(1);
    return Json.line(Json.parse(body).path("search"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT", "TERM"})
  void run_interrupted_savesAndSaysHowToGoOn(String signal) throws Exception {
    assumeThat(isIgnored(signal))
        .as("this process was started with SIG%s ignored", signal)
        .isFalse();
    Path out = folder.resolve("interrupted");
    Process process = run(out);
    awaitLines(out.resolve("trace.jsonl"), 5, process);
    new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid())).start().waitFor();
    assertThat(finish(process)).isEqualTo(130);
    assertThat(Files.readString(folder.resolve("interrupted.err")))
        .contains("Interrupted; saved. Continue with: promptgrad resume " + out);
    assertThat(out.resolve("result.json")).doesNotExist();
    int done = lines(out.resolve("trace.jsonl"));
    assertThat(done).isBetween(5, STEPS - 1);
    assertThat(Files.readString(out.resolve("checkpoint/state.jsonl")))
        .contains("\"step\":" + done);
    CommandLineRun rest =
        CommandLineRun.of("resume", out, "--set", "budget.steps=" + (done + 2), "--json");
    assertThat(rest.code()).as(rest.err()).isZero();
    assertThat(Json.parse(rest.out()).path("cost").path("steps").asInt()).isEqualTo(done + 2);
  }

  /** A shell starts what it puts into the background so, and children inherit it. */
  private static boolean isIgnored(String signal) throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!signal.equals("INT") || !Files.exists(status)) {
      return false;
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("SigIgn:"))
        .mapToLong(line -> Long.parseUnsignedLong(line.split("\\s+")[1], 16))
        .anyMatch(mask -> (mask & 1L << 1) != 0); // bit n - 1, and SIGINT is 2
  }

  private Process run(Path out) throws IOException {
    return start(
        out, "run", world.file("run.yaml"), "--out", out, "--set", "budget.steps=" + STEPS);
  }

  private Process resume(Path out) throws IOException {
    return start(out, "resume", out);
  }

  private Process start(Path out, Object... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "-Dai.djl.pytorch.num_threads=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(folder.resolve(out.getFileName() + ".out").toFile())
            .redirectError(folder.resolve(out.getFileName() + ".err").toFile())
            .start();
    processes.add(process);
    return process;
  }

  private static int finish(Process process) throws InterruptedException {
    assertThat(process.waitFor(3, TimeUnit.MINUTES)).as("ended in time").isTrue();
    return process.exitValue();
  }

  private static void awaitLines(Path file, int n, Process process) throws Exception {
    while (lines(file) < n) {
      assertThat(process.isAlive()).as("still running, without " + file).isTrue();
      Thread.sleep(5);
    }
  }

  private static int lines(Path file) throws IOException {
    return Files.exists(file) ? (int) Files.readString(file).lines().count() : 0;
  }

  /** The result without what may differ: time and place. */
  private static ObjectNode result(Path run) throws IOException {
    ObjectNode result = (ObjectNode) Json.parse(Files.readString(run.resolve("result.json")));
    ((ObjectNode) result.path("cost")).remove("seconds");
    result.remove("run_dir");
    return result;
  }
}
