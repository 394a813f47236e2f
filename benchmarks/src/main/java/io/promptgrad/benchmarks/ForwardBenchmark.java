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

/** A forward pass with three sizes of head: what logits cost that nobody asked for. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class ForwardBenchmark {

  /** See {@link SampleBatch#of}. */
  @Param({"1x16", "24x48"})
  public String size;

  private LanguageModel model;
  private SampleBatch batch;
  private int[] everywhere;

  /** Loads the model. */
  @Setup
  public void load() {
    model = Bundled.load();
    batch = SampleBatch.of(model, size);
    everywhere = batch.everywhere();
  }

  /** Frees it. */
  @TearDown
  public void close() {
    model.close();
  }

  /** The label tokens' logits at the masks. */
  @Benchmark
  public float[] labelTokensAtMasks() {
    try (NDManager scope = model.newScope()) {
      return model.logits(scope, batch.tokens(), batch.masks(), batch.labelTokens()).toFloatArray();
    }
  }

  /** The whole vocabulary's logits at the masks. */
  @Benchmark
  public float[] vocabularyAtMasks() {
    try (NDManager scope = model.newScope()) {
      return model.logits(scope, batch.tokens(), batch.masks()).toFloatArray();
    }
  }

  /** The whole vocabulary's logits everywhere; only their first value comes to the host. */
  @Benchmark
  public float vocabularyEverywhere() {
    try (NDManager scope = model.newScope()) {
      return model.logits(scope, batch.tokens(), everywhere).getFloat(0, 0);
    }
  }
}
