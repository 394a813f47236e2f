package io.promptgrad.llm.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.evaluation.Interval;
import io.promptgrad.evaluation.Statistics;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.search.Budget;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.task.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** All optimizers at equal budget on the simulated task, ten seeds each: target/optimizers.md. */
@Tag("slow")
class OptimizerTableTest {

  private static final int SEEDS = 10;
  private static final long CALLS = 800;

  @Test
  void optimizers_atEqualBudget_allImproveOnAverage() throws Exception {
    Task task = SimulatedTask.task(40, 40, 10);
    StringBuilder table =
        new StringBuilder(
            "| method | true score of what was found | calls | tokens | seconds |\n| --- | --- | ---: | ---: | ---: |\n");
    for (OptimizerContractTest.Method method : OptimizerContractTest.methods().toList()) {
      double[] found = new double[SEEDS];
      double calls = 0;
      double tokens = 0;
      double seconds = 0;
      for (int seed = 0; seed < SEEDS; seed++) {
        try (ScriptedServer server = new ScriptedServer(SimulatedTask::answer).forgetful();
            ModelCalls modelCalls = new ModelCalls()) {
          PromptProblem problem =
              SimulatedTask.problem(
                  server.endpoint(), modelCalls, task, SimulatedTask.LIMITS, seed);
          LoopResult result =
              SearchLoop.of(method.make().apply(problem))
                  .budget(Budget.ofSteps(300).withCalls(CALLS))
                  .run();
          found[seed] = SimulatedTask.truth(result.best().prompt().text());
          calls += (double) result.cost().calls() / SEEDS;
          tokens += (double) result.cost().forwardTokens() / SEEDS;
          seconds += result.seconds() / SEEDS;
        }
      }
      double mean = Arrays.stream(found).average().orElseThrow();
      Interval interval = Statistics.bootstrapMean(found, 95);
      table.append(
          String.format(
              Locale.ROOT,
              "| %s | %.3f [%.3f, %.3f] | %.0f | %.0f | %.2f |\n",
              method.name(),
              mean,
              interval.low(),
              interval.high(),
              calls,
              tokens,
              seconds));
      Files.writeString(Path.of("target", "optimizers.md"), table.toString());
      assertThat(interval.low())
          .as(method.name())
          .isGreaterThan(SimulatedTask.truth(SimulatedTask.SEED));
    }
  }
}
