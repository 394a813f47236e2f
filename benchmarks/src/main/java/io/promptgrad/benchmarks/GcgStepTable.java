package io.promptgrad.benchmarks;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.benchmarks.GcgStep.Form;
import io.promptgrad.files.Json;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.models.BundledModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The forms of a GCG step side by side: time, forward tokens, and the gain over the others. */
@Command(
    name = "gcg",
    mixinStandardHelpOptions = true,
    description = "Times one GCG step with and without caches on the bundled causal model.")
public final class GcgStepTable implements Callable<Integer> {

  @Option(
      names = "--rounds",
      defaultValue = "7",
      description = "Rounds, each with every form; the median counts (default ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--warmup",
      defaultValue = "2",
      description = "Rounds before those (default ${DEFAULT-VALUE}).")
  private int warmup;

  @Option(
      names = "--before",
      defaultValue = "128",
      description = "Tokens before the trigger (default ${DEFAULT-VALUE}).")
  private int before;

  @Option(
      names = "--slots",
      defaultValue = "20",
      description = "Trigger tokens (default ${DEFAULT-VALUE}).")
  private int slots;

  @Option(
      names = "--target",
      defaultValue = "20",
      description = "Target tokens (default ${DEFAULT-VALUE}).")
  private int target;

  @Option(
      names = "--width",
      defaultValue = "256",
      description = "Candidates (default ${DEFAULT-VALUE}).")
  private int width;

  @Option(names = "--json", description = "One JSON object on standard output.")
  private boolean json;

  /** Runs the program. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new GcgStepTable()).execute(args));
  }

  private record Row(Form form, double milliseconds, long forwardTokens, double formula) {}

  @Override
  public Integer call() {
    if (rounds < 1 || warmup < 0 || before < 1 || slots < 1 || target < 2 || width < 1) {
      System.err.println(
          "Give at least one round, token before, slot and candidate, and two target tokens.");
      return 2;
    }
    BundledModel bundled = BundledModel.MINI_LLAMA;
    try (LanguageModel model = LanguageModel.load(bundled.folder(), Bundled.options())) {
      GcgStep step = new GcgStep(model, new GcgStep.Size(before, slots, target, width), 0);
      List<Row> rows = measure(model, step);
      step.close();
      System.out.print(json ? Json.pretty(toJson(rows)) : toText(rows));
    }
    return 0;
  }

  private List<Row> measure(LanguageModel model, GcgStep step) {
    List<Runnable> runs = new ArrayList<>();
    List<Long> tokens = new ArrayList<>();
    double[] plain = step.run(Form.PLAIN);
    for (Form form : Form.values()) {
      GcgStep.requireSame(plain, step.run(form), form); // fills the caches, too
      long used = model.forwardTokens();
      step.run(form);
      tokens.add(model.forwardTokens() - used);
      runs.add(() -> step.run(form));
    }
    double[][] times = Interleaved.milliseconds(runs, warmup, rounds);
    List<Row> rows = new ArrayList<>();
    for (Form form : Form.values()) {
      int f = form.ordinal();
      rows.add(new Row(form, Interleaved.median(times[f]), tokens.get(f), step.formula(form)));
    }
    return rows;
  }

  private static double gain(List<Row> rows, Form form) {
    return rows.get(form.ordinal()).milliseconds() / rows.get(Form.FAST.ordinal()).milliseconds();
  }

  private String toText(List<Row> rows) {
    StringBuilder text = new StringBuilder();
    text.append(
        "One GCG step: %d tokens, %d trigger tokens, %d target tokens, %d candidates.%n"
            .formatted(before, slots, target, width));
    text.append(
        "%s, %s; median of %d rounds.%n%n"
            .formatted(BundledModel.MINI_LLAMA.id(), Bundled.machine(), rounds));
    text.append(
        "%-52s %10s %15s %12s %12s%n"
            .formatted("form", "ms/step", "forward tokens", "formula", "fast gains"));
    for (Row row : rows) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-52s %10.1f %15d %12.0f %11.2fx%n",
              row.form().title(),
              row.milliseconds(),
              row.forwardTokens(),
              row.formula(),
              gain(rows, row.form())));
    }
    text.append(
        "%nAll forms came to the same losses (1e-4) and the same winner. The formula leaves out the gradient's sequence and the reference of the cache.%n"
            .formatted());
    return text.toString();
  }

  private ObjectNode toJson(List<Row> rows) {
    ObjectNode result = Json.object();
    result
        .put("benchmark", "gcg-step")
        .put("model", BundledModel.MINI_LLAMA.id())
        .put("machine", Bundled.machine())
        .put("rounds", rounds)
        .put("same_losses", true);
    ArrayNode forms = result.putArray("forms");
    for (Row row : rows) {
      forms
          .addObject()
          .put("form", row.form().name().toLowerCase(Locale.ROOT))
          .put("ms_per_step", row.milliseconds())
          .put("forward_tokens", row.forwardTokens())
          .put("formula", row.formula())
          .put("fast_gains", gain(rows, row.form()));
    }
    return result;
  }
}
