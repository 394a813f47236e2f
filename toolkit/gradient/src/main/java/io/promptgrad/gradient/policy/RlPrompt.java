package io.promptgrad.gradient.policy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.tokenizer.Tokenizer;
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
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.random.RandomGenerator;

/**
 * RLPrompt (Deng et al. 2022, arXiv:2205.12548) for classification: a frozen causal language model
 * with a small network between its last state and its frozen output matrix draws the tokens of a
 * prompt one by one; how well the task's model answers with the prompt is the reward, and the
 * network learns by soft Q-learning.
 *
 * <p>One step: prompts are drawn from the k tokens with the largest Q at each place, all of them in
 * one batch; each is scored on all train examples, all together; the reward is {@link
 * PiecewiseReward}, as z-scores over the prompts, times 5; one step of Adam. Every few steps the
 * greedy prompt is scored on dev, and strictly better ones are kept.
 *
 * <p>Where we differ from the program: special tokens are never drawn, since they are no text for
 * another model. If the task's model has another vocabulary, a prompt goes there as text and may
 * have another number of tokens; the template's slots then have to stand side by side. The first
 * greedy prompt takes part in the choice.
 *
 * <p>Cost of a step: prompts x train examples, T short forward passes of the policy, and dev every
 * few steps; no gradient of either model. The seed fixes the network's start and all draws. A saved
 * state holds four copies of the network, which at the original's hidden layer of 2,048 are large:
 * 17 MB for states of 256.
 */
public final class RlPrompt implements Search {

  private static final double REWARD_SCALE = 5;

  /**
   * @param prompts drawn in a step
   * @param topK tokens that are drawn from
   * @param hidden units of the network
   * @param learningRate of Adam
   * @param clip largest norm of the gradient
   * @param polyak share of the network that its slow copy takes over in a step
   * @param steps after which the search ends
   * @param devEvery steps between two looks at dev
   * @param examples train examples of a step, drawn anew for each; 0: all, as in the original
   */
  public record Config(
      int prompts,
      int topK,
      int hidden,
      double learningRate,
      double clip,
      double polyak,
      int steps,
      int devEvery,
      int examples) {

    /** Checks the ranges. */
    public Config {
      if (prompts < 2 || topK < 1 || hidden < 1 || steps < 1 || devEvery < 1 || examples < 0) {
        throw new InvalidInputException(
            "The options prompts, top_k, hidden, steps, dev_every and examples are %d, %d, %d, %d, %d and %d but must be at least 2, 1, 1, 1, 1 and 0."
                .formatted(prompts, topK, hidden, steps, devEvery, examples));
      }
      if (!(learningRate > 0) || !(clip > 0) || !(polyak > 0 && polyak <= 1)) {
        throw new InvalidInputException(
            "The options learning_rate, clip and polyak are %s, %s and %s but must be above 0, and polyak at most 1."
                .formatted(learningRate, clip, polyak));
      }
    }

    /** The original's: 16 prompts, 256 tokens, 12,000 steps. */
    public static Config original() {
      return new Config(16, 256, 2048, 5e-5, 5, 1e-3, 12_000, 10, 0);
    }
  }

  private final LanguageModel policy;
  private final LanguageModel model;
  private final TokenPrompts prompts;
  private final Config config;
  private final RandomSource random;
  private final PolicyNetwork network;
  private final TokenFilter filter;
  private final int begin;
  private final boolean sameTokens;
  private final int length;
  private int stepsDone;
  private Best best;

