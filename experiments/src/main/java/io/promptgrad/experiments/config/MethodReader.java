package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.gradient.discrete.AutoPromptConfig;
import io.promptgrad.gradient.discrete.AutoPromptConfig.Positions;
import io.promptgrad.gradient.discrete.AutoPromptConfig.Start;
import io.promptgrad.gradient.discrete.LabelTokenSearch;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.supervised.FineTuning;
import io.promptgrad.gradient.supervised.LinearProbe;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads the settings of the methods. */
final class MethodReader {

  private MethodReader() {}

  /** Refuses keys of other methods, and what does not go with one. */
  static void requireOwnKeys(Section root, String method) {
    Map<String, List<String>> own =
        Map.of(
            "autoprompt",
            List.of("autoprompt"),
            ConfigReader.PROBE,
            List.of("probe"),
            ConfigReader.FINE_TUNING,
            List.of(ConfigReader.FINE_TUNING));
    own.forEach(
        (other, keys) -> {
          for (String key : keys) {
            if (!other.equals(method) && root.has(key)) {
              throw root.problem(
                  key, "'%s' belongs to the method %s, not to %s.".formatted(key, other, method));
            }
          }
        });
    for (String other : GradientFreeConfig.names()) {
      if (!other.equals(method) && root.has(other)) {
        throw root.problem(
            other, "'%s' belongs to the method %s, not to %s.".formatted(other, other, method));
      }
    }
    boolean discrete = DiscreteConfig.names().contains(method);
    if (root.has(DiscreteConfig.KEY) && !discrete) {
      throw root.problem(
          DiscreteConfig.KEY,
          "'%s' belongs to the methods %s, not to %s."
              .formatted(DiscreteConfig.KEY, String.join(", ", DiscreteConfig.names()), method));
    }
    boolean soft = SoftMethod.names().contains(method);
    if (root.has(SoftMethod.KEY) && !soft) {
      throw root.problem(
          SoftMethod.KEY,
          "'%s' belongs to the methods %s, not to %s."
              .formatted(SoftMethod.KEY, String.join(", ", SoftMethod.names()), method));
    }
    if ((discrete || soft || GradientFreeConfig.names().contains(method))
        && root.has(FactsReader.KEY)) {
      throw root.problem(
          FactsReader.KEY,
          "facts are searched for by autoprompt alone, not by %s.".formatted(method));
    }
    if (method.equals(ConfigReader.PROBE) || method.equals(ConfigReader.FINE_TUNING)) {
      for (String key : List.of("budget", "stop")) {
        if (root.has(key)) {
          throw root.problem(
              key, "'%s' belongs to searches; %s has epochs.".formatted(key, method));
        }
      }
    }
    if (method.equals(ConfigReader.PROBE)) {
      for (String key : List.of("label_search", FactsReader.KEY)) {
        if (root.has(key)) {
          throw root.problem(
              key,
              "a linear probe learns the labels of the data and has no use for '%s'; leave it out."
                  .formatted(key));
        }
      }
    }
  }

  static AutoPromptConfig autoPrompt(Section root, boolean facts) {
    AutoPromptConfig defaults = AutoPromptConfig.defaults();
    Section section =
        root.section(
            "autoprompt",
            "candidates",
            "positions",
            "gradient_examples",
            "evaluation_examples",
            "filter",
            "start",
            "prune",
            "halving",
            "objective",
            "replace_masks",
            "reference");
    String objective =
        section.choice(
            "objective",
            facts ? "likelihood" : "accuracy",
            List.of("accuracy", "label_likelihood", "likelihood"));
    if (facts && !objective.equals("likelihood")) {
      throw section.problem(
          "objective",
          "the objective '%s' compares a few labels; with facts it is likelihood."
              .formatted(objective));
    }
    boolean all = section.choice("positions", "one", List.of("one", "all")).equals("all");
    return root.reading(
        "autoprompt",
        () ->
            new AutoPromptConfig(
                section.wholeNumber("candidates", defaults.candidates()),
                all ? Positions.ALL : Positions.ONE,
                section.wholeNumber("gradient_examples", defaults.gradientExamples()),
                section.wholeNumber("evaluation_examples", defaults.evaluationExamples()),
                rules(section, defaults.filter()),
                start(section),
                section.flag("prune", defaults.prunes()),
                section.wholeNumber("halving", defaults.halving()),
                AutoPromptConfig.Objective.valueOf(objective.toUpperCase(Locale.ROOT)),
                section.flag("replace_masks", false),
                reference(section)));
  }

