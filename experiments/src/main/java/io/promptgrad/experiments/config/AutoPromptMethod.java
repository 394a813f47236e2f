package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.AutoPromptConfig;
import io.promptgrad.gradient.discrete.AutoPromptConfig.Positions;
import io.promptgrad.gradient.discrete.AutoPromptConfig.Start;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * AutoPrompt: the section {@code autoprompt}, with the names of {@link AutoPromptConfig}.
 *
 * @param config its settings
 * @param from a run or a PEFT folder whose trigger, or the tokens nearest to whose vectors, are the
 *     start instead of the settings' own
 */
public record AutoPromptMethod(AutoPromptConfig config, Optional<Path> from)
    implements MethodSettings {

  /** Name of the method, and key of its section. */
  static final String NAME = "autoprompt";

  private static final String FROM = "from";

  /**
   * @param facts whether answers are words, of any number
   */
  static AutoPromptMethod read(Section root, boolean facts, ConfigPaths.Base paths) {
    AutoPromptConfig defaults = AutoPromptConfig.defaults();
    Section section =
        root.section(
            NAME,
            "candidates",
            "positions",
            "gradient_examples",
            "evaluation_examples",
            FilterRules.KEY,
            "start",
            FROM,
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
    Optional<Path> from =
        section
            .text(FROM)
            .filter(path -> !path.isEmpty())
            .map(path -> ConfigPaths.file(section, FROM, path, paths));
    if (from.isPresent() && section.has("start")) {
      throw section.problem(
          "start",
          "the search begins where '%s' says; leave 'start' out.".formatted(section.at(FROM)));
    }
    boolean all = section.choice("positions", "one", List.of("one", "all")).equals("all");
    return root.reading(
        NAME,
        () ->
            new AutoPromptMethod(
                new AutoPromptConfig(
                    section.wholeNumber("candidates", defaults.candidates()),
                    all ? Positions.ALL : Positions.ONE,
                    section.wholeNumber("gradient_examples", defaults.gradientExamples()),
                    section.wholeNumber("evaluation_examples", defaults.evaluationExamples()),
                    FilterRules.read(section, defaults.filter()),
                    start(section),
                    section.flag("prune", defaults.prunes()),
                    section.wholeNumber("halving", defaults.halving()),
                    AutoPromptConfig.Objective.valueOf(objective.toUpperCase(Locale.ROOT)),
                    section.flag("replace_masks", false),
                    reference(section)),
                from));
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

  @Override
  public String method() {
    return NAME;
  }

  @Override
  public ObjectNode options() {
    ObjectNode node = Json.object();
    node.put("candidates", config.candidates())
        .put("positions", config.positions().name().toLowerCase(Locale.ROOT))
        .put("gradient_examples", config.gradientExamples())
        .put("evaluation_examples", config.evaluationExamples());
    node.set(FilterRules.KEY, FilterRules.toJson(config.filter()));
    if (from.isPresent()) {
      node.put(FROM, from.get().toString());
    } else if (config.start() instanceof Start.Tokens given) {
      given.tokens().forEach(node.putArray("start")::add);
    } else {
      node.put("start", config.start() instanceof Start.Masks ? "masks" : "random");
    }
    node.put("prune", config.prunes()).put("halving", config.halving());
    node.put("objective", config.objective().name().toLowerCase(Locale.ROOT));
    node.put("replace_masks", config.replaceMasks());
    config
        .reference()
        .ifPresent(
            reference ->
                node.putObject("reference")
                    .put("batch_size", reference.batchSize())
                    .put("evaluation_batch_size", reference.evaluationBatchSize())
                    .put("accumulation_steps", reference.accumulationSteps()));
    return node;
  }
}
