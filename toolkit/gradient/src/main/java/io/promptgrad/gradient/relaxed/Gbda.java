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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/**
 * GBDA, gradient-based distributional attack (Guo, Sablayrolles, Jegou and Kiela 2021,
 * arXiv:2104.13733): a distribution over triggers, given by logits Theta [n, V], is trained through
 * Gumbel-softmax samples.
 *
 * <p>One step: samples pi = softmax((Theta + Gumbel noise) / tau); word vectors pi E; the gradient
 * of the loss at them, through E and the softmax, to Theta; Adam. Then triggers drawn from the
 * distribution, and its most probable one, are scored as tokens, and the best of all steps is the
 * result (the program draws them at the end only). Its similarity term has no meaning here, where
 * there is no text to stay close to; fluency is {@link io.promptgrad.gradient.trigger.Fluency}.
 *
 * <p>Cost of a step: {@code samples} forward and backward passes and {@code hard + 1} forward
 * passes. Memory: a few arrays of samples x n x V floats on the host.
 */
public final class Gbda implements Search {

  /**
   * @param samples Gumbel samples behind a gradient; the original takes 10
   * @param temperature tau
   * @param learningRate of Adam
   * @param initial logit of the first trigger's tokens; all others begin at 0
   * @param hard triggers drawn and scored in each step
   * @param devEvery steps between two looks at dev
   */
  public record Config(
      int samples,
      double temperature,
      double learningRate,
      double initial,
      int hard,
      int devEvery) {
    /** Checks the ranges. */
    public Config {
      if (samples < 1
          || !(temperature > 0)
          || !(learningRate > 0)
          || !(initial >= 0)
          || hard < 0
          || devEvery < 1) {
        throw new InvalidInputException(
            "The options samples %d and dev_every %d must be at least 1, temperature %s and learning_rate %s above 0, initial %s and hard %d at least 0."
                .formatted(samples, devEvery, temperature, learningRate, initial, hard));
      }
    }

    /** The program's; four triggers are drawn in each step. */
    public static Config defaults() {
      return new Config(10, 1, 0.3, 15, 4, 5);
    }
  }

  private final TriggerProblem problem;
  private final SearchModel model;
  private final Config config;
  private final RandomSource random;
  private final Track track;
  private final int vocabulary;
  private final float[] theta; // [n * V]; -inf where a token is not allowed
  private final Adam adam;

  public Gbda(TriggerProblem problem, Config config, RandomSource random) {
    this.problem = problem;
    this.model = Relaxation.only(problem, "gbda");
    this.config = config;
    this.random = random;
    int[] start = problem.start(random);
    this.track = new Track(problem, start, config.devEvery());
    this.vocabulary = model.model().spec().vocabulary();
    this.theta = new float[start.length * vocabulary];
    for (int t = 0; t < start.length; t++) {
      theta[t * vocabulary + start[t]] = (float) config.initial();
    }
    this.adam = new Adam(theta.length, config.learningRate(), 0);
  }

  @Override
  public String method() {
    return "gbda";
  }

  @Override
  public StepReport step(int step) {
    track.begin();
    int n = problem.slots();
    RandomGenerator noise = random.stream("gbda.noise", step);

    // 1. Samples of the distribution, as mixtures of word vectors.
    int size = theta.length;
    float[] pi = new float[config.samples() * size];
    for (int s = 0; s < config.samples(); s++) {
      softmax(noise, pi, s * size);
    }
    float[] mixtures = model.mixtures(pi);
    List<float[]> vectors = new ArrayList<>();
    int width = mixtures.length / config.samples();
    for (int s = 0; s < config.samples(); s++) {
      vectors.add(Arrays.copyOfRange(mixtures, s * width, (s + 1) * width));
    }

    // 2. Their gradients, back through E and the softmax.
    TriggerProblem.SoftGradients found = problem.softGradients(vectors, step);
    float[] slope = model.products(Floats.joined(found.values())); // d loss / d pi
    float[] gradient = new float[size];
    for (int row = 0; row < config.samples() * n; row++) {
      int from = row * vocabulary;
      double mean = 0;
      for (int v = 0; v < vocabulary; v++) {
        mean += pi[from + v] * slope[from + v];
      }
      int slot = from % size;
      for (int v = 0; v < vocabulary; v++) {
        gradient[slot + v] +=
            (float)
                (pi[from + v] * (slope[from + v] - mean) / config.temperature() / config.samples());
      }
    }
    adam.step(theta, gradient);

    // 3. Triggers of tokens.
    Map<List<Integer>, int[]> hard = new LinkedHashMap<>();
    int[] likeliest = largest(null);
    hard.put(Arrays.stream(likeliest).boxed().toList(), likeliest);
    for (int s = 0; s < config.hard(); s++) {
      int[] drawn = largest(noise); // the largest of logits with Gumbel noise is a draw
      hard.putIfAbsent(Arrays.stream(drawn).boxed().toList(), drawn);
    }
    List<int[]> triggers = List.copyOf(hard.values());
    TriggerProblem.Losses losses = problem.losses(triggers, triggers.get(0), step);
    int best = losses.smallest();
    return track.end(
        step,
        Track.tried(triggers, losses),
        best,
        losses.values()[best],
        losses.examples(),
        (long) (config.samples() + triggers.size()) * losses.examples());
  }

  private static double gumbel(RandomGenerator noise) {
    return -Math.log(-Math.log(Math.max(noise.nextDouble(), 1e-300)));
  }

  /** Writes one sample of all slots into {@code pi}, from {@code begin} on. */
  private void softmax(RandomGenerator noise, float[] pi, int begin) {
    for (int t = 0; t < problem.slots(); t++) {
      int from = begin + t * vocabulary;
      double largest = Double.NEGATIVE_INFINITY;
      for (int v = 0; v < vocabulary; v++) {
        double x = (theta[t * vocabulary + v] + gumbel(noise)) / config.temperature();
        pi[from + v] = problem.filter().allows(v) ? (float) x : Float.NEGATIVE_INFINITY;
        largest = Math.max(largest, pi[from + v]);
      }
      double sum = 0;
      for (int v = from; v < from + vocabulary; v++) {
        pi[v] = (float) Math.exp(pi[v] - largest);
        sum += pi[v];
      }
      for (int v = from; v < from + vocabulary; v++) {
        pi[v] /= (float) sum;
      }
    }
  }

  private int[] largest(RandomGenerator noise) {
    int[] tokens = new int[problem.slots()];
    for (int t = 0; t < tokens.length; t++) {
      double most = Double.NEGATIVE_INFINITY;
      for (int v = 0; v < vocabulary; v++) {
        double x = theta[t * vocabulary + v] + (noise == null ? 0 : gumbel(noise));
        if (problem.filter().allows(v) && x > most) {
          most = x;
          tokens[t] = v;
        }
      }
    }
    return tokens;
  }

  @Override
  public Best best() {
    return track.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.set("track", track.save());
    state.put("theta", Floats.save(theta));
    state.set("adam", adam.save());
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    track.restore((ObjectNode) state.path("track"));
    float[] saved = Floats.restore(state.path("theta").asText());
    System.arraycopy(saved, 0, theta, 0, saved.length);
    adam.restore((ObjectNode) state.path("adam"));
  }
}
