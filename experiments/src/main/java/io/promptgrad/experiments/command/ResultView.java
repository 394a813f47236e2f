package io.promptgrad.experiments.command;

import io.promptgrad.evaluation.Score;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.RelationsRun;
import io.promptgrad.files.Json;
import io.promptgrad.report.html.Html;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** Shows a result: one JSON object, or a small table for people. */
final class ResultView {

  private static final Map<String, String> NAMES =
      Map.of(
          "majority", "majority class",
          "naive_bayes", "naive Bayes",
          "manual", "best manual prompt");

  private ResultView() {}

  static void print(RunResult result, boolean json, Console console) {
    if (json) {
      console.out().print(Json.pretty(result.toJson()));
    } else {
      table(result, console.out());
    }
    console.out().flush();
  }

  static void print(RelationsRun.Result result, boolean json, Console console) {
    console.out().print(json ? Json.pretty(result.json()) : "\n" + result.table());
    console.out().flush();
  }

  private static void table(RunResult result, PrintWriter out) {
    out.println();
    List<String> splits =
        Stream.of("train", "dev", "test").filter(result.found().scores()::containsKey).toList();
    out.printf("%-22s", result.task() + ", " + result.metric());
    splits.forEach(
        split ->
            out.printf(" %-24s", split + " (n = " + result.found().scores().get(split).n() + ")"));
    out.println();
    result
        .baselines()
        .forEach((name, scores) -> row(NAMES.getOrDefault(name, name), scores, splits, out));
    row(result.method(), result.found().scores(), splits, out);
    out.println();
    out.println("Prompt      " + result.found().text());
    labelWords(result, out);
    result
        .comparison()
        .forEach(
            (baseline, paired) ->
                out.printf(
                    "Paired test %s against %s on test: %s%n",
                    result.method(), NAMES.getOrDefault(baseline, baseline), paired));
    out.printf(
        Locale.ROOT,
        "Search      %d steps, %s, %,d forward tokens, stopped by %s%n",
        result.steps(),
        Html.duration(result.seconds()),
        result.cost().forwardTokens(),
        result.stoppedBy());
    out.println("Report      " + Path.of(result.runDir()).resolve("report.html"));
    result.warnings().forEach(warning -> out.println("Warning     " + warning));
  }

  private static void labelWords(RunResult result, PrintWriter out) {
    Path run = Path.of(result.runDir());
    RunDirectory.view(run)
        .prompt()
        .ifPresent(
            prompt -> {
              StringBuilder line = new StringBuilder();
              prompt
                  .path("label_words")
                  .properties()
                  .forEach(
                      label -> {
                        line.append(line.isEmpty() ? "" : "; ").append(label.getKey()).append(':');
                        label.getValue().forEach(w -> line.append(' ').append(w.asText()));
                      });
              if (!line.isEmpty()) {
                out.println("Label words " + line);
              }
            });
  }

  private static void row(
      String name, Map<String, Score> scores, List<String> splits, PrintWriter out) {
    out.printf("%-22s", name);
    splits.forEach(split -> out.printf(" %-24s", show(scores.get(split))));
    out.println();
    Set<String> others = new LinkedHashSet<>();
    scores.values().forEach(score -> others.addAll(score.otherMetrics().keySet()));
    for (String other : others) {
      out.printf("  %-20s", other);
      splits.forEach(split -> out.printf(" %-24s", show(scores.get(split), other)));
      out.println();
    }
  }

  private static String show(Score score, String other) {
    Double value = score == null ? null : score.otherMetrics().get(other);
    return value == null ? "" : Html.number(value);
  }

  static String show(Score score) {
    return score == null
        ? ""
        : "%s [%s, %s]"
            .formatted(
                Html.number(score.value()),
                Html.number(score.ci95().low()),
                Html.number(score.ci95().high()));
  }
}
