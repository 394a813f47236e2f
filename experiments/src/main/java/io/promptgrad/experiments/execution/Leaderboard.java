package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.Interval;
import io.promptgrad.evaluation.Statistics;
import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.Perplexity;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Metrics;
import io.promptgrad.metric.Outcome;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Several methods on one task with the same budget and the same seeds, each method and seed a run
 * of its own; runs that have ended are not done again, and one that was interrupted goes on.
 *
 * <p>The score of a method is the mean over seeds, and its interval is over test examples: a
 * bootstrap of each example's mean over the seeds. The paired test against the control flips the
 * signs of the differences of those means.
 */
public final class Leaderboard {

  /** The best manual prompt as what every method has to beat, instead of a method. */
  public static final String MANUAL = "manual";

  private final String control;
  private final Optional<String> judge;
  private final Console console;

  /**
   * @param control the method that every other has to beat, or {@link #MANUAL}
   * @param judge a causal model that reads the triggers found, if one is wanted
   */
  public Leaderboard(String control, Optional<String> judge, Console console) {
    this.control = control;
    this.judge = judge;
    this.console = console;
  }

  /**
   * What came out.
   *
   * @param json what {@code leaderboard.json} holds
   * @param table as Markdown
   */
  public record Result(ObjectNode json, String table) {}

  /** One run. */
  private record Run(
      String name, long seed, RunResult result, double[] contributions, double perplexity) {}

  /**
   * Runs what is missing, and makes the table.
   *
   * @param experiments for each method its experiments by the names of their folders, in the same
   *     order for every method; all with the same test examples
   */
  public Result run(Map<String, Map<String, ExperimentConfig>> experiments, Path out) {
    Map<String, List<Run>> runs = new LinkedHashMap<>();
    Map<String, double[]> manual = new LinkedHashMap<>(); // by the name of the run
    int all = experiments.values().stream().mapToInt(Map::size).sum();
    int begun = 0;
    try (Reader reader = new Reader(judge, console)) {
      for (Map.Entry<String, Map<String, ExperimentConfig>> entry : experiments.entrySet()) {
        String method = entry.getKey();
        for (Map.Entry<String, ExperimentConfig> one : entry.getValue().entrySet()) {
          console.say("%s, %s: run %d of %d.".formatted(method, one.getKey(), ++begun, all));
          Path folder = out.resolve(method).resolve(one.getKey());
          RunResult result = one(one.getValue(), folder, out);
          RunDirectory run = RunDirectory.view(folder);
          if (result.baselines().containsKey(MANUAL)) {
            manual.put(one.getKey(), contributions(run, result, MANUAL));
          }
          runs.computeIfAbsent(method, key -> new ArrayList<>())
              .add(
                  new Run(
                      one.getKey(),
                      one.getValue().seed(),
                      result,
                      contributions(run, result, "found"),
                      reader.perplexity(run)));
        }
      }
    }
    Result result = result(runs, manual.isEmpty() ? null : means(List.copyOf(manual.values())));
    try {
      AtomicFiles.write(out.resolve("leaderboard.json"), Json.pretty(result.json()));
      AtomicFiles.write(out.resolve("leaderboard.md"), result.table());
    } catch (IOException e) {
      throw new InvalidInputException("The folder %s cannot be written: %s.".formatted(out, e), e);
    }
    return result;
  }

  private static double[] contributions(RunDirectory run, RunResult result, String whose) {
    Metric metric = Metrics.named(result.metric());
    return run.outcomes(whose, "test").stream()
        .sorted(Comparator.comparing(Outcome::exampleId))
        .mapToDouble(metric::contribution)
        .toArray();
  }

  private RunResult one(ExperimentConfig experiment, Path folder, Path out) {
    try {
      if (!Files.exists(folder.resolve("config.yaml"))) {
        return Experiment.start(experiment.in(folder), console);
      }
      try (RunDirectory run = RunDirectory.open(folder)) {
        ExperimentConfig own =
            ConfigReader.read(
                YamlDocument.read(folder.resolve("config.yaml")), folder.toAbsolutePath());
        if (!experiment.isRun(own, ModelLoader.settled(experiment.model(), console))) {
          throw new InvalidInputException(
              "%s holds a run of another configuration (see its config.yaml); choose another output folder."
                  .formatted(folder));
        }
        Optional<RunResult> done = run.result();
        return done.isPresent() ? done.get() : Experiment.resume(run, own, console);
      }
    } catch (Interrupt.Interrupted e) {
      throw new Interrupt.Interrupted(out); // all runs go on there
    }
  }

  /** Reads triggers with a model that is loaded once it is needed. */
  private static final class Reader implements AutoCloseable {
    private final Optional<String> judge;
    private final Console console;
    private LanguageModel model;

    Reader(Optional<String> judge, Console console) {
      this.judge = judge;
      this.console = console;
    }

    double perplexity(RunDirectory run) {
      if (judge.isEmpty()) {
        return Double.NaN;
      }
      if (model == null) {
        LoadOptions options = new LoadOptions(LibTorch.defaultDevice(), Precision.FLOAT32);
        model = ModelLoader.load(judge.get(), options, console);
      }
      String own = run.result().orElseThrow().model();
      try (Tokenizer tokenizer = Tokenizer.open(ModelLoader.folder(own, console))) {
        int[] trigger = Json.ints(run.prompt().orElseThrow().path("token_ids"));
        return Perplexity.of(model, tokenizer.decode(trigger)).whole();
      }
    }

