package io.promptgrad.experiments.execution;

import io.promptgrad.experiments.config.GradientFreeConfig;
import io.promptgrad.gradient.blackbox.BlackBoxTuning;
import io.promptgrad.gradient.blackbox.DeepBlackBoxTuning;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.policy.Reinforce;
import io.promptgrad.gradient.policy.RlPrompt;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.util.Optional;

/** Makes the searches without gradients that configurations name. */
final class GradientFreeMethods {

  private GradientFreeMethods() {}

  /**
   * A method on a classification task.
   *
   * @param policy the model that draws prompts, if the method has one
   */
  static Search search(
      GradientFreeConfig config,
      LanguageModel model,
      Optional<LanguageModel> policy,
      Task task,
      PromptTemplate template,
      LabelTokens labels,
      Metric metric,
      RandomSource random) {
    return switch (config.method()) {
      case "bbt" ->
          config.onTokens()
              ? BlackBoxTuning.ofTokens(
                  model, task, template, labels, config.filter(), config.blackBox(), metric, random)
              : BlackBoxTuning.of(model, task, template, labels, config.blackBox(), metric, random);
      case "bbtv2" ->
          new DeepBlackBoxTuning(model, task, template, labels, config.blackBox(), metric, random);
      case "rlprompt" ->
          new RlPrompt(
              policy.orElseThrow(),
              model,
              task,
              template,
              labels,
              config.rlPrompt(),
              metric,
              random);
      case "reinforce" ->
          new Reinforce(model, task, template, labels, config.reinforce(), metric, random);
      default -> throw new IllegalArgumentException(config.method());
    };
  }
}
