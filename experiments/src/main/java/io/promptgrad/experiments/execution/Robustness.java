package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.config.EvaluationConfig;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.trigger.Perplexity;
import io.promptgrad.gradient.trigger.Sensitivity;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Metrics;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** How a saved prompt bears changes, and how it reads to a filter. */
public final class Robustness {

  private Robustness() {}

  /** What came out, for programs and for people. */
  public record Result(ObjectNode json, String text) {}

  /**
   * Measures a prompt.
   *
   * @param judge a causal model that reads the trigger, if one is wanted
   * @param limit perplexity of a window above which a filter stops a text
   */
  public static Result run(
      EvaluationConfig config, Optional<String> judge, double limit, Console console) {
    Task task = Tasks.load(config.task());
    LoadOptions options = ModelLoader.options(config.device(), config.precision());
    try (LanguageModel model = ModelLoader.load(config.model(), options, console)) {
      TriggerPrompt prompt =
          TriggerPrompt.fromJson(Evaluation.readPrompt(config.prompt()), model.tokenizer());
      Tasks.requireFields(task, prompt.template());
      List<Example> examples = task.split(config.split());
      Tasks.requireLabels(examples, prompt.labels().labels());
      Metric metric = Metrics.named(config.metric());
      Sensitivity sensitivity =
          Sensitivity.of(model, prompt, examples, metric, new RandomSource(config.seed()));
      ObjectNode json = sensitivity.toJson();
      StringBuilder text = new StringBuilder(sensitivity.toText());
      if (judge.isPresent()) {
        String trigger = model.tokenizer().decode(prompt.tokenIds()).strip();
        try (LanguageModel reader = ModelLoader.load(judge.get(), options, console)) {
          Perplexity perplexity = Perplexity.of(reader, trigger);
          json.putObject("perplexity")
              .put("judge", judge.get())
              .put("whole", perplexity.whole())
              .put("worst_window", perplexity.worst())
              .put("limit", limit)
              .put("passes", perplexity.passes(limit));
          text.append(
              String.format(
                  Locale.ROOT,
                  "%nPerplexity of '%s' to %s: %.1f, worst window of %d tokens %.1f; a filter at %.0f %s.%n",
                  trigger,
                  judge.get(),
                  perplexity.whole(),
                  perplexity.window(),
                  perplexity.worst(),
                  limit,
                  perplexity.passes(limit) ? "lets it through" : "stops it"));
        }
      }
      return new Result(json, text.toString());
    }
  }
}
