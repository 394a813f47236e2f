package io.promptgrad.gradient.relaxed;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.coordinate.Track;
import io.promptgrad.gradient.trigger.TriggerGradient;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * FluentPrompt (Shi, Han, Gonen, Holtzman, Tsvetkov and Zettlemoyer 2022, arXiv:2212.10539):
 * Langevin dynamics in the space of word vectors, with a projection to the nearest tokens after
 * each step.
 *
 * <p>One step: {@code P <- Proj(E_x - eta g + sqrt(2 eta beta) z)}, with g the gradient of the loss
 * at the current tokens x and z standard normal; the loss holds the language model's opinion if the
 * problem is wrapped in {@link io.promptgrad.gradient.trigger.Fluency}. The authors' repository
 * holds no program, so sizes are ours: g and z of each position are scaled to the mean norm of the
 * current word vectors, which makes eta and beta mean the same on every model, and beta falls
 * geometrically; and the nearest token is that of the smallest angle, since by Euclidean distance
 * the few tokens with short vectors are nearest to everything that the noise has moved.
 *
 * <p>Cost of a step: one forward and backward pass and one forward pass. The seed fixes the noise.
 */
public final class FluentPrompt implements Search {

  /**
   * @param eta length of a step
   * @param beta strength of the noise in the first step
   * @param lastBeta the same after {@code steps}
   * @param steps after which the noise falls no further
   * @param devEvery steps between two looks at dev
   */
  public record Config(double eta, double beta, double lastBeta, int steps, int devEvery) {
    /** Checks the ranges. */
    public Config {
      boolean right = eta > 0 && beta > 0 && lastBeta > 0 && steps >= 1 && devEvery >= 1;
      if (!right) {
        throw new InvalidInputException(
            "The options eta, beta, last_beta, steps and dev_every are %s, %s, %s, %d and %d but must be above 0."
                .formatted(eta, beta, lastBeta, steps, devEvery));
      }
    }

    /** Found on the bundled models. */
    public static Config defaults() {
      return new Config(4, 0.3, 0.01, 60, 5);
    }
  }

  private final TriggerProblem problem;
  private final SearchModel model;
  private final Config config;
  private final RandomSource random;
  private final Track track;

  public FluentPrompt(TriggerProblem problem, Config config, RandomSource random) {
    this.problem = problem;
    this.model = Relaxation.only(problem, "fluent-prompt");
    this.config = config;
    this.random = random;
    this.track = new Track(problem, problem.start(random), config.devEvery());
  }

  @Override
  public String method() {
    return "fluent-prompt";
  }

  @Override
  public StepReport step(int step) {
    track.begin();
    int[] current = track.current();
    int n = current.length;
    float[] vectors = model.vectors(current);
    float[] gradient = own(problem.gradient(current, step).parts(), vectors.length);
    int width = vectors.length / n;
    double size = meanNorm(vectors, n);
    double done = Math.min(1, (step - 1.0) / config.steps());
    double beta = config.beta() * Math.pow(config.lastBeta() / config.beta(), done);
    RandomGenerator noise = random.stream("fluent-prompt.noise", step);
    for (int t = 0; t < n; t++) {
      double norm = 0;
      double[] z = new double[width];
      double length = 0;
      for (int e = 0; e < width; e++) {
        norm += gradient[t * width + e] * (double) gradient[t * width + e];
        z[e] = noise.nextGaussian();
        length += z[e] * z[e];
      }
      norm = Math.max(Math.sqrt(norm), 1e-30);
      length = Math.sqrt(length);
      for (int e = 0; e < width; e++) {
        double pull = config.eta() * gradient[t * width + e] / norm;
        double kick = Math.sqrt(2 * config.eta() * beta) * z[e] / length;
        vectors[t * width + e] += (float) (size * (kick - pull));
      }
    }
    int[] next = model.nearest(vectors, problem.filter().banned(), SearchModel.Nearness.COSINE);
    List<int[]> tried = step == 1 ? List.of(next, current) : List.of(next);
    TriggerProblem.Losses losses = problem.losses(tried, current, step);
    return track.end(
        step,
        Track.tried(tried, losses),
        0,
        losses.values()[0],
        losses.examples(),
        (1L + tried.size()) * losses.examples());
  }

  /** In the space of the model's own vectors; a judge of another space has no say. */
  private static float[] own(List<TriggerGradient.Part> parts, int size) {
    if (parts.size() > 1 || parts.get(0).values().length != size) {
      throw new InvalidInputException(
          "fluent-prompt moves word vectors; its fluency must be judged by the searched model itself.");
    }
    return parts.get(0).values();
  }

  private static double meanNorm(float[] vectors, int n) {
    int width = vectors.length / n;
    double sum = 0;
    for (int t = 0; t < n; t++) {
      double square = 0;
      for (int e = 0; e < width; e++) {
        square += vectors[t * width + e] * (double) vectors[t * width + e];
      }
      sum += Math.sqrt(square);
    }
    return sum / n;
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
