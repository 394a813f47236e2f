package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.gradient.blackbox.BlackBoxEvaluator;
import io.promptgrad.gradient.blackbox.BlackBoxPrompt;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.soft.SoftEvaluator;
import io.promptgrad.gradient.soft.SoftPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.task.Example;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Path;
import java.util.List;

/** The kinds of prompts that searches on tasks find: how each is read and evaluated. */
final class Prompts {

  private Prompts() {}

  /**
   * Reads a saved prompt.
   *
   * @param name the model's, as configurations write it
   * @throws InvalidInputException if it does not fit the model
   */
  static Prompt read(Path file, LanguageModel model, String name) {
    JsonNode json = Evaluation.readPrompt(file);
    if (BlackBoxPrompt.isSaved(json)) {
      return BlackBoxPrompt.fromJson(json, model.tokenizer());
    }
    if (!json.path("kind").asText().equals(SoftPrompt.KIND)) {
      return TriggerPrompt.fromJson(json, model.tokenizer());
    }
    SoftPrompt prompt = SoftPrompt.read(json, file.toAbsolutePath().getParent(), model.tokenizer());
    prompt.requireFit(model, name);
    return prompt;
  }

  static PromptTemplate template(Prompt prompt) {
    return prompt instanceof SoftPrompt soft ? reading(soft).template() : frame(prompt).template();
  }

  static LabelTokens labels(Prompt prompt) {
    return prompt instanceof SoftPrompt soft ? reading(soft).labels() : frame(prompt).labels();
  }

  private static TriggerPrompt frame(Prompt prompt) {
    return prompt instanceof BlackBoxPrompt found ? found.frame() : (TriggerPrompt) prompt;
  }

  private static SoftPrompt.Reading reading(SoftPrompt prompt) {
    return prompt
        .reading()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "The prompt was trained for texts to go on with and has no label words, so a task with labels cannot be evaluated with it."));
  }

  static EvalReport evaluate(
      Prompt prompt,
      LanguageModel model,
      List<Example> examples,
      Metric metric,
      List<Metric> others) {
    if (prompt instanceof SoftPrompt soft) {
      return new SoftEvaluator(model, metric, others).evaluate(soft, examples);
    }
    return prompt instanceof BlackBoxPrompt found
        ? new BlackBoxEvaluator(model, metric, others).evaluate(found, examples)
        : new ClozeEvaluator(model, metric, others).evaluate((TriggerPrompt) prompt, examples);
  }
}
