package io.promptgrad.gradient.blackbox;

import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.Evaluator;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.List;

/**
 * Classifies examples with a prompt of black-box tuning, by the rules of {@link ClozeEvaluator}.
 */
public final class BlackBoxEvaluator implements Evaluator<BlackBoxPrompt> {

  private final LanguageModel model;
  private final Metric metric;
  private final List<Metric> others;

  /**
   * @param metric the primary metric
   * @param others further metrics to report
   */
  public BlackBoxEvaluator(LanguageModel model, Metric metric, List<Metric> others) {
    this.model = model;
    this.metric = metric;
    this.others = List.copyOf(others);
  }

  @Override
  public EvalReport evaluate(BlackBoxPrompt prompt, List<Example> examples) {
    prompt.requireFit(model);
    Cloze cloze = new Cloze(model, prompt.frame().template(), prompt.frame().labels());
    List<ClozeExample> encoded = cloze.encode(examples);
    LocalScores scores = new LocalScores(model, cloze, prompt.mode(), prompt.frame().tokenIds());
    int[][] layers = new int[1][prompt.layers().length];
    for (int l = 0; l < layers[0].length; l++) {
      layers[0][l] = l;
    }
    List<Outcome> outcomes =
        outcomes(
            scores.of(new Population(prompt.layers(), layers), encoded)[0],
            encoded,
            cloze.labels().labels());
    EvalReport report = EvalReport.of(metric, others, outcomes);
    return cloze.shortenedWarning(examples.size()).map(report::withWarning).orElse(report);
  }

  static List<Outcome> outcomes(
      double[][] scores, List<ClozeExample> examples, List<String> labels) {
    List<Outcome> outcomes = new ArrayList<>(scores.length);
    for (int i = 0; i < scores.length; i++) {
      outcomes.add(ClozeEvaluator.outcome(examples.get(i), scores[i], labels));
    }
    return outcomes;
  }
}