  /**
   * @param policy a causal model
   * @param model the task's
   * @param template with as many slots as the prompt shall have tokens of the policy
   */
  public RlPrompt(
      LanguageModel policy,
      LanguageModel model,
      Task task,
      PromptTemplate template,
      LabelTokens labels,
      Config config,
      Metric metric,
      RandomSource random) {
    if (!policy.spec().causal() || policy.spec().encoderDecoder()) {
      throw new InvalidInputException(
          "rlprompt draws prompts from a causal language model, and %s is none; name another as rlprompt.policy."
              .formatted(policy.spec().family()));
    }
    this.policy = policy;
    this.model = model;
    this.prompts = new TokenPrompts(model, task, template, labels, metric, "rlprompt");
    this.config = config;
    this.random = random;
    this.length = prompts.length();
    this.sameTokens = policy.tokenizer().hasVocabularyOf(model.tokenizer());
    if (!sameTokens && !prompts.stretches()) {
      throw new InvalidInputException(
          "The policy's vocabulary is not the model's, so a prompt may change its length, and the slots [T] of '%s' do not stand side by side; put them together, or take a policy with the model's vocabulary."
              .formatted(template));
    }
    this.begin = begin(policy);
    this.filter =
        TokenFilter.of(
            policy.tokenizer(),
            policy.spec().vocabulary(),
            Set.of(TokenFilter.Rule.SPECIAL),
            new int[0]);
    if (filter.allowed() < config.topK()) {
      throw new InvalidInputException(
          "The option top_k is %d, but the policy has %d tokens to draw from; lower it."
              .formatted(config.topK(), filter.allowed()));
    }
    this.network =
        new PolicyNetwork(
            policy.device(),
            policy.spec().wordWidth(),
            config.hidden(),
            random.stream("rlprompt.network", 0));
    this.best = new Best(prompts.prompt(task(greedy())), Double.NaN, 0);
  }

  /** What the policy goes on from: the mark at which its texts begin. */
  private static int begin(LanguageModel policy) {
    var specials = policy.tokenizer().specials();
    for (OptionalInt mark : List.of(specials.bos(), specials.eos(), specials.cls())) {
      if (mark.isPresent()) {
        return mark.getAsInt();
      }
    }
    throw new InvalidInputException(
        "%s names no token at which a text begins or ends, from which the policy could draw a prompt; add bos_token to tokenizer_config.json."
            .formatted(policy.tokenizer().file()));
  }

  @Override
  public String method() {
    return "rlprompt";
  }

  // ------------------------------------------------------------------ the policy

  /** Prompts that were drawn, and the states that they were drawn from [B * T * E]. */
  private record Drawn(int[][] tokens, float[] states) {}

  /**
   * Draws prompts, all of them at once.
   *
   * @param chance of this step; null: each token is the one with the largest Q
   */
  private Drawn draw(int count, RandomGenerator chance) {
    int width = policy.spec().wordWidth();
    int k = chance == null ? 1 : config.topK();
    int[][] tokens = new int[count][length];
    float[] states = new float[count * length * width];
    try (NDManager scope = policy.newScope()) {
      NDArray head = policy.forBlackBox().outputMatrix(scope);
      for (int t = 0; t < length; t++) {
        float[] now = states(tokens, t);
        PolicyNetwork.Largest largest = network.largest(now, head, filter.banned(), k);
        for (int b = 0; b < count; b++) {
          System.arraycopy(now, b * width, states, (b * length + t) * width, width);
          int choice = chance == null ? 0 : sample(largest.q()[b], chance.nextDouble());
          tokens[b][t] = largest.ids()[b][choice];
        }
      }
    }
    return new Drawn(tokens, states);
  }

  /** The policy's states behind the first t tokens of each prompt [B * E]. */
  private float[] states(int[][] tokens, int t) {
    List<int[]> sequences = new ArrayList<>();
    int[] at = new int[tokens.length];
    for (int b = 0; b < tokens.length; b++) {
      int[] sequence = new int[t + 1];
      sequence[0] = begin;
      System.arraycopy(tokens[b], 0, sequence, 1, t);
      sequences.add(sequence);
      at[b] = b * (t + 1) + t;
    }
    try (NDManager scope = policy.newScope()) {
      return policy.features(scope, TokenBatch.of(sequences, 0), at).toFloatArray();
    }
  }

  /** An index by the softmax of values, the largest first. */
  static int sample(float[] values, double u) {
    double sum = 0;
    for (float value : values) {
      sum += Math.exp((double) value - values[0]);
    }
    double rest = u * sum;
    for (int i = 0; i < values.length; i++) {
      rest -= Math.exp((double) values[i] - values[0]);
      if (rest < 0) {
        return i;
      }
    }
    return values.length - 1;
  }

  private int[] greedy() {
    return draw(1, null).tokens()[0];
  }

