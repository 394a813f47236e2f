package io.promptgrad.search;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/** What the loop itself has to remember between steps: counters, and what the stop rules need. */
final class LoopState {

  int step;
  Cost cost = Cost.ZERO;
  double seconds;
  private int stepsSinceBest;
  private final Deque<Double> scores = new ArrayDeque<>(); // newest last
  private final int scoresKept;

  LoopState(List<StopRule> rules) {
    int kept = 0;
    for (StopRule rule : rules) {
      if (rule instanceof StopRule.Convergence convergence) {
        kept = Math.max(kept, 2 * convergence.window());
      }
    }
    scoresKept = kept;
  }

  void add(StepReport report, double stepSeconds) {
    step++;
    cost = cost.plus(report.cost());
    seconds += stepSeconds;
    stepsSinceBest = report.newBest() ? 0 : stepsSinceBest + 1;
    scores.addLast(report.score());
    while (scores.size() > scoresKept) {
      scores.removeFirst();
    }
  }

  /** Returns why to stop now: rules in the order target, convergence, patience; then the budget. */
  Optional<String> stop(Search search, Budget budget, List<StopRule> rules) {
    for (Class<?> kind :
        List.of(StopRule.Target.class, StopRule.Convergence.class, StopRule.Patience.class)) {
      for (StopRule rule : rules) {
        if (kind.isInstance(rule) && met(rule, search.best())) {
          return Optional.of(rule.name());
        }
      }
    }
    if (search.finished()) {
      return Optional.of("finished");
    }
    return budget.spent(step, cost, seconds) ? Optional.of("budget") : Optional.empty();
  }

  private boolean met(StopRule rule, Best best) {
    if (rule instanceof StopRule.Target target) {
      return best.dev() >= target.dev();
    }
    if (rule instanceof StopRule.Patience patience) {
      return stepsSinceBest >= patience.steps();
    }
    return settled((StopRule.Convergence) rule);
  }

  private boolean settled(StopRule.Convergence rule) {
    int window = rule.window();
    if (scores.size() < 2 * window) {
      return false;
    }
    Iterator<Double> newestFirst = scores.descendingIterator();
    double last = mean(newestFirst, window);
    double before = mean(newestFirst, window);
    return Math.abs(last - before) < rule.tolerance();
  }

  private static double mean(Iterator<Double> values, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += values.next();
    }
    return sum / n;
  }

  ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("step", step).put("seconds", seconds);
    json.set("cost", cost.toJson());
    json.put("steps_since_best", stepsSinceBest);
    ArrayNode last = json.putArray("last_scores");
    scores.forEach(score -> last.add(Json.number(score)));
    return json;
  }

  void restore(JsonNode json) {
    step = json.path("step").asInt();
    seconds = json.path("seconds").asDouble();
    cost = Cost.fromJson(json.path("cost"));
    stepsSinceBest = json.path("steps_since_best").asInt();
    scores.clear();
    json.path("last_scores").forEach(score -> scores.addLast(Json.toDouble(score)));
  }
}
