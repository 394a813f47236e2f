package io.promptgrad.gradient.trigger;

import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.TargetLoss;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Task;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * A classification task as a problem of discrete search: the trigger in the template's slots is to
 * make the right labels probable. Losses are -log of the right label's probability among the
 * labels; dev is scored by a metric.
 */
public final class ClozeProblem implements TriggerProblem {

  /** What candidates are compared by; gradients are always those of the likelihood. */
  public enum Objective {
    /** Mean of -log of the right label's probability among the labels, in nats. */
    LABEL_LIKELIHOOD,
    /** Share of wrong answers; of equal ones the better likelihood decides. */
    ACCURACY
  }

  /**
   * How a step samples.
   *
   * @param gradientExamples training examples behind a step's gradient
   * @param evaluationExamples training examples that a step's candidates are compared on
   * @param same whether both are the same examples (universal triggers) or drawn apart (AutoPrompt)
   */
  public record Sampling(int gradientExamples, int evaluationExamples, boolean same) {
    /** Refuses samples without examples. */
    public Sampling {
      if (gradientExamples < 1 || evaluationExamples < 1) {
        throw new InvalidInputException(
            "A sample of %d and %d examples is empty; both numbers must be at least 1."
                .formatted(gradientExamples, evaluationExamples));
      }
    }
  }

  private final LanguageModel model;
  private final Cloze cloze;
  private final Objective objective;
  private final Sampling sampling;
  private final RandomSource random;
  private final TokenFilter filter;
  private final List<ClozeExample> train;
  private final List<TargetSequence> sequences;
  private final List<ClozeExample> dev;
  private final Metric metric;
  private final LabelScorer scorer;
  private final ClozeEvaluator evaluator;
  private final TriggerLoss loss;
  private int sampled; // the step whose sample the loss keeps the beginnings of

  /**
   * @param cloze template and label tokens, with at least one trigger slot
   * @param filter tokens that may not be used
   * @param metric what dev is scored by
   * @param random draws the samples
   */
  public ClozeProblem(
      LanguageModel model,
      Task task,
      Cloze cloze,
      Objective objective,
      Sampling sampling,
      TokenFilter filter,
      Metric metric,
      RandomSource random) {
    if (cloze.template().triggerCount() == 0) {
      throw new InvalidInputException(
          "The template '%s' has no trigger slot; put at least one [T] where the search may choose a token."
              .formatted(cloze.template()));
    }
    this.model = model;
    this.cloze = cloze;
    this.objective = objective;
    this.sampling = sampling;
    this.random = random;
    this.filter = filter;
    if (filter.allowed() < 2) {
      throw new InvalidInputException(
          "The filter leaves no token for the trigger; give fewer rules.");
    }
    this.train = cloze.encode(task.train());
    this.sequences = train.stream().map(TargetSequence::of).toList();
    this.dev = cloze.encode(task.dev());
    this.metric = metric;
    this.scorer = new LabelScorer(model);
    this.evaluator = new ClozeEvaluator(model, metric, List.of());
    this.loss =
        new TriggerLoss(
            model,
            new TargetLoss.CrossEntropy(),
            cloze.labels().flat(),
            TriggerLoss.Reuse.FIRST_DIFFERENCE);
  }

  @Override
  public int slots() {
    return cloze.template().triggerCount();
  }

  @Override
  public List<SearchModel> models() {
    return List.of(model.forSearch());
  }

  @Override
  public TokenFilter filter() {
    return filter;
  }

  /** Allowed tokens that begin a word, at random. */
  @Override
  public int[] start(RandomSource from) {
    int[] allowed = IntStream.range(0, filter.vocabulary()).filter(filter::allows).toArray();
    int[] words = Arrays.stream(allowed).filter(model.tokenizer()::startsWord).toArray();
    int[] choice = words.length > 0 ? words : allowed; // not every vocabulary marks them
    RandomGenerator generator = from.stream("discrete.start", 0);
    return IntStream.generate(() -> choice[generator.nextInt(choice.length)])
        .limit(slots())
        .toArray();
  }

