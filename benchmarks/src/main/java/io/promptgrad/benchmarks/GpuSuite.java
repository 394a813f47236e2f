package io.promptgrad.benchmarks;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.command.Promptgrad;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Environment;
import io.promptgrad.experiments.execution.Interrupt;
import io.promptgrad.experiments.execution.NvidiaDriver;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.Devices;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.program.Natives;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Everything that should be known of a GPU machine before its numbers are trusted: agreement with
 * recordings, what bfloat16 costs, running out of memory, memory over many steps, and throughput
 * beside the rate of a bare matrix product.
 */
@Command(
    name = "gpu",
    mixinStandardHelpOptions = true,
    description = "Checks and measures a GPU machine; runs on a CPU, too (--sizes tiny).")
public final class GpuSuite implements Callable<Integer> {

  // Exit codes, as the command line has them.
  private static final int WELL = 0;
  private static final int MISMATCH = 1;
  private static final int BAD_INPUT = 2;

  @Parameters(
      paramLabel = "DIR",
      arity = "0..*",
      description = "Recorded models and searches, as promptgrad verify takes them.")
  private List<Path> folders = List.of();

  @Option(
      names = "--device",
      defaultValue = "auto",
      description =
          "cpu, cuda:N, cuda:all or several with commas (default: the first GPU); throughput uses"
              + " all of them.")
  private String device;

  @Option(
      names = "--sizes",
      split = ",",
      defaultValue = "0.1b,1b,7b",
      description = "Random models to measure: tiny, 0.1b, 1b, 7b (default ${DEFAULT-VALUE}).")
  private List<String> sizes;

  @Option(
      names = "--steps",
      defaultValue = "2000",
      description = "AutoPrompt steps of the memory run (default ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--temp",
      description = "Where checkpoints of random weights are for a while (7b: 14 GB).")
  private Path temp = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(names = "--out", description = "Writes all results there as JSON.")
  private Path out;

  private final ObjectNode json = Json.object();
  private final PrintStream print;
  private LoadOptions options;
  private boolean ok = true;

  /** Prints its tables there. */
  GpuSuite(PrintStream print) {
    this.print = print;
  }

