package io.promptgrad.benchmarks;

import io.promptgrad.benchmarks.AutoPromptStep.Choice;
import io.promptgrad.lm.LanguageModel;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One step of AutoPrompt in each variant; {@link AutoPromptStepTable} gives the ratios. Every trial
 * first checks that its variant decides as the plain one does.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class AutoPromptStepBenchmark {

  private static final int STEPS = 4;

  /** The economies that are in force. */
  @Param public StepVariant variant;

  private LanguageModel model;
  private AutoPromptStep step;

  /** Totals of an iteration; their quotient is the tokens of a step. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Counters {
    /** Tokens that went forward, padding included. */
    public long forwardTokens;

    /** Steps done. */
    public long steps;
  }

  /** Loads the model, draws the steps and compares the choices. */
  @Setup
  public void load() {
    model = Bundled.load();
    StepWorkload workload = Bundled.workload(model, STEPS, 0);
    step = new AutoPromptStep(model, workload, variant);
    AutoPromptStep plain = new AutoPromptStep(model, workload, StepVariant.PLAIN);
    AutoPromptStep.requireSameChoices(StepVariant.PLAIN, plain.runAll(), variant, step.runAll());
  }

  /** Frees the model. */
  @TearDown
  public void close() {
    model.close();
  }

  /** One step, on average over different ones. */
  @Benchmark
  @OperationsPerInvocation(STEPS)
  public List<Choice> step(Counters counters) {
    List<Choice> choices = step.runAll();
    counters.steps += STEPS;
    for (Choice choice : choices) {
      counters.forwardTokens += choice.forwardTokens();
    }
    return choices;
  }
}
