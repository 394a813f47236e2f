package io.promptgrad.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.Comparison;
import io.promptgrad.evaluation.Score;
import io.promptgrad.files.Json;
import io.promptgrad.report.html.Html;
import io.promptgrad.search.Cost;
import io.promptgrad.search.LoopResult;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * What a run found: the content of result.json.
 *
 * @param method the search's name
 * @param model the model's name
 * @param task the task's name
 * @param metric the primary metric's name
 * @param seed the run's seed
 * @param device what the model was on, such as {@code cuda:0,cuda:1}; empty where there is none
 * @param baselines {@code majority}, {@code manual} ... to their scores by split
 * @param found the prompt
 * @param cost of the whole search
 * @param steps number of steps
 * @param seconds time spent in steps
 * @param stoppedBy see {@link LoopResult#stoppedBy}
 * @param runDir the run directory
 * @param warnings sentences for people
 * @param comparison the paired test of the found prompt on test against each baseline, by its name
 */
public record RunResult(
    String method,
    String model,
    String task,
    String metric,
    long seed,
    String device,
    Map<String, Map<String, Score>> baselines,
    Found found,
    Cost cost,
    int steps,
    double seconds,
    String stoppedBy,
    String runDir,
    List<String> warnings,
    Map<String, Comparison> comparison) {

  /**
   * The prompt that the search found.
   *
   * @param kind {@code trigger}, {@code instruction}, {@code soft} or {@code program}; {@code
   *     classifier} or {@code weights} where weights were trained
   * @param text the prompt for people
   * @param tokenIds its tokens; empty when it is not made of tokens
   * @param path where it is saved, relative to the run directory
   * @param scores its score on {@code dev} and {@code test}
   */
  public record Found(
      String kind, String text, int[] tokenIds, String path, Map<String, Score> scores) {
    /** Copies the ids and the scores. */
    public Found {
      tokenIds = tokenIds.clone();
      scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
    }

    /** Returns the token ids, a fresh array. */
    @Override
    public int[] tokenIds() {
      return tokenIds.clone();
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Found that
          && kind.equals(that.kind)
          && text.equals(that.text)
          && Arrays.equals(tokenIds, that.tokenIds)
          && path.equals(that.path)
          && scores.equals(that.scores);
    }

    @Override
    public int hashCode() {
      return Objects.hash(kind, text, Arrays.hashCode(tokenIds), path, scores);
    }
  }

  /** Copies the collections. */
  public RunResult {
    Map<String, Map<String, Score>> copy = new LinkedHashMap<>();
    baselines.forEach(
        (name, scores) -> copy.put(name, Collections.unmodifiableMap(new LinkedHashMap<>(scores))));
    baselines = Collections.unmodifiableMap(copy);
    warnings = List.copyOf(warnings);
    Objects.requireNonNull(found, "found");
    Objects.requireNonNull(cost, "cost");
    comparison = Collections.unmodifiableMap(new LinkedHashMap<>(comparison));
  }

  /** Returns a builder for the result of a loop; what it needs besides is set on it. */
  public static Builder builder(String method, String model, String task, String metric) {
    return new Builder(method, model, task, metric);
  }

  /** Returns the content of result.json. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("method", method).put("model", model).put("task", task).put("metric", metric);
    json.put("seed", seed).put("device", device);
    ObjectNode baselinesJson = json.putObject("baselines");
    baselines.forEach((name, scores) -> putScores(baselinesJson.putObject(name), scores));
    ObjectNode foundJson = json.putObject("found");
    foundJson.put("kind", found.kind).put("text", found.text);
    foundJson.set("token_ids", Json.array(found.tokenIds));
    foundJson.put("path", found.path);
    putScores(foundJson, found.scores);
    ObjectNode costJson = json.putObject("cost");
    costJson.put("steps", steps);
    costJson.setAll(cost.toJson());
    costJson.put("seconds", seconds);
    json.put("stopped_by", stoppedBy).put("run_dir", runDir);
    ArrayNode warningsJson = json.putArray("warnings");
    warnings.forEach(warningsJson::add);
    ObjectNode comparisonJson = json.putObject("comparison");
    comparison.forEach((baseline, test) -> comparisonJson.set(baseline, test.toJson()));
    return json;
  }

  private static void putScores(ObjectNode json, Map<String, Score> scores) {
    scores.forEach((split, score) -> json.set(split, score.toJson()));
  }

  /** Reads what {@link #toJson} wrote. */
  public static RunResult fromJson(JsonNode json) {
    Map<String, Map<String, Score>> baselines = new LinkedHashMap<>();
    json.path("baselines")
        .properties()
        .forEach(baseline -> baselines.put(baseline.getKey(), scores(baseline.getValue())));
    JsonNode foundJson = json.path("found");
    List<String> warnings = new ArrayList<>();
    json.path("warnings").forEach(warning -> warnings.add(warning.asText()));
    return new RunResult(
        json.path("method").asText(),
        json.path("model").asText(),
        json.path("task").asText(),
        json.path("metric").asText(),
        json.path("seed").asLong(),
        json.path("device").asText(),
        baselines,
        new Found(
            foundJson.path("kind").asText(),
            foundJson.path("text").asText(),
            Json.ints(foundJson.path("token_ids")),
            foundJson.path("path").asText(),
            scores(foundJson)),
        Cost.fromJson(json.path("cost")),
        json.path("cost").path("steps").asInt(),
        json.path("cost").path("seconds").asDouble(),
        json.path("stopped_by").asText(),
        json.path("run_dir").asText(),
        warnings,
        comparison(json.path("comparison")));
  }

  private static Map<String, Comparison> comparison(JsonNode json) {
    Map<String, Comparison> comparison = new LinkedHashMap<>();
    json.properties()
        .forEach(
            baseline -> {
              if (baseline.getValue().isObject()) {
                comparison.put(baseline.getKey(), Comparison.fromJson(baseline.getValue()));
              }
            });
    return comparison;
  }

  private static Map<String, Score> scores(JsonNode json) {
    Map<String, Score> scores = new LinkedHashMap<>();
    json.properties()
        .forEach(
            entry -> {
              if (entry.getValue().isObject() && entry.getValue().has("ci95")) {
                scores.put(entry.getKey(), Score.fromJson(entry.getValue()));
              }
            });
    return scores;
  }

  /** Returns the table of scores with its style, for a notebook. */
  public String toHtml() {
    return Html.fragment(scoreTable());
  }

  /** Returns the table of scores, without its style, for a page. */
  public String scoreTable() {
    List<String> splits = Stream.of("train", "dev", "test").filter(this::hasSplit).toList();
    StringBuilder html = new StringBuilder("<div class=\"scroll\"><table>\n<tr><th>");
    html.append(Html.escape(metric)).append("</th>");
    List<String> others = otherMetrics();
    for (String split : splits) {
      html.append("<th class=\"num\">").append(split).append("</th>");
      others.forEach(name -> html.append("<th class=\"num\">" + Html.escape(name) + "</th>"));
      html.append("<th class=\"num\">n</th>");
    }
    html.append("</tr>\n");
    baselines.forEach((name, scores) -> html.append(row(name, scores, splits, others, "")));
    html.append(row("found (" + method + ")", found.scores, splits, others, " class=\"strong\""));
    html.append("</table></div>\n");
    html.append("<p class=\"soft\">Brackets are 95 % intervals.");
    comparison.forEach(
        (baseline, test) ->
            html.append("<br/>Paired test on test, found against ")
                .append(Html.escape(baseline + ": " + test + ".")));
    html.append("</p>\n");
    return html.toString();
  }

  /** The names of the metrics that were reported besides the primary one. */
  private List<String> otherMetrics() {
    return found.scores.values().stream()
        .flatMap(score -> score.otherMetrics().keySet().stream())
        .distinct()
        .toList();
  }

  private boolean hasSplit(String split) {
    return found.scores.containsKey(split)
        || baselines.values().stream().anyMatch(scores -> scores.containsKey(split));
  }

  private static String row(
      String name,
      Map<String, Score> scores,
      List<String> splits,
      List<String> others,
      String attributes) {
    StringBuilder html =
        new StringBuilder("<tr" + attributes + "><td>" + Html.escape(name) + "</td>");
    for (String split : splits) {
      Score score = scores.get(split);
      html.append("<td class=\"num\">").append(score == null ? "" : score.toHtml()).append("</td>");
      for (String other : others) {
        Double value = score == null ? null : score.otherMetrics().get(other);
        html.append("<td class=\"num\">" + (value == null ? "" : Html.number(value)) + "</td>");
      }
      html.append("<td class=\"num\">")
          .append(score == null ? "" : Html.count(score.n()))
          .append("</td>");
    }
    return html.append("</tr>\n").toString();
  }

  /** Collects what a result needs. */
  public static final class Builder {

    private final String method;
    private final String model;
    private final String task;
    private final String metric;
    private long seed;
    private String device = "";
    private final Map<String, Map<String, Score>> baselines = new LinkedHashMap<>();
    private Found found;
    private Cost cost = Cost.ZERO;
    private int steps;
    private double seconds;
    private String stoppedBy = "";
    private String runDir = "";
    private final List<String> warnings = new ArrayList<>();
    private final Map<String, Comparison> comparison = new LinkedHashMap<>();

    private Builder(String method, String model, String task, String metric) {
      this.method = method;
      this.model = model;
      this.task = task;
      this.metric = metric;
    }

    /** Sets the seed. */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /** Sets the device. */
    public Builder device(String value) {
      device = value;
      return this;
    }

    /** Adds a baseline's score on a split. */
    public Builder baseline(String name, String split, Score score) {
      baselines.computeIfAbsent(name, unused -> new LinkedHashMap<>()).put(split, score);
      return this;
    }

    /** Sets how the search ended, and with it the prompt found and its cost. */
    public Builder loop(LoopResult result, Score dev, Score test) {
      Map<String, Score> scores = new LinkedHashMap<>();
      scores.put("dev", dev);
      scores.put("test", test);
      return loop(result, scores);
    }

    /** The same with scores on any of {@code train}, {@code dev} and {@code test}. */
    public Builder loop(LoopResult result, Map<String, Score> scores) {
      cost = result.cost();
      steps = result.steps();
      seconds = result.seconds();
      stoppedBy = result.stoppedBy();
      found =
          new Found(
              result.best().prompt().kind(),
              result.best().prompt().text(),
              result.best().prompt().tokenIds(),
              "prompt/",
              scores);
      return this;
    }

    /** Sets what was trained, instead of a prompt that was searched for, and its cost. */
    public Builder trained(Found what, int updates, Cost used, double usedSeconds) {
      found = what;
      cost = used;
      steps = updates;
      seconds = usedSeconds;
      stoppedBy = "finished";
      return this;
    }

    /** Sets the run directory. */
    public Builder runDir(String value) {
      runDir = value;
      return this;
    }

    /** Adds warnings, each once. */
    public Builder warnings(List<String> more) {
      more.stream().filter(warning -> !warnings.contains(warning)).forEach(warnings::add);
      return this;
    }

    /** Adds the paired test against a baseline. */
    public Builder comparison(String baseline, Comparison test) {
      comparison.put(baseline, test);
      return this;
    }

    /** Returns the result; {@link #loop} or {@link #trained} must have been called. */
    public RunResult build() {
      if (found == null) {
        throw new IllegalStateException("What was found is missing.");
      }
      return new RunResult(
          method,
          model,
          task,
          metric,
          seed,
          device,
          baselines,
          found,
          cost,
          steps,
          seconds,
          stoppedBy,
          runDir,
          warnings,
          comparison);
    }
  }
}
