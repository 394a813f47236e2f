package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.optimizer.Ape;
import io.promptgrad.llm.optimizer.ApeConfig;
import io.promptgrad.llm.optimizer.AutomatedPromptGenerator;
import io.promptgrad.llm.optimizer.Capo;
import io.promptgrad.llm.optimizer.CapoConfig;
import io.promptgrad.llm.optimizer.EvoPrompt;
import io.promptgrad.llm.optimizer.EvoPromptConfig;
import io.promptgrad.llm.optimizer.Gepa;
import io.promptgrad.llm.optimizer.GepaConfig;
import io.promptgrad.llm.optimizer.Grips;
import io.promptgrad.llm.optimizer.GripsConfig;
import io.promptgrad.llm.optimizer.Opro;
import io.promptgrad.llm.optimizer.OproConfig;
import io.promptgrad.llm.optimizer.ProTeGi;
import io.promptgrad.llm.optimizer.ProTeGiConfig;
import io.promptgrad.llm.optimizer.PromptAgent;
import io.promptgrad.llm.optimizer.PromptAgentConfig;
import io.promptgrad.llm.optimizer.PromptBreeder;
import io.promptgrad.llm.optimizer.PromptBreederConfig;
import io.promptgrad.llm.optimizer.PromptGeneratorConfig;
import io.promptgrad.llm.optimizer.PromptProblem;
import io.promptgrad.llm.optimizer.SelfRefining;
import io.promptgrad.llm.optimizer.SelfRefiningConfig;
import io.promptgrad.llm.optimizer.TextGrad;
import io.promptgrad.llm.optimizer.TextGradConfig;
import io.promptgrad.llm.optimizer.TextProgram;
import io.promptgrad.search.Search;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * The searches of {@link io.promptgrad.llm.optimizer} by name, each with its record of settings:
 * the section {@code optimizer} of a configuration, as {@link RecordKeys} spells it. What a setting
 * means is in the record's Javadoc.
 */
public final class InstructionMethods {

  /** Key of the section. */
  static final String KEY = "optimizer";

  private static final Map<String, Method<?>> METHODS = methods();

  private InstructionMethods() {}

  private record Method<C extends Record>(
      RecordKeys<C> settings, BiFunction<PromptProblem, C, Search> search) {

    Function<PromptProblem, Search> with(ObjectNode options) {
      C config = settings.make(options);
      return problem -> search.apply(problem, config);
    }
  }

  private static Map<String, Method<?>> methods() {
    Map<String, Method<?>> methods = new LinkedHashMap<>();
    ApeConfig.Bandit off = new ApeConfig.Bandit(0, 50, 50, 1); // the original's, but for the rounds
    methods.put("ape", method(ApeConfig.defaults().withBandit(off), Ape::new));
    methods.put("opro", method(OproConfig.defaults(), Opro::new));
    methods.put("evoprompt-ga", evoPrompt(EvoPromptConfig.Variant.GA));
    methods.put("evoprompt-de", evoPrompt(EvoPromptConfig.Variant.DE));
    methods.put("grips", method(GripsConfig.defaults(), Grips::new));
    methods.put("protegi", method(ProTeGiConfig.defaults(), ProTeGi::new));
    methods.put(
        "textgrad",
        new Method<>(
            RecordKeys.of(TextGradSettings.DEFAULTS).inline("config", "descent"),
            (problem, own) -> new TextGrad(problem, own.sampling(), own.config())));
    methods.put(
        "gepa",
        new Method<>(
            RecordKeys.of(GepaSettings.DEFAULTS).inline("config"),
            (problem, own) -> own.search(problem)));
    methods.put("capo", method(CapoConfig.defaults(), Capo::new));
    methods.put("promptagent", method(PromptAgentConfig.defaults(), PromptAgent::new));
    String anything = "Answer the inputs of the task as the examples do.";
    methods.put(
        "promptbreeder", method(PromptBreederConfig.defaults(anything), PromptBreeder::new));
    methods.put(
        "prompt-generator",
        method(PromptGeneratorConfig.defaults(), AutomatedPromptGenerator::new));
    methods.put("self-refining", method(SelfRefiningConfig.defaults(), SelfRefining::new));
    return methods;
  }

  private static <C extends Record> Method<C> method(
      C defaults, BiFunction<PromptProblem, C, Search> search) {
    return new Method<>(RecordKeys.of(defaults), search);
  }

  private static Method<EvoPromptConfig> evoPrompt(EvoPromptConfig.Variant variant) {
    EvoPromptConfig defaults = EvoPromptConfig.defaults(variant);
    return new Method<>(RecordKeys.of(defaults).without("variant"), EvoPrompt::new);
  }

  /** TextGrad takes the proposer's sampling beside its settings. */
  record TextGradSettings(Sampling sampling, TextGradConfig config) {

    static final TextGradSettings DEFAULTS =
        new TextGradSettings(Sampling.of(0, 2000).withTopP(0.99), TextGradConfig.defaults());
  }

  /**
   * GEPA's settings.
   *
   * @param components what is written anew at a time, and joined by merges
   */
  record GepaSettings(Components components, GepaConfig config) {

    static final GepaSettings DEFAULTS = new GepaSettings(Components.WHOLE, GepaConfig.defaults());

    enum Components {
      WHOLE,
      PARAGRAPHS
    }

    GepaSettings {
      if (components == Components.WHOLE && config.merges() > 0) {
        throw new InvalidInputException(
            "GEPA's merges join what two candidates changed in different components; set components: paragraphs, or merges: 0.");
      }
    }

    Search search(PromptProblem problem) {
      return components == Components.WHOLE
          ? new Gepa(problem, config)
          : new Gepa(
              problem,
              TextProgram.instruction(problem),
              TextProgram.paragraphs(problem.seeds().get(0).instruction()),
              config);
    }
  }

  /** Returns the names. */
  public static Set<String> names() {
    return METHODS.keySet();
  }

  /**
   * Reads the settings of a method, every one of them with its value.
   *
   * @throws InvalidInputException naming what is unknown or out of range
   */
  static ObjectNode read(Section root, String method) {
    ObjectNode options = METHODS.get(method).settings().read(root, KEY);
    root.reading(KEY, () -> search(method, options)); // checks the ranges
    return options;
  }

  /** Returns how a search with these settings is made. */
  public static Function<PromptProblem, Search> search(String method, ObjectNode options) {
    return METHODS.get(method).with(options);
  }
}
