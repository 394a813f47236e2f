package io.promptgrad.gradient.discrete;

import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.Evaluator;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Classifies examples with a trigger prompt: the label whose tokens are most probable at {@code
 * [P]}. If another label ties with the right one, the answer is the other one, as in AutoPrompt: a
 * prompt that cannot tell labels apart earns nothing. With open labels the answers are ranked.
 */
public final class ClozeEvaluator implements Evaluator<TriggerPrompt> {

  private final LanguageModel model;
  private final Metric metric;
  private final List<Metric> others;
  private final LabelScorer scorer;

  /**
   * @param metric the primary metric
   * @param others further metrics to report
   */
  public ClozeEvaluator(LanguageModel model, Metric metric, List<Metric> others) {
    this(model, new LabelScorer(model), metric, others);
  }

  /** With a scorer, and what it has learnt about batch sizes, of the caller's. */
  public ClozeEvaluator(
      LanguageModel model, LabelScorer scorer, Metric metric, List<Metric> others) {
    this.model = model;
    this.scorer = scorer;
    this.metric = metric;
    this.others = List.copyOf(others);
  }

  @Override
  public EvalReport evaluate(TriggerPrompt prompt, List<Example> examples) {
    Cloze cloze = new Cloze(model, prompt.template(), prompt.labels());
    List<ClozeExample> encoded = cloze.encode(examples);
    List<Outcome> outcomes = outcomes(encoded, prompt.tokenIds(), prompt.labels());
    EvalReport report = EvalReport.of(metric, others, outcomes);
    return cloze.shortenedWarning(examples.size()).map(report::withWarning).orElse(report);
  }

  /** What becomes of encoded examples with a trigger in their slots. */
  public List<Outcome> outcomes(List<ClozeExample> examples, int[] trigger, LabelTokens labels) {
    List<LabelScorer.Row> rows =
        examples.stream().map(example -> LabelScorer.Row.of(example, trigger)).toList();
    if (labels.open()) {
      return openOutcomes(examples, rows, labels);
    }
    double[][] scores = scorer.scores(rows, labels);
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < scores.length; i++) {
      outcomes.add(outcome(examples.get(i), scores[i], labels.labels()));
    }
    return outcomes;
  }

  /** Of thousands of answers an outcome keeps the right one's log-probability alone. */
  private List<Outcome> openOutcomes(
      List<ClozeExample> examples, List<LabelScorer.Row> rows, LabelTokens labels) {
    int[] gold = examples.stream().mapToInt(ClozeExample::gold).toArray();
    LabelScorer.Answer[] answers = scorer.answers(rows, gold, labels);
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < answers.length; i++) {
      String right = labels.labels().get(gold[i]);
      outcomes.add(
          Outcome.classified(
              examples.get(i).id(),
              right,
              labels.labels().get(answers[i].best()),
              answers[i].rank(),
              Map.of(right, answers[i].logProbability())));
    }
    return outcomes;
  }

  /**
   * What becomes of an example.
   *
   * @param scores of the labels, as {@link LabelScorer#scores} gives them
   */
  public static Outcome outcome(ClozeExample example, double[] scores, List<String> labels) {
    int gold = example.gold();
    int answer = gold;
    int rank = 1;
    double sum = 0;
    double largest = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      largest = Math.max(largest, score);
    }
    for (int c = 0; c < scores.length; c++) {
      sum += Math.exp(scores[c] - largest);
      if (c != gold && scores[c] >= scores[gold]) {
        rank++;
        if (answer == gold || scores[c] > scores[answer]) {
          answer = c;
        }
      }
    }
    Map<String, Double> logs = new LinkedHashMap<>();
    for (int c = 0; c < scores.length; c++) {
      logs.put(labels.get(c), scores[c] - largest - Math.log(sum));
    }
    return Outcome.classified(example.id(), labels.get(gold), labels.get(answer), rank, logs);
  }
}