  private static Start start(Section section) {
    Optional<JsonNode> start = section.get("start");
    if (start.isPresent() && start.get().isArray()) {
      return new Start.Tokens(section.texts("start").orElseThrow());
    }
    return section.choice("start", "masks", List.of("masks", "random")).equals("masks")
        ? new Start.Masks()
        : new Start.RandomTokens();
  }

  private static Optional<AutoPromptConfig.Reference> reference(Section section) {
    if (!section.has("reference")) {
      return Optional.empty();
    }
    AutoPromptConfig.Reference defaults = AutoPromptConfig.Reference.defaults();
    Section own =
        section.section("reference", "batch_size", "evaluation_batch_size", "accumulation_steps");
    return Optional.of(
        new AutoPromptConfig.Reference(
            own.positive("batch_size", defaults.batchSize()),
            own.positive("evaluation_batch_size", defaults.evaluationBatchSize()),
            own.positive("accumulation_steps", defaults.accumulationSteps())));
  }

  static LinearProbe.Config probe(Section root) {
    LinearProbe.Config defaults = LinearProbe.Config.defaults();
    Section section =
        root.section("probe", "pooling", "epochs", "batch_size", "learning_rate", "weight_decay");
    boolean mean = section.choice("pooling", "mean", List.of("mean", "prediction")).equals("mean");
    return new LinearProbe.Config(
        mean ? LinearProbe.Pooling.MEAN : LinearProbe.Pooling.PREDICTION,
        section.positive("epochs", defaults.epochs()),
        section.positive("batch_size", defaults.batchSize()),
        rate(section, "learning_rate", defaults.learningRate()),
        share(section, "weight_decay", defaults.weightDecay()));
  }

  static FineTuning.Config fineTuning(Section root) {
    FineTuning.Config defaults = FineTuning.Config.defaults();
    Section section =
        root.section(
            ConfigReader.FINE_TUNING,
            "epochs",
            "batch_size",
            "learning_rate",
            "weight_decay",
            "dropout");
    return new FineTuning.Config(
        section.positive("epochs", defaults.epochs()),
        section.positive("batch_size", defaults.batchSize()),
        rate(section, "learning_rate", defaults.learningRate()),
        share(section, "weight_decay", defaults.weightDecay()),
        share(section, "dropout", defaults.dropout()));
  }

  static Optional<LabelTokenSearch.Config> labelSearch(Section root) {
    if (!root.has("label_search")) {
      return Optional.empty();
    }
    LabelTokenSearch.Config defaults = LabelTokenSearch.Config.defaults();
    Section section =
        root.section(
            "label_search", "tokens_per_label", "epochs", "batch_size", "learning_rate", "filter");
    double rate = rate(section, "learning_rate", defaults.learningRate());
    return Optional.of(
        new LabelTokenSearch.Config(
            section.positive("tokens_per_label", defaults.tokensPerLabel()),
            section.positive("epochs", defaults.epochs()),
            section.positive("batch_size", defaults.batchSize()),
            rate,
            rules(section, defaults.filter())));
  }

  static Set<TokenFilter.Rule> rules(Section section, Set<TokenFilter.Rule> otherwise) {
    Optional<List<String>> names = section.texts("filter");
    if (names.isEmpty()) {
      return otherwise;
    }
    List<String> known =
        Arrays.stream(TokenFilter.Rule.values())
            .map(rule -> rule.name().toLowerCase(Locale.ROOT))
            .toList();
    Set<TokenFilter.Rule> rules = EnumSet.noneOf(TokenFilter.Rule.class);
    for (String name : names.get()) {
      if (!known.contains(name)) {
        throw section.problem(
            "filter", "there is no filter '%s'%s".formatted(name, Nearest.hint(name, known)));
      }
      rules.add(TokenFilter.Rule.valueOf(name.toUpperCase(Locale.ROOT)));
    }
    return rules;
  }

  private static double rate(Section section, String key, double otherwise) {
    double rate = section.number(key).orElse(otherwise);
    if (!(rate > 0)) {
      throw section.problem(key, "'%s' must be above 0.".formatted(section.at(key)));
    }
    return rate;
  }

  private static double share(Section section, String key, double otherwise) {
    double share = section.number(key).orElse(otherwise);
    if (!(share >= 0 && share < 1)) {
      throw section.problem(key, "'%s' must be at least 0 and below 1.".formatted(section.at(key)));
    }
    return share;
  }
}
