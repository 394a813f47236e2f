package io.promptgrad.gradient.policy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Cost;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * REINFORCE with a baseline over the tokens of a prompt (BDPL, Diao et al. 2022, arXiv:2201.08531):
 * at each position a categorical distribution over candidate tokens, whose logits theta [T][C]
 * follow {@code 1/(K-1) sum over k of (r_k - mean r) grad log pi(a_k)}.
 *
 * <p>One step draws K prompts and scores all of them on all train examples at once; the reward is
 * the mean log-probability of the right label among the labels. Every few steps the prompt of the
 * most probable tokens is scored on dev, and strictly better ones are kept.
 *
 * <p>Where we differ from the paper: candidates are the allowed tokens that occur most often in the
 * train examples (of equals the lower id), not n-grams by pointwise mutual information; logits move
 * freely, the paper projects probabilities.
 *
 * <p>Cost of a step: K x train examples, and dev every few steps; no gradient of the model. The
 * seed fixes the draws.
 */
public final class Reinforce implements Search {

  /**
   * @param candidates most tokens to choose from, C
   * @param samples prompts of a step, K
   * @param learningRate of the logits; rewards are nats
   * @param filter which tokens may not be used
   * @param devEvery steps between two looks at dev
   * @param examples train examples of a step, drawn anew for each; 0: all
   */
  public record Config(
      int candidates,
      int samples,
      double learningRate,
      Set<TokenFilter.Rule> filter,
      int devEvery,
      int examples) {

    /** Checks the ranges. */
    public Config {
      if (candidates < 2 || samples < 2 || !(learningRate > 0) || devEvery < 1 || examples < 0) {
        throw new InvalidInputException(
            "The options candidates, samples, learning_rate, dev_every and examples are %d, %d, %s, %d and %d but must be at least 2, at least 2, above 0, at least 1 and at least 0."
                .formatted(candidates, samples, learningRate, devEvery, examples));
      }
      filter = Set.copyOf(filter);
    }

    /** 100 candidates, 20 prompts a step. */
    public static Config defaults() {
      return new Config(100, 20, 20, TokenFilter.AUTOPROMPT, 5, 0);
    }
  }

  private final LanguageModel model;
  private final TokenPrompts prompts;
  private final Config config;
  private final RandomSource random;
  private final int[] candidates;
  private final float[][] logits; // theta [T][C]
  private Best best;

  /**
   * @param template with as many slots as the prompt shall have tokens
   */
  public Reinforce(
      LanguageModel model,
      Task task,
      PromptTemplate template,
      LabelTokens labels,
      Config config,
      Metric metric,
      RandomSource random) {
    this.model = model;
    this.prompts = new TokenPrompts(model, task, template, labels, metric, "reinforce");
    this.config = config;
    this.random = random;
    this.candidates =
        frequent(
            prompts.train(),
            TokenFilter.of(
                model.tokenizer(), model.spec().vocabulary(), config.filter(), labels.flat()),
            config.candidates());
    this.logits = new float[prompts.length()][candidates.length];
    this.best = new Best(prompts.prompt(greedy()), Double.NaN, 0);
  }

  /** The tokens that occur most often, of equals the lower id. */
  private static int[] frequent(List<ClozeExample> examples, TokenFilter filter, int most) {
    Map<Integer, Integer> counts = new TreeMap<>();
    for (ClozeExample example : examples) {
      boolean[] slot = new boolean[example.length()];
      for (int at : example.triggerAt()) {
        slot[at] = true;
      }
      for (int i = 0; i < slot.length; i++) {
        if (!slot[i] && filter.allows(example.ids()[i])) {
          counts.merge(example.ids()[i], 1, Integer::sum);
        }
      }
    }
    int[] tokens =
        counts.entrySet().stream()
            .sorted(Comparator.comparing(entry -> -entry.getValue()))
            .limit(most)
            .mapToInt(Map.Entry::getKey)
            .toArray();
    if (tokens.length < 2) {
      throw new InvalidInputException(
          "The filter leaves %d of the tokens of the train examples to make prompts of; two are needed, so loosen reinforce.filter."
              .formatted(tokens.length));
    }
    return tokens;
  }

  @Override
  public String method() {
    return "reinforce";
  }

