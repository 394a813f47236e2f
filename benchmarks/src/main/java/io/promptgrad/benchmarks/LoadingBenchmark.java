package io.promptgrad.benchmarks;

import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TokenBatch;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** From a folder to a model that answers, in a process whose engine has started. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class LoadingBenchmark {

  private Path folder;

  /** Unpacks the model and starts the engine. */
  @Setup
  public void unpack() {
    folder = Bundled.MODEL.folder();
    Bundled.load().close();
  }

  /** Finds the unpacked folder: a checksum over the bundled weights. */
  @Benchmark
  public Path find() {
    return Bundled.MODEL.folder();
  }

  /** Loads weights and tokenizer from the folder, and closes them. */
  @Benchmark
  public int load() {
    try (LanguageModel model = LanguageModel.load(folder, Bundled.options())) {
      return model.spec().vocabulary();
    }
  }

  /** The same with a first forward pass of eight tokens. */
  @Benchmark
  public float loadAndAnswer() {
    try (LanguageModel model = LanguageModel.load(folder, Bundled.options());
        var scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(new int[] {0, 9, 8, 7, 6, 5, 4, 2}), 1);
      return model.logits(scope, batch, new int[] {6}).getFloat(0, 0);
    }
  }
}
