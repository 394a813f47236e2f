package io.promptgrad.gradient.discrete;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.Metric;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.Cost;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Task;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * AutoPrompt (Shin, Razeghi, Logan, Wallace and Singh 2020, arXiv:2010.15980, section 2): trigger
 * tokens shared by all examples, chosen by gradient-guided search.
 *
 * <p>One step: the gradient of the loss at the trigger's word embeddings on some training examples;
 * at one random position, the k tokens with the largest first-order gain; all of them and the
 * current trigger scored on other training examples; the best one taken if it is strictly better.
 * After each change the dev split is scored, and the best trigger there is the result.
 *
 * <p>Where this differs from the original program (each difference is undone by {@link
 * AutoPromptConfig.Reference}): the gradient is the plain mean over its examples; the current token
 * is not tried against itself; the first trigger takes part in the choice of the best; label id 0
 * is an id like any other. The original parses a patience and never reads it; here the search
 * loop's stop rules do.
 *
 * <p>Cost of a step: one forward and backward pass over the gradient's examples, and at most k + 1
 * forward passes over the evaluation's, with the head computed for the label tokens alone. The seed
 * fixes the samples, the positions and the first trigger; ties go to the lowest token id, then to
 * the first candidate.
 */
public final class AutoPrompt implements Search {

  private final LanguageModel model;
  private final Cloze cloze;
  private final AutoPromptConfig config;
  private final RandomSource random;
  private final LabelTokens labels; // what answers are read by
  private final List<ClozeExample> train;
  private final DevScore onDev;
  private final int devSize;
  private final TokenFilter filter;
  private final LabelScorer scorer;
  private final HotFlip hotFlip;
  private final int[] among; // label tokens if probabilities are among them, else null
  private final CandidateRace race;

  private int[] trigger;
  private String triggerId = "0";
  private int[] bestTrigger;
  private double bestDev = Double.NaN;
  private int bestStep;

  /** How good a trigger is on the dev split; higher is better. */
  private interface DevScore {
    double of(int[] trigger);
  }

  /** A search whose result is the trigger with the best accuracy on dev. */
  public AutoPrompt(
      LanguageModel model, Task task, Cloze cloze, AutoPromptConfig config, RandomSource random) {
    this(model, task, cloze, config, new Accuracy(), random);
  }

  /**
   * @param cloze template and label tokens, with at least one trigger slot
   * @param metric what the result is chosen by on dev
   * @throws InvalidInputException if the template has no trigger slot, a label of the data is
   *     unknown or the filter leaves no token
   */
  public AutoPrompt(
      LanguageModel model,
      Task task,
      Cloze cloze,
      AutoPromptConfig config,
      Metric metric,
      RandomSource random) {
    if (cloze.template().triggerCount() == 0) {
      throw new InvalidInputException(
          "The template '%s' has no trigger slot; put at least one [T] where AutoPrompt may choose a token."
              .formatted(cloze.template()));
    }
    this.model = model;
    this.cloze = cloze;
    this.config = config;
    this.random = random;
    boolean open = cloze.labels().open();
    if (open && config.objective() != AutoPromptConfig.Objective.LIKELIHOOD) {
      throw new InvalidInputException(
          "The objective %s compares a few labels, but the answers here are %d words; use the objective likelihood."
              .formatted(
                  config.objective().name().toLowerCase(Locale.ROOT), cloze.labels().size()));
    }
    this.labels =
        config.reference().isEmpty() || open ? cloze.labels() : withoutIdZero(cloze.labels());
    Cloze encoder = new Cloze(model, cloze.template(), labels);
    this.train = encoder.encode(task.train());
    List<ClozeExample> dev = encoder.encode(task.dev());
    this.filter =
        TokenFilter.of(
            model.tokenizer(),
            model.spec().vocabulary(),
            config.filter(),
            open ? TokenFilter.objects(train, dev) : cloze.labels().flat(),
            config.filter().contains(TokenFilter.Rule.SUBJECTS)
                ? TokenFilter.subjects(task, model.tokenizer())
                : new int[0]);
    if (filter.allowed() < 2) {
      throw new InvalidInputException(
          "The filter %s leaves no token for the trigger; give fewer rules."
              .formatted(config.filter()));
    }
    this.scorer = new LabelScorer(model);
    this.hotFlip = new HotFlip(model);
    this.among =
        config.objective() == AutoPromptConfig.Objective.LABEL_LIKELIHOOD ? labels.flat() : null;
    this.race =
        new CandidateRace(
            scorer,
            labels,
            switch (config.objective()) {
              case ACCURACY -> CandidateRace.Objective.ACCURACY;
              case LABEL_LIKELIHOOD -> CandidateRace.Objective.LABEL_LIKELIHOOD;
              case LIKELIHOOD -> CandidateRace.Objective.LOG_PROBABILITY;
            },
            CandidateRace.Options.exact(model.device())
                .withPruning(config.prunes())
                .withHalving(config.halving()));
    ClozeEvaluator evaluator = new ClozeEvaluator(model, scorer, metric, List.of());
    this.devSize = dev.size();
    this.onDev = t -> metric.score(evaluator.outcomes(dev, t, labels));
    this.trigger = firstTrigger();
    this.bestTrigger = trigger;
  }

