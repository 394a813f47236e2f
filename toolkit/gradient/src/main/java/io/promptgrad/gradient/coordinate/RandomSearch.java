package io.promptgrad.gradient.coordinate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * What a method has to beat: candidates that change one position to any allowed token, without a
 * gradient; the best one is taken if it is better than the current trigger.
 *
 * <p>Cost of a step: {@code width} forward passes of what comes behind the changed position. The
 * seed fixes the candidates.
 */
public final class RandomSearch implements Search {

  private final TriggerProblem problem;
  private final int width;
  private final RandomSource random;
  private final Track track;

  /**
   * @param width candidates of a step
   * @param devEvery steps between two looks at dev
   */
  public RandomSearch(TriggerProblem problem, int width, int devEvery, RandomSource random) {
    if (width < 1) {
      throw new InvalidInputException("The option width is " + width + " but must be at least 1.");
    }
    this.problem = problem;
    this.width = width;
    this.random = random;
    this.track = new Track(problem, problem.start(random), devEvery);
  }

  @Override
  public String method() {
    return "random";
  }

  @Override
  public StepReport step(int step) {
    track.begin();
    int[] current = track.current();
    RandomGenerator draws = random.stream("random.candidates", step);
    List<int[]> candidates = new ArrayList<>(List.of(current));
    while (candidates.size() <= width) {
      int[] candidate = current.clone();
      int position = draws.nextInt(candidate.length);
      do {
        candidate[position] = draws.nextInt(problem.filter().vocabulary());
      } while (!problem.filter().allows(candidate[position]));
      candidates.add(candidate);
    }
    TriggerProblem.Losses losses = problem.losses(candidates, current, step);
    int best = losses.smallest(); // the current one is first, so it wins ties
    return track.end(
        step,
        Track.tried(candidates, losses),
        best == 0 ? -1 : best,
        losses.values()[best],
        losses.examples(),
        (long) candidates.size() * losses.examples());
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
