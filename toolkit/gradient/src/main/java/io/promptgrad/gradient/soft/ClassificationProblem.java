package io.promptgrad.gradient.soft;

import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Task;
import java.util.List;
import java.util.Optional;

/** A task whose labels are answered by words at {@code [P]}, of any kind of model. */
public final class ClassificationProblem implements SoftProblem {

  private final LanguageModel model;
  private final Cloze cloze;
  private final Metric metric;
  private final List<SoftRow> train;
  private final List<ClozeExample> dev;

  /**
   * @param cloze template and label tokens; with room for the virtual tokens if they stand in front
   * @param metric what dev is scored by
   */
  public ClassificationProblem(LanguageModel model, Task task, Cloze cloze, Metric metric) {
    this.model = model;
    this.cloze = cloze;
    this.metric = metric;
    this.train = cloze.encode(task.train()).stream().map(SoftRow::of).toList();
    this.dev = cloze.encode(task.dev());
  }

  @Override
  public LanguageModel model() {
    return model;
  }

  @Override
  public int slots() {
    return cloze.template().triggerCount();
  }

  @Override
  public List<SoftRow> train() {
    return train;
  }

  @Override
  public SoftModel.Loss loss(boolean wholeVocabulary, double smoothing, double z) {
    return new SoftModel.Loss(wholeVocabulary ? null : cloze.labels().flat(), smoothing, z);
  }

  @Override
  public Optional<LabelTokens> labels() {
    return Optional.of(cloze.labels());
  }

  @Override
  public int devSize() {
    return dev.size();
  }

  @Override
  public Dev dev(LoadedPrompt prompt) {
    List<Outcome> outcomes = prompt.outcomes(dev, cloze.labels());
    double loss = 0;
    for (Outcome outcome : outcomes) {
      loss -= outcome.scores().getOrDefault(outcome.gold(), Double.NEGATIVE_INFINITY);
    }
    return new Dev(EvalReport.of(metric, List.of(), outcomes).value(), loss / outcomes.size());
  }

  @Override
  public SoftPrompt prompt(List<PeftAdapter> adapters, List<String> nearest) {
    return new SoftPrompt(
        adapters,
        Optional.of(SoftPrompt.Reading.of(cloze.template(), cloze.labels(), model.tokenizer())),
        nearest);
  }
}