  /** The original pads label sets with id 0, so that a token of that id never counts. */
  private static LabelTokens withoutIdZero(LabelTokens labels) {
    int[][] ids = new int[labels.size()][];
    for (int c = 0; c < ids.length; c++) {
      ids[c] = Arrays.stream(labels.ids()[c]).filter(id -> id != 0).toArray();
      if (ids[c].length == 0) {
        throw new InvalidInputException(
            "The label '%s' has only the token of id 0, which the original AutoPrompt takes for padding; give another word, or leave the option reference out."
                .formatted(labels.labels().get(c)));
      }
    }
    return new LabelTokens(labels.labels(), ids);
  }

  private int[] firstTrigger() {
    int slots = cloze.template().triggerCount();
    int[] first = new int[slots];
    if (config.start() instanceof AutoPromptConfig.Start.Tokens given) {
      if (given.tokens().size() != slots) {
        throw new InvalidInputException(
            "The first trigger has %d tokens, but the template has %d slots [T]."
                .formatted(given.tokens().size(), slots));
      }
      for (int t = 0; t < slots; t++) {
        String token = given.tokens().get(t);
        int[] word = model.tokenizer().encodeWord(token, true);
        first[t] =
            model
                .tokenizer()
                .id(token)
                .orElseGet(
                    () -> {
                      if (word.length != 1) {
                        throw new InvalidInputException(
                            "The first trigger's '%s' is no single token of the vocabulary."
                                .formatted(token));
                      }
                      return word[0];
                    });
      }
      return first;
    }
    if (config.start() instanceof AutoPromptConfig.Start.Nearest near) {
      int given = near.vectors().length / model.spec().wordWidth();
      if (given != slots) {
        throw new InvalidInputException(
            "There are %d vectors to begin near to, but the template has %d slots [T]."
                .formatted(given, slots));
      }
      return model
          .forSearch()
          .nearest(near.vectors(), filter.banned(), SearchModel.Nearness.COSINE);
    }
    boolean masks =
        config.start() instanceof AutoPromptConfig.Start.Masks
            && model.spec().objective() == Objective.MASKED;
    if (masks) {
      Arrays.fill(first, model.tokenizer().specials().mask().getAsInt());
      return first;
    }
    int[] allowed = IntStream.range(0, filter.vocabulary()).filter(filter::allows).toArray();
    int[] words = Arrays.stream(allowed).filter(model.tokenizer()::startsWord).toArray();
    int[] from = words.length > 0 ? words : allowed; // not every vocabulary marks where words start
    RandomGenerator generator = random.stream("autoprompt.start", 0);
    for (int t = 0; t < slots; t++) {
      first[t] = from[generator.nextInt(from.length)];
    }
    return first;
  }