  /** Runs the program. */
  public static void main(String[] args) {
    CommandLine line = new CommandLine(new GpuSuite(System.out));
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          if (e instanceof InvalidInputException) {
            System.err.println(e.getMessage());
            return BAD_INPUT;
          }
          throw e;
        });
    System.exit(line.execute(args));
  }

  @Override
  public Integer call() {
    if (steps < 10) {
      throw new InvalidInputException("--steps %d: give at least 10.".formatted(steps));
    }
    List<RandomLlama> shapes = sizes.stream().map(RandomLlama::named).toList();
    options = LoadOptions.on(device);
    json.put("benchmark", "gpu");
    machine();
    verify();
    bfloat16();
    try (LanguageModel model = LanguageModel.load(Bundled.MODEL.folder(), options)) {
      outOfMemory(model);
      memory(model);
    }
    throughput(shapes);
    json.put("ok", ok);
    if (out != null) {
      write(out);
    }
    line(ok ? "All checks are well." : "A check failed; see above.");
    return ok ? WELL : MISMATCH;
  }

  private void line(String format, Object... values) {
    print.println(String.format(Locale.ROOT, format, values));
    print.flush();
  }

  private void write(Path file) {
    try {
      Files.writeString(file, Json.pretty(json));
    } catch (IOException e) {
      throw new InvalidInputException("%s cannot be written (%s).".formatted(file, e), e);
    }
  }

  // ------------------------------------------------------------------ what it runs on

  private void machine() {
    Natives natives = Natives.found();
    ObjectNode machine = json.putObject("machine");
    machine
        .put(
            "system",
            "%s %s, %s"
                .formatted(
                    System.getProperty("os.name"),
                    System.getProperty("os.version"),
                    System.getProperty("os.arch")))
        .put("processor", first(Path.of("/proc/cpuinfo"), "model name"))
        .put("processors", Runtime.getRuntime().availableProcessors())
        .put("memory", first(Path.of("/proc/meminfo"), "MemTotal"))
        .put("java", System.getProperty("java.vm.name") + " " + Runtime.version())
        .put("libtorch", natives.folder() + ", because " + natives.reason());
    Optional<NvidiaDriver> driver = NvidiaDriver.find();
    machine.put("nvidia_driver", driver.map(NvidiaDriver::version).orElse(""));
    driver.ifPresent(d -> d.gpus().forEach(machine.putArray("gpus")::add));
    ArrayNode devices = machine.putArray("devices");
    options.devices().forEach(d -> devices.add(Environment.describe(d)));
    json.set("versions", Json.tree(Environment.versions()));
    json.put("precision", options.precision().toString());
    line("Machine");
    machine
        .properties()
        .forEach(
            entry ->
                line(
                    "  %-14s %s",
                    entry.getKey(),
                    entry.getValue().isTextual()
                        ? entry.getValue().asText()
                        : entry.getValue().toString()));
    line("  %-14s %s", "versions", json.path("versions"));
  }

  /** The value behind a name in a list of "name : value". */
  private static String first(Path file, String name) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith(name))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("");
    } catch (IOException | UncheckedIOException e) {
      return ""; // not Linux
    }
  }

  // ------------------------------------------------------------------ agreement

  private void verify() {
    line("%nAgreement with recordings (promptgrad verify)");
    if (folders.isEmpty()) {
      line("  no folders were given");
      return;
    }
    List<String> arguments =
        new ArrayList<>(List.of("verify", "--json", "--device", Devices.name(options.device())));
    folders.forEach(folder -> arguments.add(folder.toString()));
    StringWriter written = new StringWriter();
    StringWriter errors = new StringWriter();
    Console console =
        new Console(new PrintWriter(written), new PrintWriter(errors), false, new Interrupt());
    int code = Promptgrad.execute(console, arguments.toArray(String[]::new));
    if (code != WELL && code != MISMATCH) {
      throw new InvalidInputException(errors.toString().strip());
    }
    JsonNode result = parse(written.toString());
    json.set("verify", result);
    ok &= code == WELL;
    for (JsonNode folder : result.path("folders")) {
      line(
          "  %-8s %s %s",
          folder.path("ok").asBoolean() ? "ok" : "MISMATCH",
          folder.path("folder").asText(),
          folder.path("mismatches").isEmpty() ? "" : folder.path("mismatches"));
    }
  }

  private static JsonNode parse(String text) {
    try {
      return Json.parse(text);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Logits and gradient of the bundled model, float32 on the CPU against both on the device. */
  private void bfloat16() {
    line("%nThe bundled model against float32 on the CPU, relative difference");
    float[][] exact = numbers(Device.cpu(), Precision.FLOAT32);
    ObjectNode node = json.putObject("precision_differences");
    for (Precision precision : List.of(Precision.FLOAT32, Precision.BFLOAT16)) {
      float[][] own = numbers(options.device(), precision);
      double logits = distance(exact[0], own[0]);
      double gradient = distance(exact[1], own[1]);
      boolean full = precision == Precision.FLOAT32;
      boolean well = logits <= (full ? 1e-4 : 3e-2) && gradient <= (full ? 1e-4 : 6e-2);
      ok &= well;
      node.putObject(precision.toString())
          .put("logits", logits)
          .put("gradient", gradient)
          .put("ok", well);
      line(
          "  %-8s %-9s logits %.2e, gradient %.2e",
          well ? "ok" : "MISMATCH", precision, logits, gradient);
    }
  }

  private static float[][] numbers(Device device, Precision precision) {
    LoadOptions one = new LoadOptions(device, precision);
    try (LanguageModel model = LanguageModel.load(Bundled.MODEL.folder(), one);
        NDManager scope = model.newScope()) {
      List<int[]> sentences =
          Stream.of("the film was good .", "a dull and much too long story , badly told .")
              .map(model.tokenizer()::encodeWithSpecials)
              .toList();
      TokenBatch batch = TokenBatch.of(sentences, model.spec().padId());
      int[] at = new int[sentences.size()];
      int[][] wanted = new int[at.length][];
      for (int r = 0; r < at.length; r++) {
        at[r] = batch.index(r, 3);
        wanted[r] = new int[] {sentences.get(r)[2]};
      }
      return new float[][] {
        model.logits(scope, batch, at).toFloatArray(),
        model.gradient(scope, batch, Targets.mean(at, wanted)).vectors().toFloatArray()
      };
    }
  }

  private static double distance(float[] exact, float[] other) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < exact.length; i++) {
      difference += Math.pow((double) exact[i] - other[i], 2);
      size += Math.pow(exact[i], 2);
    }
    return Math.sqrt(difference / size);
  }

  // ------------------------------------------------------------------ memory

  private void outOfMemory(LanguageModel model) {
    line("%nOut of memory");
    OutOfMemory result = OutOfMemory.run(model);
    ok &= result.ok();
    json.set("out_of_memory", result.toJson());
    line(
        "  %-8s %s: halved %d times, then batches of %,d tokens fitted; scores differ by %.1e of"
            + " %.1f",
        result.ok() ? "ok" : "FAILED",
        result.how(),
        result.failures(),
        result.fitted(),
        result.difference(),
        result.scale());
  }

  private void memory(LanguageModel model) {
    line("%nMemory over %,d AutoPrompt steps on the bundled model", steps);
    MemoryCourse course = MemoryCourse.run(model, Bundled.workload(model, 20, 0), steps);
    ok &= course.ok();
    json.set("memory", course.toJson());
    line("  %8s %14s %14s %14s %14s", "step", "resident MiB", "GPU MiB", "arrays", "array bytes");
    for (MemoryCourse.Point point : course.points()) {
      line(
          "  %8d %14.1f %14.1f %14d %14d",
          point.step(),
          point.resident() / 0x1p20,
          Math.max(0, point.device()) / 0x1p20,
          point.arrays(),
          point.arrayBytes());
    }
    line("  %s", course.ok() ? "ok" : "GREW");
  }

  // ------------------------------------------------------------------ throughput

  private void throughput(List<RandomLlama> shapes) {
    boolean tiny = shapes.stream().allMatch(shape -> shape == RandomLlama.TINY);
    int n = tiny ? 128 : options.device().isGpu() ? 8192 : 1024;
    double rate = MatmulRate.measure(options.device(), options.precision(), n, 10);
    json.putObject("matmul").put("n", n).put("tflops", rate / 1e12);
    line(
        "%nThroughput in %s; a product of %d x %d matrices alone: %.2f TFLOP/s",
        options.precision(), n, n, rate / 1e12);
    line(
        "  %-6s %13s  %-22s %12s %10s %10s %9s",
        "model", "weights", "work", "tokens/s", "rows/s", "TFLOP/s", "of matmul");
    ArrayNode results = json.putArray("throughput");
    for (RandomLlama shape : shapes) {
      Path folder = folder(shape);
      try {
        shape.write(folder, 0);
        measure(shape, folder, rate, results);
      } finally {
        delete(folder);
      }
    }
  }

  private void measure(RandomLlama shape, Path folder, double rate, ArrayNode results) {
    ObjectNode node = results.addObject().put("model", shape.title);
    long begin = System.nanoTime();
    try (LanguageModel model = LanguageModel.load(folder, options)) {
      node.put("weights", model.parameters());
      node.put("load_seconds", (System.nanoTime() - begin) / 1e9);
      ArrayNode works = node.putArray("work");
      Throughput.Size size =
          shape == RandomLlama.TINY ? Throughput.Size.tiny() : Throughput.Size.usual();
      // All devices together are put to as many matrix products.
      double all = rate * options.devices().size();
      for (Throughput result : Throughput.measure(model, shape, size)) {
        works.add(result.toJson(all));
        line(
            "  %-6s %,13d  %-22s %,12.0f %,10.1f %10.2f %8.1f%%",
            shape.title,
            model.parameters(),
            result.work(),
            result.tokensPerSecond(),
            result.rows() / result.seconds(),
            result.rate() / 1e12,
            100 * result.rate() / all);
      }
    } catch (InvalidInputException e) { // it does not fit; the smaller ones' figures stay
      node.put("problem", e.getMessage());
      line("  %-6s %s", shape.title, e.getMessage());
    }
  }

  private Path folder(RandomLlama shape) {
    try {
      return Files.createTempDirectory(temp, "promptgrad-" + shape.title + "-");
    } catch (IOException e) {
      throw new InvalidInputException(
          "--temp %s: no folder can be made there (%s).".formatted(temp, e), e);
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