    @Override
    public void close() {
      if (model != null) {
        model.close();
      }
    }
  }

  // ------------------------------------------------------------------ the table

  /** Of each example the mean over the runs. */
  private static double[] means(List<double[]> runs) {
    double[] sum = new double[runs.get(0).length];
    for (double[] run : runs) {
      if (run.length != sum.length) {
        throw new InvalidInputException(
            "The runs have %d and %d test examples; compare methods on tasks with the same test split."
                .formatted(sum.length, run.length));
      }
      for (int i = 0; i < sum.length; i++) {
        sum[i] += run[i] / runs.size();
      }
    }
    return sum;
  }

  private static double[] ofRuns(List<Run> runs) {
    return means(runs.stream().map(Run::contributions).toList());
  }

  private static double mean(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value / values.length;
    }
    return sum;
  }

  private Result result(Map<String, List<Run>> runs, double[] manual) {
    RunResult first = runs.values().iterator().next().get(0).result();
    ObjectNode json = Json.object();
    json.put("model", first.model()).put("task", first.task()).put("metric", first.metric());
    json.put("control", control);
    ArrayNode rows = json.putArray("methods");
    double[] against =
        control.equals(MANUAL)
            ? manual
            : runs.containsKey(control) ? ofRuns(runs.get(control)) : null;
    List<String> names = new ArrayList<>(runs.keySet());
    names.sort(Comparator.comparingDouble(name -> -mean(ofRuns(runs.get(name)))));
    List<String> lines = new ArrayList<>();
    lines.add(
        "| method | test, mean of runs | 95 %% interval | each run | against %s | forward tokens | seconds |%s"
            .formatted(control, judge.isPresent() ? " perplexity |" : ""));
    lines.add(
        "| --- | ---: | --- | --- | --- | ---: | ---: |" + (judge.isPresent() ? " ---: |" : ""));
    for (String name : names) {
      List<Run> own = runs.get(name);
      double[] means = ofRuns(own);
      Interval interval = Statistics.bootstrapMean(means, 0);
      ObjectNode row = rows.addObject().put("method", name).put("test", mean(means));
      row.put("n", means.length);
      row.putArray("ci95").add(interval.low()).add(interval.high());
      List<String> seeds = new ArrayList<>();
      ArrayNode each = row.putArray("seeds");
      for (Run run : own) {
        double value = mean(run.contributions());
        each.addObject()
            .put("run", run.name())
            .put("seed", run.seed())
            .put("test", value)
            .put("prompt", run.result().found().text());
        seeds.add(number("%.3f", value));
      }
      double tokens =
          own.stream().mapToLong(r -> r.result().cost().forwardTokens()).average().orElseThrow();
      double seconds = own.stream().mapToDouble(r -> r.result().seconds()).average().orElseThrow();
      double log = own.stream().mapToDouble(r -> Math.log(r.perplexity())).average().orElseThrow();
      row.put("forward_tokens", tokens).put("seconds", seconds);
      row.set("perplexity", Json.number(Math.exp(log)));
      String difference = "";
      if (against != null && !name.equals(control)) {
        double[] differences = new double[means.length];
        for (int i = 0; i < differences.length; i++) {
          differences[i] = means[i] - against[i];
        }
        double p = Statistics.signFlip(differences, 0);
        row.put("difference", mean(differences)).put("p", p);
        difference = number("%+.3f, p = %.2g", mean(differences), p);
      }
      lines.add(
          "| %s | %s | %s | %s | %s | %s | %s |%s"
              .formatted(
                  name,
                  number("%.3f", mean(means)),
                  number("%.3f to %.3f", interval.low(), interval.high()),
                  String.join(", ", seeds),
                  difference,
                  number("%,.0f", tokens),
                  number("%.0f", seconds),
                  judge.isEmpty()
                      ? ""
                      : Double.isNaN(log) ? " |" : number(" %.0f |", Math.exp(log))));
    }
    if (manual != null) {
      Interval interval = Statistics.bootstrapMean(manual, 0);
      rows.addObject().put("method", MANUAL).put("test", mean(manual)).put("n", manual.length);
      lines.add(
          "| best manual prompt | %s | %s | | | | |%s"
              .formatted(
                  number("%.3f", mean(manual)),
                  number("%.3f to %.3f", interval.low(), interval.high()),
                  judge.isPresent() ? " |" : ""));
    }
    List<String> baselines = new ArrayList<>();
    runs.values().stream()
        .flatMap(List::stream)
        .map(run -> run.result().baselines())
        .max(Comparator.comparingInt(Map::size))
        .orElseThrow()
        .forEach(
            (name, scores) -> {
              if (!name.equals(MANUAL)) {
                baselines.add("%s %s".formatted(name, number("%.3f", scores.get("test").value())));
              }
            });
    String header =
        "%s on %s, %s on %d test examples; baselines: %s.%n%n"
            .formatted(
                first.model(),
                first.task(),
                first.metric(),
                runs.get(names.get(0)).get(0).contributions().length,
                String.join(", ", baselines));
    return new Result(json, header + String.join("\n", lines) + "\n");
  }

  private static String number(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
