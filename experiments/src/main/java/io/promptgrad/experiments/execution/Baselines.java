package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.Evaluator;
import io.promptgrad.evaluation.MajorityClass;
import io.promptgrad.evaluation.NaiveBayes;
import io.promptgrad.evaluation.Score;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.metric.Metric;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.search.Cost;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What the search has to beat: the majority class, for facts naive Bayes, and the best of the
 * manual prompts, chosen on dev. Each piece is kept in {@code baselines.json} as soon as it is
 * known, so that a run that goes on does not compute it again.
 */
final class Baselines {

  private static final String FILE = "baselines.json";
  private static final String SPENT = "spent";

  private final RunDirectory run;
  private final Console console;
  private final ObjectNode state;
  private Optional<Supplier<ObjectNode>> spent = Optional.empty();

  private Baselines(RunDirectory run, Console console, ObjectNode state) {
    this.run = run;
    this.console = console;
    this.state = state;
  }

  /** Takes up what an earlier part of the run computed. */
  static Baselines open(RunDirectory run, Console console) {
    Path file = run.path().resolve(FILE);
    if (!Files.exists(file)) {
      return new Baselines(run, console, Json.object());
    }
    try {
      if (Json.parse(Files.readString(file)) instanceof ObjectNode state) {
        return new Baselines(run, console, state);
      }
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "%s is damaged (%s); delete it and resume.".formatted(file, Json.problem(e)), e);
    } catch (IOException e) {
      throw new InvalidInputException("%s cannot be read: %s.".formatted(file, e), e);
    }
    throw new InvalidInputException("%s is damaged; delete it and resume.".formatted(file));
  }

  /**
   * Keeps with every piece what was spent up to it: in one file, so that no kill comes between.
   *
   * @param goOn takes up what was spent by an earlier part of the run
   */
  Baselines spending(Supplier<ObjectNode> sum, Consumer<JsonNode> goOn) {
    if (state.has(SPENT)) {
      goOn.accept(state.path(SPENT));
    }
    spent = Optional.of(sum);
    return this;
  }

  private void save() {
    spent.ifPresent(sum -> state.set(SPENT, sum.get()));
    run.write(FILE, Json.pretty(state));
  }

  /** Returns a piece that an earlier part of the run kept, or computes and keeps it. */
  JsonNode keep(String name, Supplier<JsonNode> compute) {
    if (!state.has(name)) {
      console.interrupt().check(run.path());
      state.set(name, compute.get());
      save();
    }
    return state.get(name);
  }

  /** Evaluates the majority class of train. */
  void majority(Task task, Metric metric, List<Metric> others) {
    MajorityClass majority = MajorityClass.of(task.train());
    control(
        "majority",
        task,
        Json.object().put("label", majority.label()),
        examples -> majority.evaluate(examples, metric, others));
  }

  /** Evaluates naive Bayes on the words of these fields. */
  void naiveBayes(Task task, List<String> fields, Metric metric, List<Metric> others) {
    NaiveBayes bayes = NaiveBayes.train(task.train(), fields);
    control(
        "naive_bayes", task, Json.object(), examples -> bayes.evaluate(examples, metric, others));
  }

  private void control(
      String name, Task task, ObjectNode node, Function<List<Example>, EvalReport> evaluation) {
    keep(
        name,
        () -> {
          for (String split : List.of("dev", "test")) {
            EvalReport report = evaluation.apply(task.split(split));
            run.writeOutcomes(name, split, report.outcomes(), task.split(split));
            node.set(split, report.toScore().toJson());
          }
          return node;
        });
  }

  /** Evaluates manual prompts on dev, and the best of them (the first of equals) on test. */
  <P extends Prompt> void manual(List<P> prompts, Task task, Evaluator<P> evaluator) {
    if (prompts.isEmpty()) {
      return;
    }
    ObjectNode node = state.withObject("/manual");
    ArrayNode values = node.withArray("dev_values");
    while (values.size() < prompts.size()) {
      console.interrupt().check(run.path());
      P prompt = prompts.get(values.size());
      console.say(
          "Manual prompt %d of %d: %s".formatted(values.size() + 1, prompts.size(), prompt.text()));
      EvalReport report = evaluator.evaluate(prompt, task.dev());
      if (values.isEmpty() || report.value() > node.path("dev").path("value").asDouble()) {
        run.writeOutcomes("manual", "dev", report.outcomes(), task.dev());
        node.put("chosen", values.size());
        node.put("text", prompt.text());
        node.set("dev", report.toScore().toJson());
        keepWarnings(node, report);
      }
      values.add(Json.number(report.value()));
      save();
    }
    if (!node.has("test")) {
      console.interrupt().check(run.path());
      P best = prompts.get(node.path("chosen").asInt());
      EvalReport report = evaluator.evaluate(best, task.test());
      run.writeOutcomes("manual", "test", report.outcomes(), task.test());
      node.set("test", report.toScore().toJson());
      keepWarnings(node, report);
      save();
    }
  }

  private static void keepWarnings(ObjectNode node, EvalReport report) {
    if (!report.warnings().isEmpty()) {
      report.warnings().forEach(node.withArray("warnings")::add);
    }
  }

  /** What was used before the first step of the search. */
  record Used(Cost cost, double seconds) {}

  /** What the search for label tokens used; nothing if there was none. */
  Used labelSearch() {
    JsonNode kept = state.path("label_search");
    return new Used(Cost.fromJson(kept.path("cost")), kept.path("seconds").asDouble());
  }

  /** The scores by baseline and split. */
  Map<String, Map<String, Score>> scores() {
    Map<String, Map<String, Score>> scores = new LinkedHashMap<>();
    for (String name : List.of("majority", "naive_bayes", "manual")) {
      if (state.has(name)) {
        Map<String, Score> own = new LinkedHashMap<>();
        for (String split : List.of("dev", "test")) {
          own.put(split, Score.fromJson(state.path(name).path(split)));
        }
        scores.put(name, own);
      }
    }
    return scores;
  }

  /** Sentences about the manual prompt's evaluation. */
  List<String> warnings() {
    List<String> warnings = new ArrayList<>();
    state.path("manual").path("warnings").forEach(warning -> warnings.add(warning.asText()));
    return warnings;
  }
}
