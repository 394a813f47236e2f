package io.promptgrad.gradient.relaxed;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.coordinate.Track;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.Arrays;
import java.util.List;

/**
 * PEZ, hard prompts made easy (Wen, Jain, Kirchenbauer, Goldblum, Geiping and Goldstein 2023,
 * arXiv:2302.03668, Algorithm 1): vectors P are moved by the gradient that is taken at the tokens
 * nearest to them.
 *
 * <p>One step: P' = nearest token of each row of P by cosine; the loss of P'; the gradient at P';
 * AdamW applies it to P, which never becomes P'. The result is the best P'. The program searches
 * all tokens; here the problem's filter holds.
 *
 * <p>Cost of a step: one forward and backward pass, and one forward pass if P' is new. Everything
 * is fixed by the first trigger and the samples.
 */
public final class Pez implements Search {

  /**
   * @param learningRate of AdamW; the original's 0.1 suits vectors of CLIP's size
   * @param weightDecay of AdamW
   * @param devEvery steps between two looks at dev
   */
  public record Config(double learningRate, double weightDecay, int devEvery) {
    /** Checks the ranges. */
    public Config {
      if (!(learningRate > 0) || !(weightDecay >= 0) || devEvery < 1) {
        throw new InvalidInputException(
            "The options learning_rate, weight_decay and dev_every are %s, %s and %d but must be above 0, at least 0 and at least 1."
                .formatted(learningRate, weightDecay, devEvery));
      }
    }

    /** The program's. */
    public static Config defaults() {
      return new Config(0.1, 0.1, 5);
    }
  }

  private final TriggerProblem problem;
  private final SearchModel model;
  private final Track track;
  private final Adam adam;
  private final float[] vectors; // P, [n * E]

  public Pez(TriggerProblem problem, Config config, RandomSource random) {
    this.problem = problem;
    this.model = Relaxation.only(problem, "pez");
    int[] start = problem.start(random);
    this.track = new Track(problem, start, config.devEvery());
    this.vectors = model.vectors(start);
    this.adam = new Adam(vectors.length, config.learningRate(), config.weightDecay());
  }

  @Override
  public String method() {
    return "pez";
  }

  @Override
  public StepReport step(int step) {
    track.begin();
    int[] nearest = model.nearest(vectors, problem.filter().banned(), SearchModel.Nearness.COSINE);
    TriggerProblem.Losses losses = problem.losses(List.of(nearest), nearest, step);
    float[] gradient = problem.gradient(nearest, step).parts().get(0).values();
    adam.step(vectors, gradient);

    boolean moved = !Arrays.equals(nearest, track.current());
    return track.end(
        step,
        Track.tried(List.of(nearest), losses),
        moved ? 0 : -1,
        losses.values()[0],
        losses.examples(),
        2L * losses.examples());
  }

  @Override
  public Best best() {
    return track.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.set("track", track.save());
    state.put("vectors", Floats.save(vectors));
    state.set("adam", adam.save());
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    track.restore((ObjectNode) state.path("track"));
    float[] saved = Floats.restore(state.path("vectors").asText());
    System.arraycopy(saved, 0, vectors, 0, saved.length);
    adam.restore((ObjectNode) state.path("adam"));
  }
}
