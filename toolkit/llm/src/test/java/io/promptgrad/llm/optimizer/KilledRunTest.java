package io.promptgrad.llm.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.Meter;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.cache.SqliteCache;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.openai.Endpoint;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.search.Budget;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.search.TraceStep;
import io.promptgrad.task.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A run in a process of its own that is killed (SIGKILL) at random points, and then resumed. */
class KilledRunTest {

  private static final Task TASK = SimulatedTask.task(40, 40, 10);
  private static final int STEPS = 6;

  @TempDir Path folder;

  @Test
  @Timeout(120)
  void run_killedThreeTimes_endsAsItWouldHave() throws Exception {
    killedAndResumed(3);
  }

  @Test
  @Tag("slow")
  @Timeout(600)
  void run_killedTwentyTimes_endsAsItWouldHave() throws Exception {
    killedAndResumed(20);
  }

  private void killedAndResumed(int kills) throws Exception {
    LoopResult whole;
    Meter wholeMeter;
    try (ScriptedServer server = new ScriptedServer(SimulatedTask::answer)) {
      try (ModelCalls calls = calls(folder.resolve("whole.db"))) {
        whole = search(server.endpoint(), calls, folder.resolve("whole"));
        wholeMeter = calls.total();
      }
    }
    try (ScriptedServer server = new ScriptedServer(SimulatedTask::answer).latency(5)) {
      RandomGenerator random = new RandomSource(17).stream("kills", kills);
      Path cache = folder.resolve("killed.db");
      Path run = folder.resolve("killed");
      int died = 0;
      while (died < kills) {
        // Killed when the server has seen so many requests more; the whole run has some 400.
        int until = server.seen.size() + 1 + random.nextInt(Math.max(2, 600 / kills));
        Process process = process(server.endpoint(), cache, run);
        while (process.isAlive() && server.seen.size() < until) {
          TimeUnit.MILLISECONDS.sleep(1);
        }
        if (!process.isAlive()) {
          break; // it was faster than the kills
        }
        process.destroyForcibly().waitFor();
        died++;
      }
      assertThat(died).isPositive();
      Process last = process(server.endpoint(), cache, run);
      assertThat(last.waitFor(120, TimeUnit.SECONDS)).isTrue();
      assertThat(last.exitValue()).isZero();
      assertThat(Files.readString(run.resolve("found.txt")))
          .isEqualTo(whole.best().prompt().text());
      List<TraceStep> trace = TraceStep.read(run.resolve("trace.jsonl"));
      List<TraceStep> expected = TraceStep.read(folder.resolve("whole/trace.jsonl"));
      assertThat(trace.stream().map(TraceStep::report).toList())
          .isEqualTo(expected.stream().map(TraceStep::report).toList());
      assertThat(trace.get(STEPS - 1).total()).isEqualTo(whole.cost());
      // What was answered was not asked again, but for what was on its way at a kill.
      int concurrency = SimulatedTask.LIMITS.concurrency();
      assertThat(server.seen.size() - wholeMeter.calls()).isBetween(0L, (long) died * concurrency);
      try (SqliteCache kept = SqliteCache.open(cache)) {
        assertThat(kept.lastNumber()).isEqualTo(wholeMeter.calls());
        // What may have been answered for nothing is known, and no more than was on its way.
        assertThat((long) kept.lost("killed").size())
            .isBetween(server.seen.size() - wholeMeter.calls(), (long) died * concurrency);
      }
    }
  }

  private static ModelCalls calls(Path cache) {
    return new ModelCalls(
        SqliteCache.open(cache),
        PriceTable.builtIn(),
        Allowance.unlimited(),
        Optional.of("killed"));
  }

  private static LoopResult search(Endpoint endpoint, ModelCalls calls, Path run) {
    PromptProblem problem = SimulatedTask.problem(endpoint, calls, TASK, SimulatedTask.LIMITS, 5);
    OproConfig config =
        OproConfig.defaults().withSamples(4, SimulatedTask.drawing()).withTrajectory(20, 0, true);
    return SearchLoop.of(new Opro(problem, config))
        .budget(Budget.ofSteps(STEPS))
        .in(run, "x")
        .run();
  }

  private static Process process(Endpoint endpoint, Path cache, Path run) throws Exception {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            Resumed.class.getName(),
            endpoint.baseUrl().toString(),
            cache.toString(),
            run.toString())
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  /** Starts the run, or goes on with it. */
  static final class Resumed {

    private Resumed() {}

    public static void main(String[] args) throws Exception {
      try (ModelCalls calls = calls(Path.of(args[1]))) {
        LoopResult result = search(Endpoint.at(args[0]), calls, Path.of(args[2]));
        Files.writeString(Path.of(args[2], "found.txt"), result.best().prompt().text());
      }
    }
  }
}
