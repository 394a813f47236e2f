package io.promptgrad.benchmarks;

import io.promptgrad.lm.LanguageModel;
import io.promptgrad.models.BundledModel;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One step of GCG in each form; {@link GcgStepTable} gives the ratios. Every trial first checks
 * that its form comes to the losses of the plain one.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 5, time = 3)
public class GcgStepBenchmark {

  /** What is computed, and what is used again. */
  @Param public GcgStep.Form form;

  private LanguageModel model;
  private GcgStep step;

  /** Loads the model and compares the losses. */
  @Setup
  public void load() {
    model = LanguageModel.load(BundledModel.MINI_LLAMA.folder(), Bundled.options());
    step = new GcgStep(model, GcgStep.Size.standard(), 0);
    GcgStep.requireSame(step.run(GcgStep.Form.PLAIN), step.run(form), form);
  }

  /** Frees the model. */
  @TearDown
  public void close() {
    step.close();
    model.close();
  }

  /** One step. */
  @Benchmark
  public double[] step() {
    return step.run(form);
  }
}
