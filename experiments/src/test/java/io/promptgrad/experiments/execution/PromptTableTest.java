package io.promptgrad.experiments.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.search.Best;
import io.promptgrad.search.Budget;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Cost;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.ProgressListener;
import io.promptgrad.search.StepReport;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class PromptTableTest {

  private final StringWriter err = new StringWriter();

  private PromptTable table(boolean terminal) {
    Console console =
        new Console(
            new PrintWriter(new StringWriter()), new PrintWriter(err), terminal, new Interrupt());
    return new PromptTable(console);
  }

  private static ProgressListener.Progress step(int step, Object... textsAndScores) {
    List<Candidate> candidates = new ArrayList<>();
    for (int i = 0; i < textsAndScores.length; i += 3) {
      candidates.add(
          new Candidate(
              step + "." + i,
              "",
              (String) textsAndScores[i],
              new int[0],
              (Double) textsAndScores[i + 1],
              (Integer) textsAndScores[i + 2],
              Candidate.Status.EVALUATED,
              Map.of()));
    }
    Best best = new Best(InstructionPrompt.of("best"), 0.5, step);
    StepReport report = new StepReport(candidates, 0.5, OptionalDouble.of(0.5), false, Cost.ZERO);
    return new ProgressListener.Progress(
        step, Budget.ofSteps(9), report, best, new Cost(10, 1234, 0, 56, 0.25), 1);
  }

  private void stop(PromptTable table) {
    table.onStop(
        new LoopResult(
            new Best(InstructionPrompt.of("best"), 0.5, 1), "finished", Cost.ZERO, 2, 1));
  }

  @Test
  void table_onATerminal_isDrawnOverWithTheBestOnTop() {
    PromptTable table = table(true);
    table.onStep(step(1, "good\none", 0.7, 10, "bad", 0.2, 10, "lucky", 1.0, 4));
    String first = err.toString();
    assertThat(first)
        .contains("step 1/9")
        .contains("56 calls")
        .contains("1,234 tokens")
        .contains("$0.25");
    assertThat(first.indexOf("good one")).isPositive().isLessThan(first.indexOf("bad"));
    assertThat(first).doesNotContain("lucky"); // of few examples
    table.onStep(step(2, "better", 0.9, 10));
    stop(table);
    String second = err.toString().substring(first.length());
    assertThat(second).startsWith("\u001b[4A"); // two lines of heading, two prompts
    assertThat(second.indexOf("better")).isLessThan(second.indexOf("good one"));
  }

  @Test
  void table_elsewhere_isALineForEachNewLeader() {
    PromptTable table = table(false);
    table.onStep(step(1, "first", 0.3, 10));
    table.onStep(step(2, "worse", 0.1, 10));
    table.onStep(step(3, "second", 0.6, 10));
    stop(table);
    assertThat(err.toString())
        .doesNotContain("\u001b")
        .doesNotContain("worse")
        .contains("step 1/9", "first", "step 3/9", "second");
    assertThat(err.toString().lines()).hasSize(4);
  }
}
