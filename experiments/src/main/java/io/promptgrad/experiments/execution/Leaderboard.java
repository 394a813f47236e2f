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

  /** What every method has to beat. */
  public static final String CONTROL = "random";

  private Leaderboard() {}

  /**
   * What came out.
   *
   * @param json what {@code leaderboard.json} holds
   * @param table as Markdown
   */
  public record Result(ObjectNode json, String table) {}

  /** One run. */
  private record Run(long seed, RunResult result, double[] contributions, double perplexity) {}

  /**
   * Runs what is missing, and makes the table.
   *
   * @param experiments for each method its experiment with each seed
   * @param judge folder of a causal model that reads the prompts found, if one is wanted
   */
  public static Result run(
      Map<String, List<ExperimentConfig>> experiments,
      Path out,
      Optional<String> judge,
      Console console) {
    Map<String, List<Run>> runs = new LinkedHashMap<>();
    int all = experiments.values().stream().mapToInt(List::size).sum();
    int begun = 0;
    try (Reader reader = new Reader(judge, console)) {
      for (Map.Entry<String, List<ExperimentConfig>> entry : experiments.entrySet()) {
        for (ExperimentConfig experiment : entry.getValue()) {
          console.say(
              "%s, seed %d: run %d of %d."
                  .formatted(entry.getKey(), experiment.seed(), ++begun, all));
          Path folder = out.resolve(entry.getKey()).resolve("seed-" + experiment.seed());
          RunResult result = one(experiment, folder, out, console);
          Metric metric = Metrics.named(result.metric());
          double[] contributions =
              RunDirectory.view(folder).outcomes("found", "test").stream()
                  .sorted(Comparator.comparing(Outcome::exampleId))
                  .mapToDouble(metric::contribution)
                  .toArray();
          runs.computeIfAbsent(entry.getKey(), key -> new ArrayList<>())
              .add(
                  new Run(
                      experiment.seed(),
                      result,
                      contributions,
                      reader.perplexity(RunDirectory.view(folder))));
        }
      }
    }
    Result result = result(runs);
    try {
      AtomicFiles.write(out.resolve("leaderboard.json"), Json.pretty(result.json()));
      AtomicFiles.write(out.resolve("leaderboard.md"), result.table());
    } catch (IOException e) {
      throw new InvalidInputException("The folder %s cannot be written: %s.".formatted(out, e), e);
    }
    return result;
  }

  private static RunResult one(
      ExperimentConfig experiment, Path folder, Path out, Console console) {
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

  /** Of each example the mean over the seeds. */
  private static double[] means(List<Run> runs) {
    double[] sum = new double[runs.get(0).contributions().length];
    for (Run run : runs) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += run.contributions()[i] / runs.size();
      }
    }
    return sum;
  }

  private static double mean(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value / values.length;
    }
    return sum;
  }

  private static Result result(Map<String, List<Run>> runs) {
    RunResult first = runs.values().iterator().next().get(0).result();
    ObjectNode json = Json.object();
    json.put("model", first.model()).put("task", first.task()).put("metric", first.metric());
    json.put("control", CONTROL);
    ArrayNode rows = json.putArray("methods");
    double[] control = runs.containsKey(CONTROL) ? means(runs.get(CONTROL)) : null;
    List<String> names = new ArrayList<>(runs.keySet());
    names.sort(Comparator.comparingDouble(name -> -mean(means(runs.get(name)))));
    List<String> lines = new ArrayList<>();
    lines.add(
        "| method | test, mean of seeds | 95 % interval | each seed | against random | forward tokens | seconds | perplexity |");
    lines.add("| --- | ---: | --- | --- | --- | ---: | ---: | ---: |");
    for (String name : names) {
      List<Run> own = runs.get(name);
      double[] means = means(own);
      Interval interval = Statistics.bootstrapMean(means, 0);
      ObjectNode row = rows.addObject().put("method", name).put("test", mean(means));
      row.put("n", means.length);
      row.putArray("ci95").add(interval.low()).add(interval.high());
      List<String> seeds = new ArrayList<>();
      ArrayNode each = row.putArray("seeds");
      for (Run run : own) {
        double value = mean(run.contributions());
        each.addObject()
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
      String against = "";
      if (control != null && !name.equals(CONTROL)) {
        double[] differences = new double[means.length];
        for (int i = 0; i < differences.length; i++) {
          differences[i] = means[i] - control[i];
        }
        double p = Statistics.signFlip(differences, 0);
        row.put("difference", mean(differences)).put("p", p);
        against = number("%+.3f, p = %.2g", mean(differences), p);
      }
      lines.add(
          "| %s | %s | %s | %s | %s | %s | %s | %s |"
              .formatted(
                  name,
                  number("%.3f", mean(means)),
                  number("%.3f to %.3f", interval.low(), interval.high()),
                  String.join(", ", seeds),
                  against,
                  number("%,.0f", tokens),
                  number("%.0f", seconds),
                  Double.isNaN(log) ? "" : number("%.0f", Math.exp(log))));
    }
    List<String> baselines = new ArrayList<>();
    runs.values().stream()
        .flatMap(List::stream)
        .map(run -> run.result().baselines())
        .max(Comparator.comparingInt(Map::size))
        .orElseThrow()
        .forEach(
            (name, scores) ->
                baselines.add("%s %s".formatted(name, number("%.3f", scores.get("test").value()))));
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
