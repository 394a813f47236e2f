package io.promptgrad.benchmarks;

import io.promptgrad.lm.LanguageModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Steps of soft prompts in turns with bare passes, and memory over many of them. */
@Command(
    name = "soft",
    mixinStandardHelpOptions = true,
    description = "Times steps of soft prompts beside bare forward and backward passes.")
public final class SoftStepTable implements Callable<Integer> {

  @Option(names = "--rounds", description = "Rounds that count (${DEFAULT-VALUE}).")
  private int rounds = 31;

  @Option(
      names = "--memory-steps",
      description = "Steps of prompt tuning whose memory is printed (${DEFAULT-VALUE}).")
  private int memorySteps;

  /** Runs the program. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new SoftStepTable()).execute(args));
  }

  @Override
  public Integer call() throws Exception {
    if (rounds < 1 || memorySteps < 0) {
      System.err.println("Give at least one round, and no negative number of steps.");
      return 2;
    }
    try (LanguageModel model = Bundled.load()) {
      System.out.printf(
          "%s, %s; median of %d rounds.%n%n", Bundled.MODEL.id(), Bundled.machine(), rounds);
      System.out.printf("%-16s %10s %10s %8s%n", "method", "step, ms", "bare, ms", "ratio");
      for (SoftStep.Method method : SoftStep.Method.values()) {
        SoftStep step = new SoftStep(model, method);
        double[][] times = Interleaved.milliseconds(List.of(step::step, step::bare), 5, rounds);
        double own = Interleaved.median(times[0]);
        double bare = Interleaved.median(times[1]);
        System.out.printf(
            Locale.ROOT,
            "%-16s %10.1f %10.1f %8.3f%n",
            method.name().toLowerCase(Locale.ROOT),
            own,
            bare,
            own / bare);
      }
      if (memorySteps > 0) {
        SoftStep step = new SoftStep(model, SoftStep.Method.PROMPT_TUNING);
        for (int i = 1; i <= memorySteps; i++) {
          step.step();
          if (i % Math.max(1, memorySteps / 10) == 0) {
            System.out.printf("step %d: %s%n", i, resident());
          }
        }
      }
    }
    return 0;
  }

  /** Resident memory as Linux says it. */
  private static String resident() throws IOException {
    Path status = Path.of("/proc/self/status");
    return Files.exists(status)
        ? Files.readAllLines(status).stream()
            .filter(line -> line.startsWith("VmRSS"))
            .findFirst()
            .orElse("unknown")
        : "unknown";
  }
}
