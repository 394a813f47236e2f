package io.promptgrad.benchmarks;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.benchmarks.AutoPromptStep.Choice;
import io.promptgrad.files.Json;
import io.promptgrad.lm.LanguageModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The variants of an AutoPrompt step side by side: time, forward tokens, and what each economy
 * gains on top of the ones before it.
 */
@Command(
    name = "step",
    mixinStandardHelpOptions = true,
    description =
        "Times one AutoPrompt step, from the original's form to ours, on the bundled model.")
public final class AutoPromptStepTable implements Callable<Integer> {

  @Option(
      names = "--rounds",
      defaultValue = "7",
      description =
          "Rounds, each with every variant; the median counts (default ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--warmup",
      defaultValue = "2",
      description = "Rounds before those (default ${DEFAULT-VALUE}).")
  private int warmup;

  @Option(
      names = "--steps",
      defaultValue = "4",
      description = "Different steps in a round (default ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--seed",
      defaultValue = "0",
      description = "What the examples are drawn from (default ${DEFAULT-VALUE}).")
  private long seed;

  @Option(names = "--json", description = "One JSON object on standard output.")
  private boolean json;

  /** Runs the program. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new AutoPromptStepTable()).execute(args));
  }

  /** One line of the table. */
  private record Row(StepVariant variant, double[] milliseconds, double forwardTokens) {

    double median() {
      return Interleaved.median(milliseconds);
    }
  }

  @Override
  public Integer call() {
    if (rounds < 1 || warmup < 0 || steps < 1) {
      System.err.println("Give at least one round and one step, and no negative warm-up.");
      return 2;
    }
    try (LanguageModel model = Bundled.load()) {
      StepWorkload workload = Bundled.workload(model, steps, seed);
      List<Row> rows = measure(model, workload);
      System.out.print(json ? Json.pretty(toJson(rows)) : toText(rows));
    }
    return 0;
  }

  private List<Row> measure(LanguageModel model, StepWorkload workload) {
    List<AutoPromptStep> variants = new ArrayList<>();
    List<List<Choice>> choices = new ArrayList<>();
    for (StepVariant variant : StepVariant.values()) {
      AutoPromptStep step = new AutoPromptStep(model, workload, variant);
      variants.add(step);
      choices.add(step.runAll());
      AutoPromptStep.requireSameChoices(
          StepVariant.PLAIN, choices.get(0), variant, choices.get(choices.size() - 1));
    }
    List<Runnable> runs = new ArrayList<>();
    variants.forEach(variant -> runs.add(variant::runAll));
    double[][] times = Interleaved.milliseconds(runs, warmup, rounds);
    List<Row> rows = new ArrayList<>();
    for (StepVariant variant : StepVariant.values()) {
      int v = variant.ordinal();
      for (int r = 0; r < rounds; r++) {
        times[v][r] /= steps;
      }
      double tokens =
          choices.get(v).stream().mapToLong(Choice::forwardTokens).average().orElseThrow();
      rows.add(new Row(variant, times[v], tokens));
    }
    return rows;
  }

  private static double gain(List<Row> rows, StepVariant from, StepVariant to) {
    return rows.get(from.ordinal()).median() / rows.get(to.ordinal()).median();
  }

  private static StepVariant previous(StepVariant variant) {
    return StepVariant.values()[Math.max(0, variant.ordinal() - 1)];
  }

  private static double bucketsAndPruning(List<Row> rows) {
    return gain(rows, StepVariant.HEAD, StepVariant.PRUNING);
  }

  private String toText(List<Row> rows) {
    StringBuilder text = new StringBuilder();
    text.append(
        "One AutoPrompt step: k = 20, 24 + 24 examples of 8 to 48 tokens, 3 trigger tokens.%n"
            .formatted());
    text.append(
        "%s, %s; median of %d rounds of %d steps, seed %d.%n%n"
            .formatted(Bundled.MODEL.id(), Bundled.machine(), rounds, steps, seed));
    text.append(
        "%-28s %10s %15s %15s %12s%n"
            .formatted("variant", "ms/step", "forward tokens", "gain over last", "gain in all"));
    for (Row row : rows) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-28s %10.1f %15.0f %14.2fx %11.2fx%n",
              row.variant().title(),
              row.median(),
              row.forwardTokens(),
              gain(rows, previous(row.variant()), row.variant()),
              gain(rows, StepVariant.PLAIN, row.variant())));
    }
    text.append(
        String.format(
            Locale.ROOT,
            "%nAll variants made the same choices. Buckets and pruning together: %.2fx.%n",
            bucketsAndPruning(rows)));
    return text.toString();
  }

  private ObjectNode toJson(List<Row> rows) {
    ObjectNode result = Json.object();
    result
        .put("benchmark", "autoprompt-step")
        .put("model", Bundled.MODEL.id())
        .put("machine", Bundled.machine())
        .put("seed", seed)
        .put("rounds", rounds)
        .put("steps", steps)
        .put("same_choices", true);
    ArrayNode variants = result.putArray("variants");
    for (Row row : rows) {
      ObjectNode one = variants.addObject();
      one.put("variant", row.variant().name().toLowerCase(Locale.ROOT))
          .put("ms_per_step", row.median())
          .put("forward_tokens", row.forwardTokens())
          .put("gain_over_previous", gain(rows, previous(row.variant()), row.variant()))
          .put("gain_over_plain", gain(rows, StepVariant.PLAIN, row.variant()));
      one.set("ms", Json.tree(row.milliseconds()));
    }
    result.put("buckets_and_pruning", bucketsAndPruning(rows));
    return result;
  }
}
