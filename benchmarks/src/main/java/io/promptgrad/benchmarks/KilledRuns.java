package io.promptgrad.benchmarks;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.Main;
import io.promptgrad.files.Json;
import io.promptgrad.search.RandomSource;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Kills runs of the quickstart (SIGKILL: nothing can be saved) at random moments of their life,
 * resumes each, and compares result, prompt, outcomes and trace with those of a run that nobody
 * killed.
 */
@Command(
    name = "kills",
    mixinStandardHelpOptions = true,
    description = "Kills quickstart runs at random moments, resumes them, and compares results.")
public final class KilledRuns implements Callable<Integer> {

  @Option(
      names = "--kills",
      defaultValue = "20",
      description = "Runs that are killed once each (default ${DEFAULT-VALUE}).")
  private int kills;

  @Option(
      names = "--set",
      paramLabel = "a.b=c",
      description = "Sets a value of the quickstart's configuration. Repeatable.")
  private List<String> settings = new ArrayList<>();

  @Option(
      names = "--seed",
      defaultValue = "0",
      description = "What the moments are drawn from (default ${DEFAULT-VALUE}).")
  private long seed;

  private Path folder;

  /** Runs the program. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new KilledRuns()).execute(args));
  }

  @Override
  public Integer call() throws Exception {
    folder = Files.createTempDirectory("promptgrad-kills-");
    try {
      return run();
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private int run() throws Exception {
    Path whole = folder.resolve("whole");
    long begin = System.nanoTime();
    if (start(whole).waitFor() != 0) {
      System.err.println(Files.readString(folder.resolve("whole.err")));
      return 1;
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    int steps = steps(whole);
    System.out.printf(
        Locale.ROOT,
        "quickstart %s: %d steps, %.1f s when not killed; moments of seed %d%n%n",
        String.join(" ", settings),
        steps,
        seconds,
        seed);
    System.out.printf("%4s %13s %11s  %s%n", "kill", "killed after", "steps done", "resumed");
    RandomGenerator moments = new RandomSource(seed).stream("kills", 0);
    int same = 0;
    for (int kill = 1; kill <= kills; kill++) {
      Path killed = folder.resolve("killed-" + kill);
      double after = moments.nextDouble() * seconds;
      Process process = start(killed);
      boolean ended = process.waitFor((long) (after * 1000), TimeUnit.MILLISECONDS);
      process.destroyForcibly().waitFor();
      int done = steps(killed);
      Process resumed = resume(killed);
      boolean equal = resumed.waitFor() == 0 && outcome(killed).equals(outcome(whole));
      same += equal ? 1 : 0;
      System.out.printf(
          Locale.ROOT,
          "%4d %11.1f s %11d  %s%s%n",
          kill,
          after,
          done,
          equal
              ? "the same"
              : "DIFFERS: " + Files.readString(folder.resolve(killed.getFileName() + ".err")),
          ended ? " (had ended)" : "");
    }
    System.out.printf("%n%d of %d the same.%n", same, kills);
    return same == kills ? 0 : 1;
  }

  private Process start(Path run) throws IOException {
    List<String> arguments = new ArrayList<>(List.of("quickstart", "--out", run.toString()));
    for (String setting : settings) {
      arguments.addAll(List.of("--set", setting));
    }
    return promptgrad(run, arguments);
  }

  /** A run that was killed before it had written its configuration has to be started again. */
  private Process resume(Path run) throws IOException {
    return Files.exists(run.resolve("config.yaml"))
        ? promptgrad(run, List.of("resume", run.toString()))
        : start(run);
  }

  private Process promptgrad(Path run, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx1g", "-Dai.djl.pytorch.graph_optimizer=false"));
    String threads = System.getProperty("ai.djl.pytorch.num_threads");
    if (threads != null) { // another number of threads adds in another order
      command.add("-Dai.djl.pytorch.num_threads=" + threads);
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(arguments);
    File out = folder.resolve(run.getFileName() + ".out").toFile();
    File err = folder.resolve(run.getFileName() + ".err").toFile();
    return new ProcessBuilder(command).redirectOutput(out).redirectError(err).start();
  }

  private static int steps(Path run) throws IOException {
    Path trace = run.resolve("trace.jsonl");
    return Files.exists(trace) ? (int) Files.readString(trace).lines().count() : 0;
  }

  /** Everything that a run leaves, without what may differ: times, and its own place. */
  private static List<String> outcome(Path run) throws IOException {
    List<String> all = new ArrayList<>();
    ObjectNode result = (ObjectNode) Json.read(run.resolve("result.json"));
    ((ObjectNode) result.path("cost")).remove("seconds");
    result.remove("run_dir");
    all.add(Json.line(result));
    all.add(Files.readString(run.resolve("prompt/prompt.json")));
    for (String line : Files.readAllLines(run.resolve("trace.jsonl"))) {
      ObjectNode step = (ObjectNode) Json.parse(line);
      step.remove("seconds");
      all.add(Json.line(step));
    }
    try (Stream<Path> outcomes = Files.list(run.resolve("outcomes"))) {
      outcomes.sorted().forEach(file -> all.add(file.getFileName() + ": " + text(file)));
    }
    return all;
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
