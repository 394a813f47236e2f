package io.promptgrad.gradient.coordinate;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * AutoDAN (Zhu et al. 2023, arXiv:2310.15140), the interpretable one: a trigger is written from
 * left to right like text, each token optimised until it is stable before the next one is begun.
 *
 * <p>One step is one pass over the last token: all tokens are preselected by {@code w1} times the
 * first-order gain plus their log-probability after what stands before; those are scored exactly,
 * with {@code w2} times the gain in loss plus the log-probability; the best one is taken. Once a
 * step takes what was there before, or after {@code passes}, a new token is appended, at random,
 * and the same begins for it. The paper draws from the softmax of the scores at temperature tau; at
 * tau 0, here the default, the best is taken.
 *
 * <p>Cost of a step: one forward and backward pass, and {@code topK} forward passes of what comes
 * behind the last token. Ends when the last slot's token is stable.
 */
public final class AutoDan implements Search {

  /**
   * @param topK tokens that are scored exactly
   * @param preselection w1
   * @param selection w2
   * @param temperature tau; 0: the best one is taken
   * @param passes most passes over a token
   * @param devEvery steps between two looks at dev
   */
  public record Config(
      int topK,
      double preselection,
      double selection,
      double temperature,
      int passes,
      int devEvery) {
    /** Checks the ranges. */
    public Config {
      boolean right =
          topK >= 1
              && preselection >= 0
              && selection >= 0
              && temperature >= 0
              && passes >= 1
              && devEvery >= 1;
      if (!right) {
        throw new InvalidInputException(
            "The options top_k %d, passes %d and dev_every %d must be at least 1, preselection %s, selection %s and temperature %s at least 0."
                .formatted(topK, passes, devEvery, preselection, selection, temperature));
      }
    }

    /** w1 = 3 and w2 = 100, as in the paper's main experiment; 4 passes. */
    public static Config defaults() {
      return new Config(256, 3, 100, 0, 4, 5);
    }
  }

  private final IntFunction<TriggerProblem> problems;
  private final int slots;
  private final LanguageModel reader;
  private final int[] before;
  private final Config config;
  private final RandomSource random;
  private final Track track;
  private int[] begun; // what the next step works on
  private int passes; // over the last token
  private boolean done;

  /**
   * @param problems the same problem with triggers of 1, 2, ... slots
   * @param slots how long the trigger becomes
   * @param reader a causal model of the same vocabulary, which says what reads well
   * @param before what the trigger follows, at least one token
   */
  public AutoDan(
      IntFunction<TriggerProblem> problems,
      int slots,
      LanguageModel reader,
      int[] before,
      Config config,
      RandomSource random) {
    if (before.length == 0) {
      throw new InvalidInputException(
          "autodan writes a trigger behind a text, but there is none and the model %s has no token that texts begin with; let the template begin with words."
              .formatted(reader.path()));
    }
    this.problems = problems;
    this.slots = slots;
    this.reader = reader;
    this.before = before.clone();
    this.config = config;
    this.random = random;
    this.begun = append(new int[0], 1);
    this.track = new Track(problems, begun, config.devEvery());
  }

  @Override
  public String method() {
    return "autodan";
  }

  private int[] append(int[] trigger, int length) {
    int[] longer = Arrays.copyOf(trigger, length);
    RandomGenerator draws = random.stream("autodan.token", length);
    int vocabulary = problems.apply(length).filter().vocabulary();
    do {
      longer[length - 1] = draws.nextInt(vocabulary);
    } while (!problems.apply(length).filter().allows(longer[length - 1]));
    return longer;
  }

  @Override
  public StepReport step(int step) {
    track.begin();
    int[] current = begun;
    int last = current.length - 1;
    TriggerProblem problem = problems.apply(current.length);

    // 1. What reads well here, and what promises a lower loss.
    float[] logProbabilities = readsWell(current, last);
    float[][] products = problem.gradient(current, step).products();
    Integer[] order =
        IntStream.range(0, problem.filter().vocabulary())
            .filter(problem.filter()::allows)
            .boxed()
            .toArray(Integer[]::new);
    double[] promise = new double[problem.filter().vocabulary()];
    for (int v : order) {
      promise[v] = -config.preselection() * products[last][v] + logProbabilities[v];
    }
    Arrays.sort(order, (a, b) -> Double.compare(promise[b], promise[a])); // stable: lowest id

    // 2. Their exact losses.
    List<int[]> candidates = new ArrayList<>(List.of(current));
    for (int i = 0; i < Math.min(config.topK(), order.length); i++) {
      int[] candidate = current.clone();
      candidate[last] = order[i];
      if (order[i] != current[last]) {
        candidates.add(candidate);
      }
    }
    TriggerProblem.Losses losses = problem.losses(candidates, current, step);
    double[] scores = new double[candidates.size()];
    for (int c = 0; c < scores.length; c++) {
      scores[c] =
          -config.selection() * losses.values()[c] + logProbabilities[candidates.get(c)[last]];
    }
    int next = choose(scores, step);

    // 3. Go on with the next token once this one is stable.
    passes++;
    boolean stable = next == 0 || passes >= config.passes();
    StepReport report =
        track.end(
            step,
            Track.tried(candidates, losses),
            next,
            losses.values()[next],
            losses.examples(),
            (long) candidates.size() * losses.examples());
    begun = candidates.get(next);
    if (stable) {
      passes = 0;
      done = begun.length >= slots;
      begun = done ? begun : append(begun, begun.length + 1);
    }
    return report;
  }

  private int choose(double[] scores, int step) {
    RandomGenerator draws = random.stream("autodan.choice", step);
    int best = 0;
    double most = Double.NEGATIVE_INFINITY;
    for (int c = 0; c < scores.length; c++) {
      double noise = // the largest of scores with Gumbel noise is a draw from their softmax
          config.temperature() == 0
              ? 0
              : -config.temperature() * Math.log(-Math.log(Math.max(draws.nextDouble(), 1e-300)));
      if (scores[c] + noise > most) {
        most = scores[c] + noise;
        best = c;
      }
    }
    return best;
  }

  /** Natural-log probabilities of all tokens at a place of the trigger. */
  private float[] readsWell(int[] trigger, int place) {
    int[] text =
        IntStream.concat(Arrays.stream(before), Arrays.stream(trigger).limit(place)).toArray();
    try (NDManager scope = reader.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(text), reader.spec().padId());
      return reader.logits(scope, batch, new int[] {text.length - 1}).logSoftmax(1).toFloatArray();
    }
  }

  @Override
  public boolean finished() {
    return done;
  }

  @Override
  public Best best() {
    return track.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.set("track", track.save());
    state.set("begun", Json.array(begun));
    state.put("passes", passes).put("done", done);
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    track.restore((ObjectNode) state.path("track"));
    begun = Json.ints(state.path("begun"));
    passes = state.path("passes").asInt();
    done = state.path("done").asBoolean();
  }
}
