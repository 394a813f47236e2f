package io.promptgrad.experiments.execution;

import io.promptgrad.experiments.config.DiscreteConfig;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.coordinate.Arca;
import io.promptgrad.gradient.coordinate.Gcg;
import io.promptgrad.gradient.coordinate.RandomSearch;
import io.promptgrad.gradient.coordinate.UniversalTriggers;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.relaxed.FluentPrompt;
import io.promptgrad.gradient.relaxed.Gbda;
import io.promptgrad.gradient.relaxed.Pez;
import io.promptgrad.gradient.trigger.ClozeProblem;
import io.promptgrad.gradient.trigger.Fluency;
import io.promptgrad.gradient.trigger.LossIncrease;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.task.Task;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** Makes the searches that configurations name. */
public final class DiscreteMethods {

  private DiscreteMethods() {}

  /** A method on a classification task. */
  static Search search(
      DiscreteConfig config,
      LanguageModel model,
      String modelName,
      Task task,
      Cloze cloze,
      Metric metric,
      RandomSource random) {
    TriggerProblem problem =
        new ClozeProblem(
            model,
            task,
            cloze,
            ClozeProblem.Objective.valueOf(config.text("objective").toUpperCase(Locale.ROOT)),
            sampling(config),
            filter(config, model, cloze.labels().flat()),
            metric,
            random);
    if (config.real("fluency") > 0) {
      problem = new Fluency(problem, config.real("fluency"), model, new int[0]);
    }
    if (config.options().path("increase_loss").asBoolean()) {
      problem = new LossIncrease(problem);
    }
    if (!config.text("from").isEmpty()) {
      problem = SoftMethods.startingAt(Path.of(config.text("from")), problem, model, modelName);
    }
    return search(config, problem, Optional.empty(), random);
  }

  /** The tokens that a configuration leaves. */
  static TokenFilter filter(DiscreteConfig config, LanguageModel model, int[] labels) {
    return TokenFilter.of(model.tokenizer(), model.spec().vocabulary(), config.filter(), labels)
        .without(config.forbidden(), model.tokenizer());
  }

  /**
   * A method on any problem; {@code autodan} needs problems of several lengths and is none of them.
   */
  public static Search search(
      DiscreteConfig config,
      TriggerProblem problem,
      Optional<Gcg.Probe> probe,
      RandomSource random) {
    int devEvery = config.number("dev_every");
    if (config.isGcg()) {
      return new Gcg(config.method(), problem, config.gcg(), probe, random);
    }
    return switch (config.method()) {
      case "random" -> new RandomSearch(problem, config.number("width"), devEvery, random);
      case "universal-triggers" ->
          new UniversalTriggers(
              problem,
              new UniversalTriggers.Config(config.number("top_k"), config.number("beam"), devEvery),
              random);
      case "arca" -> new Arca(problem, new Arca.Config(config.number("tokens"), devEvery), random);
      case "pez" ->
          new Pez(
              problem,
              new Pez.Config(config.real("learning_rate"), config.real("weight_decay"), devEvery),
              random);
      case "gbda" ->
          new Gbda(
              problem,
              new Gbda.Config(
                  config.number("samples"),
                  config.real("temperature"),
                  config.real("learning_rate"),
                  config.real("initial"),
                  config.number("hard"),
                  devEvery),
              random);
      case "fluent-prompt" ->
          new FluentPrompt(
              problem,
              new FluentPrompt.Config(
                  config.real("eta"),
                  config.real("beta"),
                  config.real("last_beta"),
                  config.number("steps"),
                  devEvery),
              random);
      default -> throw new IllegalArgumentException(config.method());
    };
  }

  private static ClozeProblem.Sampling sampling(DiscreteConfig config) {
    int evaluated = config.number("evaluation_examples");
    boolean same = !config.options().has("gradient_examples");
    return new ClozeProblem.Sampling(
        same ? evaluated : config.number("gradient_examples"), evaluated, same);
  }
}
