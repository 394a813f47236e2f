package io.promptgrad.benchmarks;

import io.promptgrad.lm.LanguageModel;
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
 * One step of training a soft prompt beside a bare forward and backward pass of the same shapes.
 * {@link SoftStepTable} gives the ratios.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 5, time = 3)
public class SoftStepBenchmark {

  /** What is trained. */
  @Param public SoftStep.Method method;

  private LanguageModel model;
  private SoftStep step;

  /** Loads the model. */
  @Setup
  public void load() {
    model = Bundled.load();
    step = new SoftStep(model, method);
  }

  /** Frees it. */
  @TearDown
  public void close() {
    model.close();
  }

  /** The step. */
  @Benchmark
  public double step() {
    return step.step();
  }

  /** Forward and backward alone. */
  @Benchmark
  public float bare() {
    return step.bare();
  }
}