  @Override
  public String method() {
    return "autoprompt";
  }

  // ------------------------------------------------------------------ the algorithm

  @Override
  public StepReport step(int step) {
    long forward = model.forwardTokens();
    long backward = model.backwardTokens();
    long evaluations = 0;
    if (Double.isNaN(bestDev)) {
      bestDev = config.reference().isPresent() ? Double.NEGATIVE_INFINITY : onDev.of(trigger);
      evaluations += config.reference().isPresent() ? 0 : devSize;
    }

    // 1. Gradient of the mean loss at the trigger's word embeddings.
    List<ClozeExample> forGradient = sample("autoprompt.gradient", step, gradientExamples());
    HotFlip.Gradient gradient =
        hotFlip.gradient(
            forGradient, trigger, weights(forGradient.size(), config.reference()), among);
    evaluations += forGradient.size();

    // 2. The k replacements with the largest first-order gain.
    List<Replacement> replacements = replacements(gradient, step);
    List<int[]> candidates = replacements.stream().map(r -> r.applyTo(trigger)).toList();

    // 3. All of them against the current trigger, on other examples.
    List<ClozeExample> forChoice = sample("autoprompt.evaluation", step, evaluationExamples());
    boolean unfinished = config.replaceMasks() && hasMask(trigger);
    CandidateRace.Result result = race.run(forChoice, unfinished ? null : trigger, candidates);
    evaluations += result.evaluations();

    // 4. Move if one is strictly better (or masks must go); then see what dev says.
    OptionalDouble devScore = OptionalDouble.empty();
    List<Candidate> tried = describe(step, replacements, candidates, result, forChoice.size());
    double score = mean(result.current(), forChoice.size());
    boolean newBest = false;
    if (result.winner() >= 0) {
      trigger = candidates.get(result.winner());
      triggerId = step + "." + (result.winner() + 1);
      score = mean(result.scores()[result.winner()], forChoice.size());
      double value = onDev.of(trigger);
      evaluations += devSize;
      devScore = OptionalDouble.of(value);
      if (value > bestDev || (config.replaceMasks() && hasMask(bestTrigger))) {
        bestDev = value;
        bestTrigger = trigger;
        bestStep = step;
        newBest = true;
      }
    }
    Cost cost =
        new Cost(
            evaluations, model.forwardTokens() - forward, model.backwardTokens() - backward, 0, 0);
    return new StepReport(tried, score, devScore, newBest, cost);
  }

  private boolean hasMask(int[] tokens) {
    OptionalInt mask = model.tokenizer().specials().mask();
    return mask.isPresent() && Arrays.stream(tokens).anyMatch(id -> id == mask.getAsInt());
  }

  /** Token {@code id} at {@code position}; {@code gain} is what the gradient promises. */
  private record Replacement(int position, int id, double gain) {

    int[] applyTo(int[] trigger) {
      int[] changed = trigger.clone();
      changed[position] = id;
      return changed;
    }
  }

  private List<Replacement> replacements(HotFlip.Gradient gradient, int step) {
    boolean one = config.positions() == AutoPromptConfig.Positions.ONE;
    int chosen = random.stream("autoprompt.position", step).nextInt(trigger.length);
    List<Replacement> all = new ArrayList<>();
    for (int p = 0; p < trigger.length; p++) {
      if (one && p != chosen) {
        continue;
      }
      float[] scores = hotFlip.scores(gradient.at(p));
      int except = config.reference().isPresent() ? -1 : trigger[p];
      for (int id : HotFlip.top(scores, config.candidates(), filter, except)) {
        all.add(new Replacement(p, id, (double) scores[id] - scores[trigger[p]]));
      }
    }
    if (!one) {
      // Stable: of equal gains the earlier position, then the lower id.
      all.sort((a, b) -> Double.compare(b.gain(), a.gain()));
    }
    return List.copyOf(all.subList(0, Math.min(config.candidates(), all.size())));
  }

