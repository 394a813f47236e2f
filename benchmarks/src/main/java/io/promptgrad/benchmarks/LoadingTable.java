package io.promptgrad.benchmarks;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Loading a checkpoint beside reading its file, both from the page cache. Every loading is done in
 * a process of its own whose engine has started, so that its memory can be told.
 *
 * <p>Every byte is touched: a mapped weight is read by nobody before it is used, so the first pass
 * of one token is part of the loading.
 */
@Command(
    name = "loading",
    mixinStandardHelpOptions = true,
    description = "Writes checkpoints of 2.5 GB and times loading them beside reading the files.")
public final class LoadingTable implements Callable<Integer> {

  private static final int BLOCK = 8 << 20;

  @Option(
      names = "--rounds",
      defaultValue = "3",
      description = "Rounds; the median counts (default ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(names = "--tiny", description = "Checkpoints of a few hundred kilobytes, to try it.")
  private boolean tiny;

  @Option(
      names = "--temp",
      description = "Where the checkpoints are for a while (2.5 GB at a time).")
  private Path temp = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(names = "--load", hidden = true, description = "Loads that folder and prints figures.")
  private Path load;

  @Option(names = "--fill", hidden = true, description = "Fills as many bytes of new memory.")
  private long fill;

  @Option(names = "--as", hidden = true, defaultValue = "float32")
  private String precision;

  /** Runs the program. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new LoadingTable()).execute(args));
  }

  @Override
  public Integer call() throws Exception {
    if (load != null) {
      load();
      return 0;
    }
    if (fill > 0) {
      System.out.println(Json.line(Json.object().put("seconds", fill(fill))));
      return 0;
    }
    if (rounds < 1) {
      System.err.println("Give at least one round.");
      return 2;
    }
    System.out.printf(
        "%s; %s threads, page cache warm, median of %d rounds.%n%n",
        Bundled.MODEL.id(), System.getProperty("ai.djl.pytorch.num_threads", "all"), rounds);
    System.out.printf(
        "%-18s %8s %10s %10s %8s %10s %12s %10s %10s%n",
        "file to model",
        "file GB",
        "reading s",
        "loading s",
        "ratio",
        "filling s",
        "weights MiB",
        "resident",
        "at most");
    measure(
        tiny ? RandomLlama.TINY : RandomLlama.LOADED_FLOAT32, WeightType.F32, Precision.FLOAT32);
    measure(
        tiny ? RandomLlama.TINY : RandomLlama.LOADED_BFLOAT16,
        WeightType.BF16,
        Precision.BFLOAT16,
        Precision.FLOAT32);
    return 0;
  }

  private void measure(RandomLlama shape, WeightType type, Precision... precisions)
      throws Exception {
    Path folder = Files.createTempDirectory(temp, "promptgrad-loading-");
    try {
      shape.write(folder, type, 0);
      Path file = folder.resolve("model.safetensors");
      for (Precision to : precisions) {
        read(file); // into the page cache
        List<Double> readings = new ArrayList<>();
        List<Double> loadings = new ArrayList<>();
        List<Double> fillings = new ArrayList<>();
        JsonNode figures = null;
        for (int round = 0; round < rounds; round++) {
          readings.add(read(file));
          figures = child("--load", folder.toString(), "--as", to.name());
          loadings.add(figures.path("seconds").asDouble());
          String bytes = String.valueOf(figures.path("weights").asLong());
          fillings.add(child("--fill", bytes).path("seconds").asDouble());
        }
        double weights = figures.path("weights").asDouble();
        boolean mapped = type.name().equals(to == Precision.FLOAT32 ? "F32" : "BF16");
        System.out.printf(
            Locale.ROOT,
            "%-18s %8.2f %10.2f %10.2f %7.2fx %10s %12.0f %9.2fx %9.2fx%n",
            type + " to " + to.name().toLowerCase(Locale.ROOT),
            Files.size(file) / 1e9,
            median(readings),
            median(loadings),
            median(loadings) / median(readings),
            mapped ? "" : "%.2f".formatted(median(fillings)),
            weights / 0x1p20,
            figures.path("resident").asDouble() / weights,
            figures.path("peak").asDouble() / weights);
      }
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static double median(List<Double> values) {
    return Interleaved.median(values.stream().mapToDouble(v -> v).toArray());
  }

  /** Seconds to read the file once, block by block. */
  private static double read(Path file) throws IOException {
    ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
    try (FileChannel channel = FileChannel.open(file)) {
      long begin = System.nanoTime();
      while (channel.read(block) >= 0) {
        block.clear();
      }
      return (System.nanoTime() - begin) / 1e9;
    }
  }

  /**
   * Seconds to fill new memory, block by block: what the system takes for memory that weights are
   * converted into, whoever converts them.
   */
  private static double fill(long bytes) {
    List<ByteBuffer> blocks = new ArrayList<>();
    long begin = System.nanoTime();
    for (long left = bytes; left > 0; left -= BLOCK) {
      blocks.add(ByteBuffer.allocateDirect((int) Math.min(left, BLOCK))); // is filled with zeros
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    Reference.reachabilityFence(blocks); // else their memory might be used again
    return seconds;
  }

  private static JsonNode child(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx1g", "-XX:MaxDirectMemorySize=16g"));
    command.add("-Dai.djl.pytorch.graph_optimizer=false");
    String threads = System.getProperty("ai.djl.pytorch.num_threads");
    if (threads != null) {
      command.add("-Dai.djl.pytorch.num_threads=" + threads);
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(LoadingTable.class.getName());
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new InvalidInputException("Loading failed; its messages are above.");
    }
    return Json.parse(printed);
  }

  // ------------------------------------------------------------------ the process that loads

  private void load() {
    LoadOptions options =
        new LoadOptions(Device.cpu(), Precision.valueOf(precision.toUpperCase(Locale.ROOT)));
    try (LanguageModel small = LanguageModel.load(Bundled.MODEL.folder(), options)) {
      touch(small); // starts the engine
    }
    long before = MemoryCourse.resident();
    long begin = System.nanoTime();
    try (LanguageModel model = LanguageModel.load(load, options)) {
      double loaded = (System.nanoTime() - begin) / 1e9;
      long mapped = MemoryCourse.resident() - before;
      touch(model);
      double seconds = (System.nanoTime() - begin) / 1e9;
      int bytes = options.precision() == Precision.FLOAT32 ? 4 : 2;
      System.out.println(
          Json.line(
              Json.object()
                  .put("loaded", loaded)
                  .put("resident_when_loaded", mapped)
                  .put("seconds", seconds)
                  .put("weights", model.parameters() * bytes)
                  .put("resident", MemoryCourse.resident() - before)
                  .put("peak", MemoryCourse.peak() - before)));
    }
  }

  /**
   * A pass of one token, which reads every matrix, and a product with every row of the embedding.
   */
  private static void touch(LanguageModel model) {
    try (NDManager scope = model.newScope()) {
      TokenBatch one = TokenBatch.of(List.of(new int[] {7}), model.spec().padId());
      model.logits(scope, one, new int[] {0}).toFloatArray();
      Shape shape = new Shape(1, model.spec().wordWidth());
      model.timesWordEmbedding(scope, scope.ones(shape, DataType.FLOAT32)).toFloatArray();
    }
  }
}
