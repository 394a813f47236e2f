package io.promptgrad.gradient.soft;

import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.Evaluator;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.task.Example;
import java.util.List;

/** Scores soft prompts on a classification task, as triggers are scored. */
public final class SoftEvaluator implements Evaluator<SoftPrompt> {

  private final LanguageModel model;
  private final Metric metric;
  private final List<Metric> others;

  /**
   * @param metric the primary metric
   * @param others further metrics to report
   */
  public SoftEvaluator(LanguageModel model, Metric metric, List<Metric> others) {
    this.model = model;
    this.metric = metric;
    this.others = List.copyOf(others);
  }

  /** Template and labels of a prompt, with examples cut so that its virtual tokens find room. */
  public static Cloze cloze(LanguageModel model, SoftPrompt prompt) {
    SoftPrompt.Reading reading =
        prompt
            .reading()
            .orElseThrow(
                () ->
                    new InvalidInputException(
                        "The prompt was made for texts and has no label words; give a template and labels."));
    boolean inside = reading.template().triggerCount() > 0;
    if (inside
        && (prompt.layout() != SoftModel.Layout.VECTORS
            || reading.template().triggerCount() != prompt.tokens())) {
      throw new InvalidInputException(
          "The template '%s' has %d slots [T] for a prompt of %d virtual tokens; leave the slots out, so that they stand in front%s."
              .formatted(
                  reading.template(),
                  reading.template().triggerCount(),
                  prompt.tokens(),
                  prompt.layout() != SoftModel.Layout.VECTORS
                      ? ", where keys and values must"
                      : ", or write as many"));
    }
    return new Cloze(model, reading.template(), reading.labels(), inside ? 0 : prompt.tokens());
  }

  @Override
  public EvalReport evaluate(SoftPrompt prompt, List<Example> examples) {
    Cloze cloze = cloze(model, prompt);
    try (LoadedPrompt loaded = new LoadedPrompt(model, prompt)) {
      EvalReport report =
          EvalReport.of(metric, others, loaded.outcomes(cloze.encode(examples), cloze.labels()));
      EvalReport warned = prompt.warning().map(report::withWarning).orElse(report);
      return cloze.shortenedWarning(examples.size()).map(warned::withWarning).orElse(warned);
    }
  }
}
