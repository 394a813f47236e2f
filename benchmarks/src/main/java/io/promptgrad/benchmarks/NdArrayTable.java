package io.promptgrad.benchmarks;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.lm.LanguageModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** One native call for a whole pass against one for each operation: the ratio, side by side. */
@Command(
    name = "ndarray",
    mixinStandardHelpOptions = true,
    description = "Times the bundled model as the toolkit's program and as DJL NDArray calls.")
public final class NdArrayTable implements Callable<Integer> {

  @Option(
      names = "--rounds",
      defaultValue = "15",
      description = "Rounds; the median counts (default ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--warmup",
      defaultValue = "5",
      description = "Rounds before those (default ${DEFAULT-VALUE}).")
  private int warmup;

  @Option(names = "--json", description = "One JSON object on standard output.")
  private boolean json;

  /** Runs the program. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new NdArrayTable()).execute(args));
  }

  /** One line of the table, times in milliseconds. */
  private record Row(String what, String size, double ndArrays, double program) {

    double ratio() {
      return ndArrays / program;
    }
  }

  @Override
  public Integer call() {
    if (rounds < 1 || warmup < 0) {
      System.err.println("Give at least one round, and no negative warm-up.");
      return 2;
    }
    List<Row> rows = new ArrayList<>();
    try (LanguageModel program = Bundled.load();
        NdArrayRoberta ndArrays = NdArrayRoberta.load(program.path(), program.device())) {
      for (String size : SampleBatch.SIZES) {
        SampleBatch batch = SampleBatch.of(program, size);
        int repeats = size.equals("1x16") ? 20 : 1; // so that a round takes milliseconds
        rows.add(
            compare(
                "forward",
                size,
                repeats,
                () -> NdArrayBenchmark.forward(ndArrays, batch),
                () -> NdArrayBenchmark.forward(program, batch)));
        rows.add(
            compare(
                "forward + backward",
                size,
                repeats,
                () -> NdArrayBenchmark.gradient(ndArrays, batch),
                () -> NdArrayBenchmark.gradient(program, batch)));
      }
    }
    System.out.print(json ? Json.pretty(toJson(rows)) : toText(rows));
    return 0;
  }

  private Row compare(String what, String size, int repeats, Runnable ndArrays, Runnable program) {
    double[][] times =
        Interleaved.milliseconds(
            List.of(repeated(ndArrays, repeats), repeated(program, repeats)), warmup, rounds);
    return new Row(
        what, size, Interleaved.median(times[0]) / repeats, Interleaved.median(times[1]) / repeats);
  }

  private static Runnable repeated(Runnable run, int times) {
    return () -> {
      for (int i = 0; i < times; i++) {
        run.run();
      }
    };
  }

  private String toText(List<Row> rows) {
    StringBuilder text = new StringBuilder();
    text.append(
        "%s, %s; median of %d rounds.%n%n"
            .formatted(Bundled.MODEL.id(), Bundled.machine(), rounds));
    text.append(
        "%-20s %-6s %12s %12s %8s%n"
            .formatted("pass", "batch", "NDArray ms", "program ms", "ratio"));
    for (Row row : rows) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-20s %-6s %12.2f %12.2f %7.2fx%n",
              row.what(),
              row.size(),
              row.ndArrays(),
              row.program(),
              row.ratio()));
    }
    return text.toString();
  }

  private ObjectNode toJson(List<Row> rows) {
    ObjectNode result = Json.object();
    result
        .put("benchmark", "ndarray")
        .put("model", Bundled.MODEL.id())
        .put("machine", Bundled.machine())
        .put("rounds", rounds);
    ArrayNode passes = result.putArray("passes");
    for (Row row : rows) {
      passes
          .addObject()
          .put("pass", row.what())
          .put("batch", row.size())
          .put("ndarray_ms", row.ndArrays())
          .put("program_ms", row.program())
          .put("ratio", row.ratio());
    }
    return result;
  }
}
