package io.promptgrad.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.evaluation.Score;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.metric.Outcome;
import io.promptgrad.report.html.ConfusionTable;
import io.promptgrad.report.html.Html;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import io.promptgrad.search.TraceStep;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A page about a run, made from the files of its directory and nothing else, so that it can be made
 * again at any time. One file, no scripts, no other files needed.
 */
public final class HtmlReport {

  private static final int WRONG_SHOWN = 12;

  private HtmlReport() {}

  /**
   * Writes the run's report.html; a view of a run that still goes on will do.
   *
   * @return the file
   * @throws InvalidInputException if it cannot be written
   */
  public static Path write(RunDirectory run) {
    return save(page(run), run.path().resolve("report.html"));
  }

  private static Path save(String page, Path file) {
    try {
      AtomicFiles.write(file, page);
    } catch (IOException e) {
      throw new InvalidInputException(
          "The report %s cannot be written: %s; choose another place.".formatted(file, e), e);
    }
    return file;
  }

  /** Returns the page of a run, finished or not. */
  public static String page(RunDirectory run) {
    Optional<RunResult> result = run.result();
    List<TraceStep> trace = run.trace();
    StringBuilder body = new StringBuilder();
    body.append(header(run, result, trace));
    result.ifPresent(
        r -> {
          body.append("<h2>Scores</h2>\n").append(r.scoreTable());
          body.append(transfer(run));
          body.append(prompt(r, run.prompt()));
        });
    if (!trace.isEmpty()) {
      body.append("<h2>The search</h2>\n")
          .append(TracePlots.scores(trace, devBaselines(result)))
          .append("<h2>The candidates</h2>\n")
          .append(TracePlots.candidates(trace));
    }
    List<JsonNode> outcomes = run.outcomeLines("found", "test");
    if (!outcomes.isEmpty()) {
      body.append("<h2>Test examples</h2>\n")
          .append(ConfusionTable.of(outcomes.stream().map(Outcome::fromJson).toList()));
      body.append(mistakes(outcomes));
    }
    body.append("<details><summary>Configuration</summary>\n<pre>")
        .append(Html.escape(run.configText()))
        .append("</pre></details>\n");
    run.environment()
        .ifPresent(
            environment ->
                body.append("<details><summary>Environment</summary>\n<pre>")
                    .append(Html.escape(Json.pretty(environment)))
                    .append("</pre></details>\n"));
    return Html.page(title(run, result), body.toString());
  }

  private static String title(RunDirectory run, Optional<RunResult> result) {
    return result
        .map(r -> r.method() + " on " + r.task())
        .orElse("Run " + run.path().toAbsolutePath().getFileName());
  }

  private static String header(
      RunDirectory run, Optional<RunResult> result, List<TraceStep> trace) {
    StringBuilder html = new StringBuilder();
    html.append("<h1>%s</h1>\n".formatted(Html.escape(title(run, result))));
    html.append("<p class=\"soft\">%s</p>\n".formatted(Html.escape(run.path().toString())));
    if (result.isEmpty()) {
      html.append(
          "<p>This run has not ended: %s steps are done and there is no result yet.</p>\n"
              .formatted(trace.size()));
      return html.toString();
    }
    RunResult r = result.get();
    List<Html.Fact> facts = new ArrayList<>();
    facts.add(new Html.Fact("model", r.model()));
    facts.add(new Html.Fact("task", r.task()));
    facts.add(new Html.Fact("seed", Long.toString(r.seed())));
    facts.add(new Html.Fact("stopped by", r.stoppedBy()));
    facts.add(new Html.Fact("steps", Html.count(r.steps())));
    facts.add(new Html.Fact("time in steps", Html.duration(r.seconds())));
    facts.add(new Html.Fact("evaluations", nonZero(r.cost().evaluations())));
    facts.add(new Html.Fact("forward tokens", nonZero(r.cost().forwardTokens())));
    facts.add(new Html.Fact("backward tokens", nonZero(r.cost().backwardTokens())));
    facts.add(new Html.Fact("calls", nonZero(r.cost().calls())));
    facts.add(new Html.Fact("US dollars", r.cost().usd() == 0 ? "" : Html.number(r.cost().usd())));
    return html.append(Html.facts(facts)).append(Html.warnings(r.warnings())).toString();
  }

