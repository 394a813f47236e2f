package io.promptgrad.benchmarks;

import io.promptgrad.lm.LanguageModel;
import io.promptgrad.models.BundledModel;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
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
 * One step of every discrete search, whole: gradient, ranking, candidates, filters, losses, trace.
 * Width 64 where a method has one, 10 trigger tokens, one text. A method that ends begins anew.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 5, time = 3)
public class DiscreteStepBenchmark {

  /** The method by its name in configurations. */
  @Param({
    "random",
    "universal-triggers",
    "gcg",
    "nanogcg",
    "gcg-fast",
    "mac",
    "i-gcg",
    "faster-gcg",
    "acg",
    "gcg++",
    "arca",
    "pez",
    "gbda",
    "fluent-prompt",
    "autodan"
  })
  public String method;

  private LanguageModel model;
  private TargetWorkload workload;
  private Search search;
  private int step;

  /** Loads the model. */
  @Setup
  public void load() {
    model = LanguageModel.load(BundledModel.MINI_LLAMA.folder(), Bundled.options());
    workload = new TargetWorkload(model, 10, 64);
    begin();
  }

  private void begin() {
    search = workload.search(method, 0);
    step = 0;
  }

  /** Frees the model. */
  @TearDown
  public void close() {
    model.close();
  }

  /** One step. */
  @Benchmark
  public StepReport step() {
    if (search.finished()) {
      begin();
    }
    return search.step(++step);
  }
}