  /** Probabilities at a position. */
  static double[] softmax(float[] logits) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double[] p = new double[logits.length];
    double sum = 0;
    for (int c = 0; c < p.length; c++) {
      p[c] = Math.exp(logits[c] - largest);
      sum += p[c];
    }
    for (int c = 0; c < p.length; c++) {
      p[c] /= sum;
    }
    return p;
  }

  private static int draw(double[] p, RandomGenerator chance) {
    double rest = chance.nextDouble();
    for (int c = 0; c < p.length; c++) {
      rest -= p[c];
      if (rest < 0) {
        return c;
      }
    }
    return p.length - 1;
  }

  /** The most probable token at each position, of equals the first. */
  private int[] greedy() {
    return Arrays.stream(logits)
        .mapToInt(
            own ->
                candidates[
                    IntStream.range(0, own.length)
                        .reduce((a, b) -> own[b] > own[a] ? b : a)
                        .orElseThrow()])
        .toArray();
  }

  /**
   * The estimate of the gradient of the expected reward.
   *
   * @param actions [K][T] indices of candidates
   * @param rewards [K]
   * @return [T][C]
   */
  static double[][] gradient(double[][] probabilities, int[][] actions, double[] rewards) {
    int k = rewards.length;
    double mean = Arrays.stream(rewards).average().orElseThrow();
    double[][] gradient = new double[probabilities.length][probabilities[0].length];
    for (int s = 0; s < k; s++) {
      double advantage = (rewards[s] - mean) / (k - 1);
      for (int t = 0; t < gradient.length; t++) {
        for (int c = 0; c < gradient[t].length; c++) {
          gradient[t][c] += advantage * ((actions[s][t] == c ? 1 : 0) - probabilities[t][c]);
        }
      }
    }
    return gradient;
  }

  @Override
  public StepReport step(int step) {
    long before = model.forwardTokens();
    prompts.takeEvaluations();
    if (Double.isNaN(best.dev())) {
      best = new Best(best.prompt(), prompts.dev(best.prompt().tokenIds()), 0);
    }
    RandomGenerator chance = random.stream("reinforce", step);
    double[][] p = Arrays.stream(logits).map(Reinforce::softmax).toArray(double[][]::new);
    int[][] actions = new int[config.samples()][p.length];
    List<int[]> drawn = new ArrayList<>();
    for (int[] action : actions) {
      Arrays.setAll(action, t -> draw(p[t], chance));
      drawn.add(Arrays.stream(action).map(c -> candidates[c]).toArray());
    }
    int[] sample = prompts.sample(config.examples(), random.stream("reinforce.examples", step));
    int[] gold = prompts.gold(sample);
    double[][][] scores = prompts.trainScores(drawn, sample);
    double[] rewards = new double[actions.length];
    for (int k = 0; k < rewards.length; k++) {
      rewards[k] = likelihood(scores[k], gold);
    }
    double[][] gradient = gradient(p, actions, rewards);
    for (int t = 0; t < p.length; t++) {
      for (int c = 0; c < candidates.length; c++) {
        logits[t][c] += (float) (config.learningRate() * gradient[t][c]);
      }
    }
    OptionalDouble dev = OptionalDouble.empty();
    if (step % config.devEvery() == 0) {
      int[] greedy = greedy();
      double value = prompts.dev(greedy);
      dev = OptionalDouble.of(value);
      if (value > best.dev()) {
        best = new Best(prompts.prompt(greedy), value, step);
      }
    }
    List<Candidate> candidatesOfStep = new ArrayList<>();
    for (int k = 0; k < rewards.length; k++) {
      candidatesOfStep.add(
          new Candidate(
              step + "." + (k + 1),
              "",
              prompts.text(drawn.get(k)),
              drawn.get(k),
              rewards[k],
              sample.length,
              Candidate.Status.EVALUATED,
              Map.of()));
    }
    return new StepReport(
        candidatesOfStep,
        Arrays.stream(rewards).average().orElseThrow(),
        dev,
        best.step() == step,
        new Cost(prompts.takeEvaluations(), model.forwardTokens() - before, 0, 0, 0));
  }

  /** Mean log-probability of the right labels [examples][labels]. */
  private static double likelihood(double[][] scores, int[] gold) {
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      double largest = Arrays.stream(scores[i]).max().orElseThrow();
      double all = Arrays.stream(scores[i]).map(s -> Math.exp(s - largest)).sum();
      sum += scores[i][gold[i]] - largest - Math.log(all);
    }
    return sum / scores.length;
  }

  @Override
  public Best best() {
    return best;
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    var rows = state.putArray("logits");
    Arrays.stream(logits).map(Floats::save).forEach(rows::add);
    state.set("best", RlPrompt.saveBest(best));
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    for (int t = 0; t < logits.length; t++) {
      logits[t] = Floats.restore(state.path("logits").path(t).asText());
    }
    best = RlPrompt.restoreBest((ObjectNode) state.path("best"), model.tokenizer());
  }
}