  private static String nonZero(long count) {
    return count == 0 ? "" : Html.count(count);
  }

  private static Map<String, Double> devBaselines(Optional<RunResult> result) {
    Map<String, Double> values = new LinkedHashMap<>();
    result.ifPresent(
        r ->
            r.baselines()
                .forEach(
                    (name, scores) -> {
                      if (scores.containsKey("dev")) {
                        values.put(name, scores.get("dev").value());
                      }
                    }));
    return values;
  }

  /** What other models made of the prompt, if a run asked them. */
  private static String transfer(RunDirectory run) {
    Optional<JsonNode> rows = run.transfer();
    if (rows.isEmpty()) {
      return "";
    }
    StringBuilder html =
        new StringBuilder(
            "<h2>Other models</h2>\n<div class=\"scroll\"><table>\n<tr><th>model</th>");
    html.append("<th>split</th><th class=\"num\">without</th><th class=\"num\">found</th></tr>\n");
    for (JsonNode row : rows.get()) {
      html.append("<tr><td>")
          .append(Html.escape(row.path("model").asText()))
          .append(row.path("searched_on").asBoolean() ? " (searched on)" : "")
          .append("</td><td>")
          .append(Html.escape(row.path("split").asText()));
      for (String key : List.of("no_trigger", "found")) {
        html.append("</td><td class=\"num\">").append(Score.fromJson(row.path(key)).toHtml());
      }
      html.append("</td></tr>\n");
    }
    return html.append("</table></div>\n").toString();
  }

  private static String prompt(RunResult result, Optional<JsonNode> saved) {
    StringBuilder html = new StringBuilder("<h2>The prompt found</h2>\n");
    html.append("<p class=\"prompt\">%s</p>\n".formatted(Html.escape(result.found().text())));
    int[] ids = result.found().tokenIds();
    if (ids.length > 0) {
      List<String> tokens = new ArrayList<>();
      saved.ifPresent(json -> json.path("tokens").forEach(token -> tokens.add(token.asText())));
      html.append(Html.chips(tokens, ids));
    }
    return html.toString();
  }

  /** Wrong answers, the most confident first: by how much the answer outscores the gold label. */
  private static String mistakes(List<JsonNode> lines) {
    record Mistake(Outcome outcome, JsonNode fields, double margin) {}
    List<Mistake> mistakes = new ArrayList<>();
    for (JsonNode line : lines) {
      Outcome outcome = Outcome.fromJson(line);
      if (!outcome.correct()) {
        Double predicted = outcome.scores().get(outcome.predicted());
        Double gold = outcome.scores().get(outcome.gold());
        double margin = predicted == null || gold == null ? Double.NaN : predicted - gold;
        mistakes.add(new Mistake(outcome, line.path("fields"), margin));
      }
    }
    if (mistakes.isEmpty()) {
      return "";
    }
    // Unknown margins come last; equal ones keep the order of the file.
    mistakes.sort(
        Comparator.comparingDouble(m -> Double.isNaN(m.margin) ? Double.MAX_VALUE : -m.margin));
    StringBuilder html = new StringBuilder();
    html.append(
        ("<h2>Most confident mistakes</h2>\n<p class=\"soft\">%s of %s examples are "
                + "wrong. Margin: by how many nats the answer outscores the gold label.</p>\n")
            .formatted(Html.count(mistakes.size()), Html.count(lines.size())));
    html.append(
        "<div class=\"scroll\"><table class=\"wide\">\n"
            + "<tr><th>example</th><th>gold</th><th>predicted</th><th"
            + " class=\"num\">margin</th></tr>\n");
    for (Mistake mistake : mistakes.subList(0, Math.min(WRONG_SHOWN, mistakes.size()))) {
      Outcome outcome = mistake.outcome;
      List<String> texts = new ArrayList<>();
      mistake.fields.forEach(field -> texts.add(field.asText()));
      String text = texts.isEmpty() ? outcome.exampleId() : String.join(" · ", texts);
      html.append(
          "<tr><td title=\"%s\">%s</td><td>%s</td><td>%s</td><td class=\"num\">%s</td></tr>\n"
              .formatted(
                  Html.escape(outcome.exampleId()),
                  Html.escape(text),
                  Html.escape(outcome.gold()),
                  Html.escape(
                      outcome.failure().map(why -> "failed: " + why).orElse(outcome.predicted())),
                  Html.number(mistake.margin)));
    }
    return html.append("</table></div>\n").toString();
  }

