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

/**
 * The same model twice: the toolkit's program, one native call for a whole pass, and DJL's NDArray,
 * one for each operation. {@link NdArrayTable} gives the ratio.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class NdArrayBenchmark {

  /** See {@link SampleBatch#of}. */
  @Param({"1x16", "24x48"})
  public String size;

  private LanguageModel program;
  private NdArrayRoberta ndArrays;
  private SampleBatch batch;

  /** Loads the model in both forms. */
  @Setup
  public void load() {
    program = Bundled.load();
    ndArrays = NdArrayRoberta.load(program.path(), program.device());
    batch = SampleBatch.of(program, size);
  }

  /** Frees both. */
  @TearDown
  public void close() {
    ndArrays.close();
    program.close();
  }

  /** Logits at the masks, by the program. */
  @Benchmark
  public float[] forwardByProgram() {
    return forward(program, batch);
  }

  /** Logits at the masks, by NDArrays. */
  @Benchmark
  public float[] forwardByNdArrays() {
    return forward(ndArrays, batch);
  }

  /** Gradient at the word embeddings, by the program. */
  @Benchmark
  public float[] gradientByProgram() {
    return gradient(program, batch);
  }

  /** Gradient at the word embeddings, by NDArrays. */
  @Benchmark
  public float[] gradientByNdArrays() {
    return gradient(ndArrays, batch);
  }

  static float[] forward(LanguageModel model, SampleBatch batch) {
    try (NDManager scope = model.newScope()) {
      return model.logits(scope, batch.tokens(), batch.masks()).toFloatArray();
    }
  }

  static float[] forward(NdArrayRoberta model, SampleBatch batch) {
    try (NDManager scope = model.newScope()) {
      return model.logits(scope, batch.tokens(), batch.masks()).toFloatArray();
    }
  }

  static float[] gradient(LanguageModel model, SampleBatch batch) {
    try (NDManager scope = model.newScope()) {
      return model.gradient(scope, batch.tokens(), batch.targets()).vectors().toFloatArray();
    }
  }

  static float[] gradient(NdArrayRoberta model, SampleBatch batch) {
    try (NDManager scope = model.newScope()) {
      return model.gradient(scope, batch.tokens(), batch.targets()).vectors().toFloatArray();
    }
  }
}
