package io.promptgrad.benchmarks;

import io.promptgrad.experiments.config.DiscreteConfig;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.models.BundledModel;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Forward tokens and seconds until a method's best trigger has a given loss. A run that does not
 * get there within its budget counts as longer than any that does; of the seeds the median is
 * shown.
 */
@Command(
    name = "reach",
    mixinStandardHelpOptions = true,
    description = "What each discrete search needs to reach a loss, on the bundled causal model.")
public final class ReachTable implements Callable<Integer> {

  @Option(
      names = "--loss",
      defaultValue = "2",
      description = "Cross-entropy of a target token to reach, in nats (default ${DEFAULT-VALUE}).")
  private double loss;

  @Option(
      names = "--budget",
      defaultValue = "200000",
      description = "Forward tokens of each run (default ${DEFAULT-VALUE}).")
  private long budget;

  @Option(
      names = "--seeds",
      defaultValue = "3",
      description = "Seeds from 0 (default ${DEFAULT-VALUE}).")
  private int seeds;

  @Option(
      names = "--width",
      defaultValue = "64",
      description = "Candidates of a step (default ${DEFAULT-VALUE}).")
  private int width;

  @Option(
      names = "--slots",
      defaultValue = "10",
      description = "Trigger tokens (default ${DEFAULT-VALUE}).")
  private int slots;

  @Option(names = "--methods", split = ",", description = "Some of the methods; all if not given.")
  private List<String> methods = new ArrayList<>(DiscreteConfig.targetNames());

  /** One run: what it used until it got there, and the best loss that it saw. */
  private record Run(boolean reached, long tokens, double seconds, double best) {}

  /** Runs the program. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new ReachTable()).execute(args));
  }

  @Override
  public Integer call() {
    if (seeds < 1 || budget < 1 || width < 2 || slots < 1) {
      System.err.println("Give at least one seed, a budget, two candidates and one slot.");
      return 2;
    }
    try (LanguageModel model =
        LanguageModel.load(BundledModel.MINI_LLAMA.folder(), Bundled.options())) {
      TargetWorkload workload = new TargetWorkload(model, slots, width);
      System.out.printf(
          Locale.ROOT,
          "%s, %s; %d trigger tokens, width %d, loss %.2f within %,d forward tokens, %d seeds.%n%n",
          BundledModel.MINI_LLAMA.id(),
          Bundled.machine(),
          slots,
          width,
          loss,
          budget,
          seeds);
      System.out.println(
          "| method | reached | forward tokens, median | of gcg's | seconds, median | best loss, mean |");
      System.out.println("| --- | ---: | ---: | ---: | ---: | ---: |");
      double plain = Double.NaN;
      List<String> order = new ArrayList<>(methods);
      if (order.remove("gcg")) {
        order.add(0, "gcg"); // what the others are compared with
      }
      for (String method : order) {
        List<Run> runs = new ArrayList<>();
        for (int seed = 0; seed < seeds; seed++) {
          runs.add(run(model, workload, method, seed));
        }
        double tokens = median(runs.stream().map(r -> r.reached ? r.tokens : 1 / 0.0).toList());
        if (method.equals("gcg")) {
          plain = tokens;
        }
        double seconds = median(runs.stream().map(r -> r.reached ? r.seconds : 1 / 0.0).toList());
        System.out.printf(
            Locale.ROOT,
            "| %s | %d of %d | %s | %s | %s | %.2f |%n",
            method,
            runs.stream().filter(Run::reached).count(),
            seeds,
            shown("%,.0f", tokens),
            shown("%.2f", tokens / plain),
            shown("%.1f", seconds),
            runs.stream().mapToDouble(Run::best).average().orElseThrow());
      }
    }
    return 0;
  }

  private Run run(LanguageModel model, TargetWorkload workload, String method, int seed) {
    Search search = workload.search(method, seed);
    long tokens = 0;
    double seconds = 0;
    double best = Double.POSITIVE_INFINITY;
    for (int step = 1; tokens < budget && !search.finished(); step++) {
      long begin = System.nanoTime();
      StepReport report = search.step(step);
      seconds += (System.nanoTime() - begin) / 1e9;
      tokens += report.cost().forwardTokens();
      best = Math.min(best, workload.crossEntropy(search.best().prompt().tokenIds()));
      if (best <= loss) {
        return new Run(true, tokens, seconds, best);
      }
    }
    return new Run(false, tokens, seconds, best);
  }

  private static double median(List<? extends Number> values) {
    return Interleaved.median(values.stream().mapToDouble(Number::doubleValue).toArray());
  }

  private static String shown(String format, double value) {
    return Double.isInfinite(value) || Double.isNaN(value)
        ? "not reached"
        : String.format(Locale.ROOT, format, value);
  }
}