  private int[] sample(String name, int n, int step) {
    int[] order = RandomSource.permutation(train.size(), random.stream(name, step));
    return Arrays.copyOf(order, Math.min(n, order.length));
  }

  private int[] evaluationSample(int step) {
    return sample("cloze.evaluation", sampling.evaluationExamples(), step);
  }

  private List<TargetSequence> gradientSample(int step) {
    int[] chosen =
        sampling.same()
            ? evaluationSample(step)
            : sample("cloze.gradient", sampling.gradientExamples(), step);
    return Arrays.stream(chosen).mapToObj(sequences::get).toList();
  }

  @Override
  public Losses losses(List<int[]> triggers, int[] current, int step) {
    int[] chosen = evaluationSample(step);
    if (step != sampled) {
      loss.forget();
      sampled = step;
    }
    double[] values = new double[triggers.size()];
    boolean[] solved = new boolean[values.length];
    if (objective == Objective.LABEL_LIKELIHOOD) {
      List<TargetSequence> sample = Arrays.stream(chosen).mapToObj(sequences::get).toList();
      TriggerLoss.Scores scores = loss.scores(sample, triggers, current);
      for (int c = 0; c < values.length; c++) {
        values[c] = scores.mean(c);
        solved[c] = allTrue(scores.said()[c]);
      }
      return new Losses(values, solved, chosen.length);
    }
    List<LabelScorer.Row> rows = new ArrayList<>();
    for (int[] trigger : triggers) {
      for (int e : chosen) {
        rows.add(LabelScorer.Row.of(train.get(e), trigger));
      }
    }
    double[][] scores = scorer.scores(rows, cloze.labels());
    for (int c = 0; c < values.length; c++) {
      int wrong = 0;
      double likelihood = 0;
      for (int i = 0; i < chosen.length; i++) {
        double[] row = scores[c * chosen.length + i];
        int gold = train.get(chosen[i]).gold();
        double sum = 0;
        boolean right = true;
        for (int label = 0; label < row.length; label++) {
          sum += Math.exp(row[label] - row[gold]);
          right &= label == gold || row[label] < row[gold];
        }
        likelihood += Math.log(sum);
        wrong += right ? 0 : 1;
      }
      // The second term never outweighs one example.
      double tie = likelihood / chosen.length;
      values[c] = (wrong + tie / (1 + tie)) / chosen.length;
      solved[c] = wrong == 0;
    }
    return new Losses(values, solved, chosen.length);
  }

  private static boolean allTrue(boolean[] flags) {
    for (boolean flag : flags) {
      if (!flag) {
        return false;
      }
    }
    return true;
  }

  @Override
  public List<TriggerGradient> gradients(List<int[]> triggers, int step) {
    SearchModel search = model.forSearch();
    return loss.gradients(gradientSample(step), triggers).values().stream()
        .map(g -> new TriggerGradient(slots(), List.of(new TriggerGradient.Part(search, g))))
        .toList();
  }

  @Override
  public SoftGradients softGradients(List<float[]> vectors, int step) {
    TriggerLoss.Gradients found = loss.gradients(gradientSample(step), vectors, null);
    double[] losses = new double[vectors.size()];
    Arrays.setAll(losses, found::mean);
    return new SoftGradients(found.values(), losses);
  }

  @Override
  public boolean hasDev() {
    return true;
  }

  @Override
  public double dev(int[] trigger) {
    List<Outcome> outcomes = evaluator.outcomes(dev, trigger, cloze.labels());
    return metric.score(outcomes);
  }

  @Override
  public int devSize() {
    return dev.size();
  }

  @Override
  public Prompt prompt(int[] trigger) {
    return TriggerPrompt.of(cloze.template(), cloze.labels(), trigger, model.tokenizer());
  }
}
