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
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Universal triggers (Wallace, Feng, Kandpal, Gardner and Singh 2019, arXiv:1908.07125): HotFlip's
 * first-order estimate (Ebrahimi et al. 2018) proposes tokens for all positions at once, and a beam
 * goes over the positions from left to right.
 *
 * <p>One step is one batch: its gradient; the k most promising tokens at every position; then at
 * each position every trigger of the beam is tried with each of them and unchanged, on the same
 * batch, and the best ones are kept. The gradient is not renewed in between.
 *
 * <p>Cost of a step: one forward and backward pass and about {@code slots * beam * k} forward
 * passes. Ties go to the trigger that was there before.
 */
public final class UniversalTriggers implements Search {

  /**
   * @param topK k, tokens tried at each position; the original takes 40
   * @param beam triggers kept from one position to the next; the original takes 1
   * @param devEvery steps between two looks at dev
   */
  public record Config(int topK, int beam, int devEvery) {
    /** Checks the ranges. */
    public Config {
      if (topK < 1 || beam < 1 || devEvery < 1) {
        throw new InvalidInputException(
            "The options top_k, beam and dev_every are %d, %d and %d but must be at least 1."
                .formatted(topK, beam, devEvery));
      }
    }

    /** The original's. */
    public static Config defaults() {
      return new Config(40, 1, 5);
    }
  }

  private final TriggerProblem problem;
  private final Config config;
  private final Track track;

  public UniversalTriggers(TriggerProblem problem, Config config, RandomSource random) {
    this.problem = problem;
    this.config = config;
    this.track = new Track(problem, problem.start(random), config.devEvery());
  }

  @Override
  public String method() {
    return "universal-triggers";
  }

  private record Scored(int[] trigger, double loss) {}

  @Override
  public StepReport step(int step) {
    track.begin();
    int[] current = track.current();
    TriggerGradient gradient = problem.gradient(current, step);
    int[][] promising = gradient.promising(problem.filter(), config.topK());

    Map<List<Integer>, Track.Tried> tried = new LinkedHashMap<>();
    TriggerProblem.Losses first = problem.losses(List.of(current), current, step);
    tried.put(key(current), new Track.Tried(current, first.values()[0], first.solved()[0]));
    List<Scored> beam = List.of(new Scored(current, first.values()[0]));
    for (int position = 0; position < current.length; position++) {
      List<Scored> grown = new ArrayList<>(beam); // unchanged
      for (Scored member : beam) {
        List<int[]> changed = new ArrayList<>();
        for (int token : promising[position]) {
          int[] candidate = member.trigger().clone();
          candidate[position] = token;
          if (!tried.containsKey(key(candidate))) {
            changed.add(candidate);
          }
        }
        if (changed.isEmpty()) {
          continue;
        }
        TriggerProblem.Losses losses = problem.losses(changed, member.trigger(), step);
        for (Track.Tried one : Track.tried(changed, losses)) {
          tried.put(key(one.trigger()), one);
          grown.add(new Scored(one.trigger(), one.loss()));
        }
      }
      grown.sort(Comparator.comparingDouble(Scored::loss)); // stable
      beam = grown.subList(0, Math.min(config.beam(), grown.size()));
    }
    List<Track.Tried> all = List.copyOf(tried.values());
    Scored winner = beam.get(0);
    int next = -1;
    for (int c = 1; c < all.size(); c++) {
      next = all.get(c).trigger() == winner.trigger() ? c : next;
    }
    return track.end(
        step, all, next, winner.loss(), first.examples(), (long) all.size() * first.examples());
  }

  private static List<Integer> key(int[] trigger) {
    return Arrays.stream(trigger).boxed().toList();
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
