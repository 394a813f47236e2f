package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.Comparison;
import io.promptgrad.evaluation.Score;
import io.promptgrad.evaluation.Statistics;
import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.experiments.config.RelationsConfig;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Metrics;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * One experiment on each of several relations, and a table over them. Each relation is a run of its
 * own in a folder of its name; those that have ended are not done again, and one that was
 * interrupted goes on.
 */
public final class RelationsRun {

  private static final String FOUND = "found";
  private static final List<String> METHODS = List.of("manual", "majority", "naive_bayes", FOUND);

  private RelationsRun() {}

  /**
   * The results.
   *
   * @param json what {@code relations.json} holds
   * @param table as Markdown
   */
  public record Result(ObjectNode json, String table) {}

  /** Begins, or goes on in a folder that an interrupted run of the same relations left. */
  public static Result run(RelationsConfig config, Console console) {
    Path out =
        config
            .out()
            .orElseGet(
                () ->
                    RunFolders.next(
                        config.dataset(), config.experiments().values().iterator().next()));
    String yaml = YamlDocument.write(config.json());
    Path file = out.resolve("config.yaml");
    try {
      if (Files.exists(file) && !Files.readString(file).equals(yaml)) {
        throw new InvalidInputException(
            "%s holds another run; resume it or choose another output folder.".formatted(out));
      }
      AtomicFiles.write(file, yaml);
    } catch (IOException e) {
      throw new InvalidInputException("The folder %s cannot be used: %s.".formatted(out, e), e);
    }
    Map<String, RunResult> results = new LinkedHashMap<>();
    config
        .experiments()
        .forEach(
            (relation, experiment) -> {
              console.say(
                  "Relation %s, %d of %d."
                      .formatted(relation, results.size() + 1, config.experiments().size()));
              results.put(relation, one(experiment, out.resolve(relation), console));
            });
    Result result = result(config, results, out);
    write(out.resolve("relations.json"), Json.pretty(result.json()));
    write(out.resolve("table.md"), result.table());
    return result;
  }

  private static RunResult one(ExperimentConfig experiment, Path folder, Console console) {
    try {
      return begunOrNew(experiment, folder, console);
    } catch (Interrupt.Interrupted e) {
      throw new Interrupt.Interrupted(folder.getParent()); // all relations go on there
    }
  }

  private static RunResult begunOrNew(ExperimentConfig experiment, Path folder, Console console) {
    if (!Files.exists(folder.resolve("config.yaml"))) {
      return Experiment.start(experiment.in(folder), console);
    }
    try (RunDirectory run = RunDirectory.open(folder)) {
      Optional<RunResult> done = run.result();
      if (done.isPresent()) {
        return done.get();
      }
      ExperimentConfig own =
          ConfigReader.read(
              YamlDocument.read(folder.resolve("config.yaml")), folder.toAbsolutePath());
      return Experiment.resume(run, own, console);
    }
  }

  private static void write(Path file, String text) {
    try {
      AtomicFiles.write(file, text);
    } catch (IOException e) {
      throw new InvalidInputException("%s cannot be written: %s.".formatted(file, e), e);
    }
  }

  // ------------------------------------------------------------------ the table

  private static Result result(RelationsConfig config, Map<String, RunResult> results, Path out) {
    RunResult first = results.values().iterator().next();
    Metric metric = Metrics.named(first.metric());
    ObjectNode json = Json.object();
    json.put("method", first.method()).put("model", first.model()).put("task", config.dataset());
    json.put("metric", first.metric()).put("seed", first.seed());
    ArrayNode rows = json.putArray("relations");
    results.forEach((relation, result) -> rows.add(result.toJson().put("relation", relation)));
    Map<String, Score> macro = new LinkedHashMap<>();
    for (String method : METHODS) {
      if (results.values().stream().allMatch(r -> score(r, method).isPresent())) {
        macro.put(method, macro(results, method, metric, out));
      }
    }
    ObjectNode means = json.putObject("macro_mean");
    macro.forEach((method, score) -> means.set(method, score.toJson()));
    json.put("run_dir", out.toString());
    return new Result(json, table(results, macro));
  }

  private static Optional<Score> score(RunResult result, String method) {
    Map<String, Score> scores =
        method.equals(FOUND) ? result.found().scores() : result.baselines().get(method);
    return Optional.ofNullable(scores).map(s -> s.get("test"));
  }

  /** The mean over relations of their scores, each relation counting alike. */
  private static Score macro(
      Map<String, RunResult> results, String method, Metric metric, Path out) {
    double sum = 0;
    int n = 0;
    List<double[]> contributions = new ArrayList<>();
    Map<String, Double> others = new LinkedHashMap<>();
    for (Map.Entry<String, RunResult> entry : results.entrySet()) {
      Score score = score(entry.getValue(), method).orElseThrow();
      contributions.add(
          RunDirectory.view(out.resolve(entry.getKey())).outcomes(method, "test").stream()
              .mapToDouble(metric::contribution)
              .toArray());
      sum += score.value();
      n += score.n();
      score.otherMetrics().forEach((name, value) -> others.merge(name, value, Double::sum));
    }
    int relations = results.size();
    others.replaceAll((name, total) -> total / relations);
    return new Score(sum / relations, n, Statistics.bootstrapMacroMean(contributions), others);
  }

  private static String table(Map<String, RunResult> results, Map<String, Score> macro) {
    List<String> lines = new ArrayList<>();
    String metric = results.values().iterator().next().metric();
    lines.add(
        "| relation | n | manual | majority | naive Bayes | found | against manual | against naive Bayes | trigger |");
    lines.add("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    results.forEach(
        (relation, result) -> {
          List<String> cells = new ArrayList<>();
          METHODS.forEach(m -> cells.add(score(result, m).map(RelationsRun::show).orElse("")));
          lines.add(
              "| %s | %d | %s | %s | %s | `%s` |"
                  .formatted(
                      relation,
                      result.found().scores().get("test").n(),
                      String.join(" | ", cells),
                      paired(result, "manual"),
                      paired(result, "naive_bayes"),
                      result.found().text().replace("|", "\\|")));
        });
    List<String> cells = new ArrayList<>();
    METHODS.forEach(m -> cells.add(macro.containsKey(m) ? show(macro.get(m)) : ""));
    int n = results.values().stream().mapToInt(r -> r.found().scores().get("test").n()).sum();
    lines.add("| macro mean | %d | %s | | | |".formatted(n, String.join(" | ", cells)));
    List<String> names =
        macro.values().stream()
            .flatMap(s -> s.otherMetrics().keySet().stream())
            .distinct()
            .toList();
    for (String name : names) {
      List<String> values = new ArrayList<>();
      METHODS.forEach(
          m ->
              values.add(
                  macro.containsKey(m)
                      ? String.format(Locale.ROOT, "%.3f", macro.get(m).otherMetrics().get(name))
                      : ""));
      lines.add("| macro mean, %s | | %s | | | |".formatted(name, String.join(" | ", values)));
    }
    return "Test, " + metric + ", 95 % intervals.\n\n" + String.join("\n", lines) + "\n";
  }

  private static String paired(RunResult result, String baseline) {
    Comparison paired = result.comparison().get(baseline);
    return paired == null
        ? ""
        : String.format(Locale.ROOT, "%+.3f, p = %.2g", paired.difference(), paired.p());
  }

  private static String show(Score score) {
    return String.format(
        Locale.ROOT, "%.3f [%.3f, %.3f]", score.value(), score.ci95().low(), score.ci95().high());
  }
}