  /** A prompt in the tokens of the task's model. */
  private int[] task(int[] tokens) {
    if (sameTokens) {
      return tokens;
    }
    String text = policy.tokenizer().decode(tokens).strip();
    return text.isEmpty() ? new int[0] : model.tokenizer().encodePlain(" " + text);
  }

  // ------------------------------------------------------------------ the search

  private long tokens() {
    return model.forwardTokens() + (policy == model ? 0 : policy.forwardTokens());
  }

  @Override
  public StepReport step(int step) {
    long before = tokens();
    prompts.takeEvaluations();
    if (Double.isNaN(best.dev())) {
      TriggerPrompt start = (TriggerPrompt) best.prompt();
      best = new Best(start, prompts.dev(start.tokenIds()), 0);
    }
    Drawn drawn = draw(config.prompts(), random.stream("rlprompt", step));
    List<int[]> own = Arrays.stream(drawn.tokens()).map(this::task).toList();
    int[] sample = prompts.sample(config.examples(), random.stream("rlprompt.examples", step));
    double[][][] scores = prompts.trainScores(own, sample);
    double[] rewards = new double[own.size()];
    for (int b = 0; b < rewards.length; b++) {
      rewards[b] = PiecewiseReward.mean(scores[b], prompts.gold(sample));
    }
    double[] shaped = PiecewiseReward.zScores(rewards);
    Arrays.setAll(shaped, b -> REWARD_SCALE * shaped[b]);
    double loss;
    try (NDManager scope = policy.newScope()) {
      loss =
          network.update(
              drawn.states(),
              policy.forBlackBox().outputMatrix(scope),
              Arrays.stream(drawn.tokens()).flatMapToInt(Arrays::stream).toArray(),
              shaped,
              config.learningRate(),
              config.clip(),
              config.polyak());
    }
    if (!Double.isFinite(loss)) {
      throw new InvalidInputException(
          "The policy's loss is %s in step %d; lower rlprompt.learning_rate, the last checkpoint is that of the step before."
              .formatted(loss, step));
    }
    OptionalDouble dev = OptionalDouble.empty();
    if (step % config.devEvery() == 0) {
      int[] greedy = task(greedy());
      double value = prompts.dev(greedy);
      dev = OptionalDouble.of(value);
      if (value > best.dev()) {
        best = new Best(prompts.prompt(greedy), value, step);
      }
    }
    stepsDone = step;
    return report(step, own, rewards, sample.length, loss, dev, before);
  }

  private StepReport report(
      int step,
      List<int[]> drawn,
      double[] rewards,
      int examples,
      double loss,
      OptionalDouble dev,
      long tokensBefore) {
    List<Candidate> candidates = new ArrayList<>();
    double mean = 0;
    for (int b = 0; b < rewards.length; b++) {
      mean += rewards[b] / rewards.length;
      candidates.add(
          new Candidate(
              step + "." + (b + 1),
              "",
              prompts.text(drawn.get(b)),
              drawn.get(b),
              rewards[b],
              examples,
              Candidate.Status.EVALUATED,
              Map.of("loss", loss)));
    }
    return new StepReport(
        candidates,
        mean,
        dev,
        best.step() == step,
        new Cost(prompts.takeEvaluations(), tokens() - tokensBefore, 0, 0, 0));
  }

  @Override
  public boolean finished() {
    return stepsDone >= config.steps();
  }

  @Override
  public Best best() {
    return best;
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object().put("steps", stepsDone);
    state.set("network", network.save());
    state.set("best", saveBest(best));
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    stepsDone = state.path("steps").asInt();
    network.restore((ObjectNode) state.path("network"));
    best = restoreBest((ObjectNode) state.path("best"), model.tokenizer());
  }

  /** Frees the network; the models are the caller's. */
  @Override
  public void close() {
    network.close();
  }

  static ObjectNode saveBest(Best best) {
    ObjectNode state = Json.object().put("step", best.step());
    state.set("dev", Json.number(best.dev()));
    state.set("prompt", best.prompt().toJson());
    return state;
  }

  static Best restoreBest(ObjectNode state, Tokenizer tokenizer) {
    return new Best(
        TriggerPrompt.fromJson(state.path("prompt"), tokenizer),
        Json.toDouble(state.path("dev")),
        state.path("step").asInt());
  }
}
