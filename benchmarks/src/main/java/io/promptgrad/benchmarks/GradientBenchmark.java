package io.promptgrad.benchmarks;

import ai.djl.ndarray.NDManager;
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

/** Forward and backward to the word embeddings, beside the forward pass to the same losses. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class GradientBenchmark {

  /** See {@link SampleBatch#of}. */
  @Param({"1x16", "24x48"})
  public String size;

  private LanguageModel model;
  private SampleBatch batch;

  /** Loads the model. */
  @Setup
  public void load() {
    model = Bundled.load();
    batch = SampleBatch.of(model, size);
  }

  /** Frees it. */
  @TearDown
  public void close() {
    model.close();
  }

  /** Losses alone. */
  @Benchmark
  public float[] forward() {
    try (NDManager scope = model.newScope()) {
      return model.losses(scope, batch.tokens(), batch.targets()).toFloatArray();
    }
  }

  /** Losses and the gradient at every word embedding. */
  @Benchmark
  public float[] forwardAndBackward() {
    try (NDManager scope = model.newScope()) {
      return model.gradient(scope, batch.tokens(), batch.targets()).vectors().toFloatArray();
    }
  }
}
