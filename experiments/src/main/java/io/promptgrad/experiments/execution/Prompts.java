package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.gradient.blackbox.BlackBoxEvaluator;
import io.promptgrad.gradient.blackbox.BlackBoxPrompt;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.task.Example;
import io.promptgrad.template.PromptTemplate;
import java.util.List;

/** The kinds of prompts that searches on tasks find: how each is read and evaluated. */
final class Prompts {

  private Prompts() {}

  /**
   * Reads a saved prompt.
   *
   * @throws io.promptgrad.input.InvalidInputException if it does not fit the model's vocabulary
   */
  static Prompt read(JsonNode json, LanguageModel model) {
    return BlackBoxPrompt.isSaved(json)
        ? BlackBoxPrompt.fromJson(json, model.tokenizer())
        : TriggerPrompt.fromJson(json, model.tokenizer());
  }

  static PromptTemplate template(Prompt prompt) {
    return frame(prompt).template();
  }

  static LabelTokens labels(Prompt prompt) {
    return frame(prompt).labels();
  }

  private static TriggerPrompt frame(Prompt prompt) {
    return prompt instanceof BlackBoxPrompt soft ? soft.frame() : (TriggerPrompt) prompt;
  }

  static EvalReport evaluate(
      Prompt prompt,
      LanguageModel model,
      List<Example> examples,
      Metric metric,
      List<Metric> others) {
    return prompt instanceof BlackBoxPrompt soft
        ? new BlackBoxEvaluator(model, metric, others).evaluate(soft, examples)
        : new ClozeEvaluator(model, metric, others).evaluate((TriggerPrompt) prompt, examples);
  }
}