  private int gradientExamples() {
    return config
        .reference()
        .map(r -> r.batchSize() * r.accumulationSteps())
        .orElse(config.gradientExamples());
  }

  private int evaluationExamples() {
    return config
        .reference()
        .map(r -> r.evaluationBatchSize() * r.accumulationSteps())
        .orElse(config.evaluationExamples());
  }

  /** Weight of each example's loss: 1 / n, or batch means divided by the accumulation steps. */
  static float[] weights(int n, Optional<AutoPromptConfig.Reference> reference) {
    float[] weights = new float[n];
    for (int i = 0; i < n; i++) {
      if (reference.isEmpty()) {
        weights[i] = 1f / n;
      } else {
        int batchSize = reference.get().batchSize();
        int size = Math.min(batchSize, n - i / batchSize * batchSize); // the last may be smaller
        weights[i] = 1f / size / reference.get().accumulationSteps();
      }
    }
    return weights;
  }

  private List<ClozeExample> sample(String component, int step, int n) {
    int[] order = RandomSource.permutation(train.size(), random.stream(component, step));
    List<ClozeExample> chosen = new ArrayList<>();
    for (int i = 0; i < Math.min(n, order.length); i++) {
      chosen.add(train.get(order[i]));
    }
    return chosen;
  }

  /** Accuracy, or the geometric mean of the gold labels' probabilities: both in [0, 1]. */
  private double mean(double sum, int n) {
    if (sum == Double.NEGATIVE_INFINITY) { // a trigger that was not scored, as it must go
      return 0;
    }
    return config.objective() == AutoPromptConfig.Objective.ACCURACY ? sum / n : Math.exp(sum / n);
  }

  // ------------------------------------------------------------------ what the trace keeps

  private List<Candidate> describe(
      int step,
      List<Replacement> replacements,
      List<int[]> candidates,
      CandidateRace.Result result,
      int n) {
    List<Candidate> all = new ArrayList<>();
    all.add(
        new Candidate(
            step + ".0",
            triggerId,
            view(trigger),
            trigger,
            mean(result.current(), n),
            n,
            Status.INCUMBENT,
            Map.of()));
    for (int c = 0; c < candidates.size(); c++) {
      Replacement replacement = replacements.get(c);
      Map<String, Object> details = new LinkedHashMap<>();
      details.put("position", replacement.position());
      details.put("token", model.tokenizer().token(replacement.id()));
      details.put("gain", replacement.gain());
      Status status =
          c == result.winner()
              ? Status.ACCEPTED
              : result.finished()[c] ? Status.EVALUATED : Status.PRUNED;
      all.add(
          new Candidate(
              step + "." + (c + 1),
              triggerId,
              view(candidates.get(c)),
              candidates.get(c),
              result.seen()[c] == 0 ? 0 : mean(result.scores()[c], result.seen()[c]),
              result.seen()[c],
              status,
              details));
    }
    return all;
  }

  private String view(int[] ids) {
    List<String> words = new ArrayList<>();
    for (int id : ids) {
      words.add(model.tokenizer().view(id).strip());
    }
    return String.join(" ", words);
  }

  @Override
  public Best best() {
    return new Best(
        TriggerPrompt.of(cloze.template(), labels, bestTrigger, model.tokenizer()),
        bestDev == Double.NEGATIVE_INFINITY ? Double.NaN : bestDev,
        bestStep);
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.set("trigger", Json.array(trigger));
    state.put("trigger_id", triggerId);
    state.set("best_trigger", Json.array(bestTrigger));
    state.set("best_dev", Json.number(bestDev));
    state.put("best_step", bestStep);
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    trigger = Json.ints(state.path("trigger"));
    triggerId = state.path("trigger_id").asText();
    bestTrigger = Json.ints(state.path("best_trigger"));
    bestDev = Json.toDouble(state.path("best_dev"));
    bestStep = state.path("best_step").asInt();
  }
}