  /**
   * Writes one page about several runs, one row each, best test score first.
   *
   * @return the file
   * @throws InvalidInputException if no run has a result, or the file cannot be written
   */
  public static Path compare(List<RunDirectory> runs, Path out) {
    record Row(RunDirectory run, RunResult result) {}
    List<Row> rows = new ArrayList<>();
    List<String> warnings = new ArrayList<>();
    for (RunDirectory run : runs) {
      Optional<RunResult> result = run.result();
      if (result.isPresent()) {
        rows.add(new Row(run, result.get()));
      } else {
        warnings.add(run.path() + " has no result yet and is left out.");
      }
    }
    if (rows.isEmpty()) {
      throw new InvalidInputException(
          "None of the %s runs has a result yet; let one end first.".formatted(runs.size()));
    }
    if (rows.stream().map(row -> row.result.task() + ", " + row.result.metric()).distinct().count()
        > 1) {
      warnings.add("The runs are of different tasks or metrics: do not compare their scores.");
    }
    rows.sort(Comparator.comparingDouble(row -> -testValue(row.result)));
    StringBuilder html = new StringBuilder("<h1>%s runs</h1>\n".formatted(rows.size()));
    html.append(Html.warnings(warnings));
    html.append(
        "<h2>Scores</h2>\n"
            + "<div class=\"scroll\"><table class=\"wide\">\n"
            + "<tr><th>run</th><th>method</th><th>model</th><th>task</th><th"
            + " class=\"num\">seed</th><th class=\"num\">dev</th><th"
            + " class=\"num\">test</th><th>paired test</th><th class=\"num\">evaluations</th><th"
            + " class=\"num\">time</th><th>stopped by</th></tr>\n");
    Map<String, List<TraceStep>> traces = new LinkedHashMap<>();
    for (Row row : rows) {
      RunResult r = row.result;
      String name = row.run.path().toAbsolutePath().getFileName().toString();
      traces.put(traces.containsKey(name) ? row.run.path().toString() : name, row.run.trace());
      html.append(
          ("<tr><td title=\"%s\">%s</td><td>%s</td><td>%s</td><td>%s</td><td "
                  + "class=\"num\">%s</td><td class=\"num\">%s</td><td "
                  + "class=\"num\">%s</td><td>%s</td><td class=\"num\">%s</td><td "
                  + "class=\"num\">%s</td><td>%s</td></tr>\n")
              .formatted(
                  Html.escape(row.run.path().toString()),
                  Html.escape(name),
                  Html.escape(r.method()),
                  Html.escape(r.model()),
                  Html.escape(r.task()),
                  r.seed(),
                  scoreOf(r, "dev"),
                  scoreOf(r, "test"),
                  r.comparison().entrySet().stream()
                      .map(c -> Html.pValue(c.getValue().p()) + " vs " + c.getKey())
                      .map(Html::escape)
                      .collect(Collectors.joining("<br/>")),
                  Html.count(r.cost().evaluations()),
                  Html.duration(r.seconds()),
                  Html.escape(r.stoppedBy())));
    }
    html.append("</table></div>\n<h2>The searches</h2>\n")
        .append(TracePlots.compare(traces))
        .append("<h2>The prompts found</h2>\n<table class=\"wide\">\n");
    for (Row row : rows) {
      html.append(
          "<tr><td>%s</td><td>%s</td></tr>\n"
              .formatted(
                  Html.escape(row.run.path().toAbsolutePath().getFileName().toString()),
                  Html.escape(row.result.found().text())));
    }
    html.append("</table>\n");
    return save(Html.page(rows.size() + " runs", html.toString()), out);
  }

  private static double testValue(RunResult result) {
    Score test = result.found().scores().get("test");
    return test == null ? Double.NEGATIVE_INFINITY : test.value();
  }

  private static String scoreOf(RunResult result, String split) {
    Score score = result.found().scores().get(split);
    return score == null ? "" : score.toHtml();
  }
}
