package io.promptgrad.gradient.coordinate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.TriggerGradient;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * ARCA (Jones, Dragan, Raghunathan and Steinhardt 2023, arXiv:2303.04381): coordinate ascent whose
 * linear approximation is averaged over random tokens at the position, instead of taken at the
 * current one, so that it says something of the whole vocabulary.
 *
 * <p>One step is one position, in turn: the mean of the gradients with q random tokens there; the q
 * tokens that promise most by it; their exact losses; the best one is taken, even if it is worse
 * than the current token. The paper also searches the output together with the prompt; here the
 * wanted outputs are given, so prompt positions alone are gone over. Its term for the prompt's
 * likelihood is {@link io.promptgrad.gradient.trigger.Fluency}.
 *
 * <p>Cost of a step: q forward and backward passes and q forward passes. The seed fixes the random
 * tokens.
 */
public final class Arca implements Search {

  /**
   * @param tokens q, random tokens behind an average and tokens tried; the original takes 32 to 64
   * @param devEvery steps between two looks at dev
   */
  public record Config(int tokens, int devEvery) {
    /** Checks the ranges. */
    public Config {
      if (tokens < 1 || devEvery < 1) {
        throw new InvalidInputException(
            "The options tokens and dev_every are %d and %d but must be at least 1."
                .formatted(tokens, devEvery));
      }
    }

    /** The program's. */
    public static Config defaults() {
      return new Config(64, 5);
    }
  }

  private final TriggerProblem problem;
  private final Config config;
  private final RandomSource random;
  private final Track track;

  public Arca(TriggerProblem problem, Config config, RandomSource random) {
    this.problem = problem;
    this.config = config;
    this.random = random;
    this.track = new Track(problem, problem.start(random), config.devEvery());
  }

  @Override
  public String method() {
    return "arca";
  }

  @Override
  public StepReport step(int step) {
    track.begin();
    int[] current = track.current();
    int position = (step - 1) % current.length;

    // The gradient at the position, averaged over tokens there.
    RandomGenerator draws = random.stream("arca.tokens", step);
    List<int[]> around = new ArrayList<>();
    while (around.size() < config.tokens()) {
      int token = draws.nextInt(problem.filter().vocabulary());
      if (problem.filter().allows(token)) {
        around.add(with(current, position, token));
      }
    }
    List<TriggerGradient> gradients = problem.gradients(around, step);
    TriggerGradient sum = gradients.get(0);
    for (TriggerGradient other : gradients.subList(1, gradients.size())) {
      sum = sum.mixed(1, other, 1);
    }
    int[] promising = sum.promising(problem.filter(), config.tokens())[position];

    List<int[]> candidates = new ArrayList<>();
    if (step == 1) {
      candidates.add(current); // takes part in the choice of the best, not of the next
    }
    Arrays.stream(promising).forEach(token -> candidates.add(with(current, position, token)));
    TriggerProblem.Losses losses = problem.losses(candidates, current, step);
    int next = step == 1 ? 1 : 0;
    for (int c = next + 1; c < candidates.size(); c++) {
      next = losses.values()[c] < losses.values()[next] ? c : next;
    }
    long evaluations = (long) (around.size() + candidates.size()) * losses.examples();
    return track.end(
        step,
        Track.tried(candidates, losses),
        next,
        losses.values()[next],
        losses.examples(),
        evaluations);
  }

  private static int[] with(int[] trigger, int position, int token) {
    int[] changed = trigger.clone();
    changed[position] = token;
    return changed;
  }

  @Override
  public Best best() {
    return track.best();
  }

  @Override
  public ObjectNode save() {
    return Json.object().set("track", track.save());
  }

  @Override
  public void restore(ObjectNode state) {
    track.restore((ObjectNode) state.path("track"));
  }
}
