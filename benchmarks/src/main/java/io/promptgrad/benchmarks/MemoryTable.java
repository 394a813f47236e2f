package io.promptgrad.benchmarks;

import io.promptgrad.files.Json;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.models.BundledModel;
import io.promptgrad.search.Search;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What a long search holds: resident memory and native arrays in the course of its steps. */
@Command(
    name = "memory",
    mixinStandardHelpOptions = true,
    description =
        "Runs AutoPrompt steps on the bundled model and looks at memory ten times; start it with a"
            + " fixed heap, as benchmarks/run memory does.")
public final class MemoryTable implements Callable<Integer> {

  @Option(
      names = "--steps",
      defaultValue = "2000",
      description = "AutoPrompt steps (default ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--candidates",
      defaultValue = "8",
      description = "Candidates of a step (default ${DEFAULT-VALUE}).")
  private int candidates;

  @Option(
      names = "--examples",
      defaultValue = "8",
      description =
          "Examples for the gradient, and as many others for the choice (default"
              + " ${DEFAULT-VALUE}).")
  private int examples;

  @Option(
      names = "--search",
      paramLabel = "METHOD",
      description =
          "Instead of AutoPrompt a search for a target, such as gcg, on the bundled causal model with"
              + " 20 trigger tokens and a width of 64.")
  private String search;

  @Option(names = "--json", description = "One JSON object on standard output.")
  private boolean json;

  /** Runs the program. */
  public static void main(String[] args) {
    System.exit(new CommandLine(new MemoryTable()).execute(args));
  }

  @Override
  public Integer call() {
    if (steps < 10 || candidates < 1 || examples < 1) {
      System.err.println("Give at least ten steps, one candidate and one example.");
      return 2;
    }
    if (search != null) {
      return target();
    }
    try (LanguageModel model = Bundled.load()) {
      int mask = model.tokenizer().specials().mask().orElseThrow();
      StepWorkload.Size size = new StepWorkload.Size(candidates, examples, 8, 32, 3, 3);
      StepWorkload workload = StepWorkload.random(model, mask, size, 20, 0);
      long begin = System.nanoTime();
      MemoryCourse course = MemoryCourse.run(model, workload, steps);
      return print(
          course,
          begin,
          "%s, %s; k = %d, %d + %d examples of 8 to 32 tokens"
              .formatted(Bundled.MODEL.id(), Bundled.machine(), candidates, examples, examples));
    }
  }

  /** The search's own trace is not kept, as a run directory would not keep it either. */
  private int target() {
    try (LanguageModel model =
        LanguageModel.load(BundledModel.MINI_LLAMA.folder(), Bundled.options())) {
      Search steps = new TargetWorkload(model, 20, 64).search(search, 0);
      long begin = System.nanoTime();
      MemoryCourse course = MemoryCourse.run(model, steps::step, this.steps);
      return print(
          course,
          begin,
          "%s, %s; %s".formatted(BundledModel.MINI_LLAMA.id(), Bundled.machine(), search));
    }
  }

  private int print(MemoryCourse course, long begin, String what) {
    boolean ok = search == null ? course.ok() : course.ok(500);
    double seconds = (System.nanoTime() - begin) / 1e9;
    System.out.print(
        json
            ? Json.pretty(course.toJson().put("ok", ok).put("seconds", seconds))
            : toText(course, what, ok) + "%,d steps in %.0f s.%n".formatted(steps, seconds));
    return ok ? 0 : 1;
  }

  private static String toText(MemoryCourse course, String what, boolean ok) {
    StringBuilder text = new StringBuilder();
    text.append(
        "%s, MALLOC_ARENA_MAX=%s.%n%n"
            .formatted(what, System.getenv().getOrDefault("MALLOC_ARENA_MAX", "unset")));
    text.append(
        "%8s %14s %16s %20s%n".formatted("step", "resident MiB", "native arrays", "bytes in them"));
    for (MemoryCourse.Point point : course.points()) {
      text.append(
          String.format(
              Locale.ROOT,
              "%8d %14.1f %16d %,20d%n",
              point.step(),
              point.resident() / 0x1p20,
              point.arrays(),
              point.arrayBytes()));
    }
    double growth = 100.0 * (course.last().resident() - course.first().resident());
    text.append(
        String.format(
            Locale.ROOT,
            "%nResident memory changed by %+.2f %% from step %d to step %d: %s.%n",
            growth / course.first().resident(),
            course.first().step(),
            course.last().step(),
            ok ? "ok" : "GREW"));
    return text.toString();
  }
}
