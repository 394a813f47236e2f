package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Cost;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * What BBT and BBTv2 share: a generation is evaluated at once, calls are counted, and every so many
 * calls the candidate of that call is scored on dev, of which the best is kept. The start, which is
 * a prompt of zeros, takes part in that choice.
 */
final class Generations {

  private final SoftScores scores;
  private final List<ClozeExample> train;
  private final List<ClozeExample> dev;
  private final List<String> labels;
  private final BlackBoxConfig config;
  private final Metric metric;
  private final Population start;
  private final RandomSource random;
  private long calls;
  private Best best;

  // of the step under way
  private long tokensBefore;
  private long evaluations;
  private OptionalDouble measured = OptionalDouble.empty();
  private final List<Candidate> candidates = new ArrayList<>();

  Generations(
      SoftScores scores,
      Cloze cloze,
      Task task,
      BlackBoxConfig config,
      Metric metric,
      Population start,
      RandomSource random) {
    this.scores = scores;
    this.train = cloze.encode(task.train());
    this.dev = cloze.encode(task.dev());
    this.labels = cloze.labels().labels();
    this.config = config;
    this.metric = metric;
    this.start = start;
    this.random = random;
    this.best = new Best(scores.prompt(start, 0), Double.NaN, 0);
  }

  List<ClozeExample> train() {
    return train;
  }

  void begin() {
    candidates.clear();
    evaluations = 0;
    measured = OptionalDouble.empty();
    tokensBefore = scores.forwardTokens();
    if (Double.isNaN(best.dev())) {
      best = new Best(best.prompt(), dev(start, 0), 0);
    }
  }

  private double dev(Population population, int candidate) {
    Population one =
        new Population(population.blocks(), new int[][] {population.layers()[candidate]});
    evaluations += dev.size();
    List<Outcome> outcomes = BlackBoxEvaluator.outcomes(scores.of(one, dev)[0], dev, labels);
    return metric.score(outcomes);
  }

  /**
   * Evaluates a generation.
   *
   * @param z the numbers of each candidate, for the trace
   * @return losses
   */
  double[] evaluate(Population population, double[][] z, int step) {
    List<ClozeExample> some = examples(step);
    double[][][] scored = scores.of(population, some);
    double[] losses = new double[population.size()];
    for (int c = 0; c < losses.length; c++) {
      losses[c] = config.loss().mean(scored[c], some);
    }
    evaluations += (long) losses.length * some.size();
    for (int c = 0; c < losses.length; c++) {
      calls++;
      boolean better = false;
      if (calls % config.devEvery() == 0) {
        double value = dev(population, c);
        measured = OptionalDouble.of(value);
        if (value > best.dev()) {
          best = new Best(scores.prompt(population, c), value, step);
          better = true;
        }
      }
      double norm = CmaEs.norm(z[c]);
      candidates.add(
          new Candidate(
              step + "." + (c + 1),
              "",
              "z of length %.4f".formatted(norm),
              new int[0],
              -losses[c],
              some.size(),
              better && noneAccepted() ? Candidate.Status.ACCEPTED : Candidate.Status.EVALUATED,
              Map.of("length", norm)));
    }
    return losses;
  }

  /** The train examples of a generation, the same for all of its candidates. */
  private List<ClozeExample> examples(int step) {
    if (config.examples() == 0 || config.examples() >= train.size()) {
      return train;
    }
    int[] order = RandomSource.permutation(train.size(), random.stream("examples", step));
    return IntStream.range(0, config.examples()).mapToObj(i -> train.get(order[i])).toList();
  }

  private boolean noneAccepted() {
    return candidates.stream().noneMatch(c -> c.status() == Candidate.Status.ACCEPTED);
  }

  StepReport end(double[] losses, int step) {
    double lowest = Double.POSITIVE_INFINITY;
    for (double loss : losses) {
      lowest = Math.min(lowest, loss);
    }
    long tokens = scores.forwardTokens() - tokensBefore;
    return new StepReport(
        candidates, -lowest, measured, best.step() == step, new Cost(evaluations, tokens, 0, 0, 0));
  }

  long calls() {
    return calls;
  }

  Best best() {
    return best;
  }

  ObjectNode save() {
    ObjectNode state = Json.object().put("calls", calls);
    ObjectNode own = state.putObject("best");
    own.put("step", best.step());
    own.set("dev", Json.number(best.dev()));
    if (best.step() > 0) { // the start is known
      own.set("prompt", best.prompt().toJson());
    }
    return state;
  }

  void restore(ObjectNode state) {
    calls = state.path("calls").asLong();
    int step = state.path("best").path("step").asInt();
    best =
        new Best(
            step > 0 ? scores.read(state.path("best").path("prompt")) : best.prompt(),
            Json.toDouble(state.path("best").path("dev")),
            step);
  }
}
