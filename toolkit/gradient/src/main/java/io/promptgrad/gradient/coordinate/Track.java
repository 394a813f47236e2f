package io.promptgrad.gradient.coordinate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Cost;
import io.promptgrad.search.StepReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.IntFunction;

/**
 * Where a discrete search stands: its current trigger, the best one, and what the trace says of a
 * step. Every method has one.
 *
 * <p>The best trigger is the one with the highest score on dev, measured whenever the current one
 * has changed since and the step's number is a multiple of {@code every}; where a problem has no
 * dev, it is the one with the lowest loss, the first of equal ones.
 */
public final class Track {

  private final IntFunction<TriggerProblem> problems; // by the trigger's length
  private final int every;
  private final Tokenizer tokenizer;
  private int[] current;
  private String currentId = "0";
  private int[] best;
  private double bestDev = Double.NaN;
  private double bestLoss = Double.POSITIVE_INFINITY;
  private int bestStep;
  private int[] measured; // the trigger that dev was last measured for
  private boolean solved;
  private long forward;
  private long backward;
  private long looks;

  /**
   * @param start the first trigger
   * @param every how many steps there are between two looks at dev
   */
  public Track(TriggerProblem problem, int[] start, int every) {
    this(length -> problem, start, every);
  }

  /**
   * For a trigger that grows.
   *
   * @param problems by the trigger's length; all of the same models, all with dev or none
   */
  public Track(IntFunction<TriggerProblem> problems, int[] start, int every) {
    this.problems = problems;
    this.every = every;
    this.tokenizer = problems.apply(start.length).models().get(0).model().tokenizer();
    this.current = start;
    this.best = start;
  }

  /** The current trigger. */
  public int[] current() {
    return current;
  }

  /** Whether a trigger reached everything that was wanted. */
  public boolean solved() {
    return solved;
  }

  /** Begins a step: what the models do from here on is its cost. The first one measures dev. */
  public void begin() {
    forward = forwardTokens();
    backward = backwardTokens();
    looks = 0;
    TriggerProblem problem = problems.apply(current.length);
    if (problem.hasDev() && Double.isNaN(bestDev)) { // the first trigger takes part
      bestDev = problem.dev(current);
      measured = current;
      looks = problem.devSize();
    }
  }

  private long forwardTokens() {
    return problems.apply(current.length).models().stream()
        .map(SearchModel::model)
        .distinct()
        .mapToLong(model -> model.forwardTokens())
        .sum();
  }

  private long backwardTokens() {
    return problems.apply(current.length).models().stream()
        .map(SearchModel::model)
        .distinct()
        .mapToLong(model -> model.backwardTokens())
        .sum();
  }

  /**
   * Something that a step looked at.
   *
   * @param loss NaN if it was not scored
   */
  public record Tried(int[] trigger, double loss, boolean solved, Map<String, Object> details) {

    public Tried(int[] trigger, double loss, boolean solved) {
      this(trigger, loss, solved, Map.of());
    }
  }

  /** What was tried, with the losses of a problem. */
  public static List<Tried> tried(List<int[]> triggers, TriggerProblem.Losses losses) {
    List<Tried> all = new ArrayList<>();
    for (int c = 0; c < triggers.size(); c++) {
      all.add(new Tried(triggers.get(c), losses.values()[c], losses.solved()[c]));
    }
    return all;
  }

  /**
   * Ends a step.
   *
   * @param tried everything that was scored
   * @param next index of the new current trigger; -1: the old one stays
   * @param loss of the current trigger after the step; NaN if nobody knows
   * @param examples sequences behind each loss
   * @param evaluations sequences that were scored in all
   */
  public StepReport end(
      int step, List<Tried> tried, int next, double loss, int examples, long evaluations) {
    List<Candidate> candidates = new ArrayList<>();
    for (int c = 0; c < tried.size(); c++) {
      Tried one = tried.get(c);
      boolean same = Arrays.equals(one.trigger(), current);
      candidates.add(
          new Candidate(
              step + "." + (c + 1),
              currentId,
              view(one.trigger()),
              one.trigger(),
              -one.loss(),
              examples,
              c == next
                  ? Candidate.Status.ACCEPTED
                  : same
                      ? Candidate.Status.INCUMBENT
                      : Double.isNaN(one.loss())
                          ? Candidate.Status.PRUNED
                          : Candidate.Status.EVALUATED,
              one.details()));
    }
    TriggerProblem problem =
        problems.apply(tried.isEmpty() ? current.length : tried.get(0).trigger().length);
    boolean newBest = false;
    long spent = evaluations + looks;
    if (!problem.hasDev()) {
      for (Tried one : tried) {
        solved |= one.solved();
        if (one.loss() < bestLoss) {
          bestLoss = one.loss();
          best = one.trigger();
          bestStep = step;
          newBest = true;
        }
      }
    }
    if (next >= 0 && !Arrays.equals(tried.get(next).trigger(), current)) {
      current = tried.get(next).trigger();
      currentId = step + "." + (next + 1);
    }
    OptionalDouble dev = OptionalDouble.empty();
    if (problem.hasDev()) {
      if (step % every == 0 && !Arrays.equals(current, measured)) {
        double value = problem.dev(current);
        spent += problem.devSize();
        dev = OptionalDouble.of(value);
        measured = current;
        if (value > bestDev) {
          bestDev = value;
          best = current;
          bestStep = step;
          newBest = true;
        }
      }
    }
    Cost cost = new Cost(spent, forwardTokens() - forward, backwardTokens() - backward, 0, 0);
    return new StepReport(candidates, -loss, dev, newBest, cost);
  }

  private String view(int[] ids) {
    List<String> words = new ArrayList<>();
    for (int id : ids) {
      words.add(tokenizer.view(id).strip());
    }
    return String.join(" ", words);
  }

  /** What the search would return now. */
  public Best best() {
    return new Best(problems.apply(best.length).prompt(best), bestDev, bestStep);
  }

  /** Saves everything into an object. */
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.set("current", Json.array(current));
    state.put("current_id", currentId);
    state.set("best", Json.array(best));
    state.set("best_dev", Json.number(bestDev));
    state.set("best_loss", Json.number(bestLoss));
    state.put("best_step", bestStep);
    state.set("measured", Json.array(measured == null ? new int[0] : measured));
    state.put("solved", solved);
    return state;
  }

  /** Takes up what {@link #save} gave. */
  public void restore(ObjectNode state) {
    current = Json.ints(state.path("current"));
    currentId = state.path("current_id").asText();
    best = Json.ints(state.path("best"));
    bestDev = Json.toDouble(state.path("best_dev"));
    bestLoss = Json.toDouble(state.path("best_loss"));
    bestStep = state.path("best_step").asInt();
    int[] kept = Json.ints(state.path("measured"));
    measured = kept.length == 0 ? null : kept;
    solved = state.path("solved").asBoolean();
  }
}
