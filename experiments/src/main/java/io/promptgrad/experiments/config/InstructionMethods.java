package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
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
import io.promptgrad.llm.textgrad.TextualGradientDescent;
import io.promptgrad.search.Search;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Function;

/**
 * The searches of {@link io.promptgrad.llm.optimizer} by name, each with its settings and what they
 * are by default: the section {@code optimizer} of a configuration. Names of settings are those of
 * the configuration records, whose Javadoc explains them; all have {@code temperature}, {@code
 * top_p}, {@code max_tokens} and {@code seeded}, whether a seed is sent with each draw.
 */
public final class InstructionMethods {

  /** Key of the section. */
  static final String KEY = "optimizer";

  private static final Map<String, Method> METHODS = methods();

  private InstructionMethods() {}

  /**
   * A method.
   *
   * @param defaults whole numbers, numbers, flags, texts, words of an enum, lists of texts, sets of
   *     an enum's words
   * @param make checks the settings and returns how a search is made
   */
  private record Method(
      Map<String, Object> defaults, Function<Options, Function<PromptProblem, Search>> make) {}

  /** Returns the names. */
  public static Set<String> names() {
    return METHODS.keySet();
  }

  // ------------------------------------------------------------------ the methods

  private static Map<String, Method> methods() {
    Map<String, Method> methods = new LinkedHashMap<>();
    ApeConfig ape = ApeConfig.defaults();
    methods.put(
        "ape",
        new Method(
            sampling(ape.sampling())
                .with("mode", ape.mode())
                .with("subsamples", ape.subsamples())
                .with("demonstrations", ape.demonstrations())
                .with("samples", ape.samples())
                .with("evaluation", ape.evaluation())
                .with("keep", ape.keep())
                .with("resamples", ape.resamples())
                .with("bandit_rounds", 0)
                .with("bandit_prompts", 50)
                .with("bandit_examples", 50)
                .with("bandit_c", 1.0)
                .with("reference", ape.reference()),
            o -> {
              ApeConfig config =
                  new ApeConfig(
                      o.word(ApeConfig.Mode.class, "mode"),
                      o.whole("subsamples"),
                      o.whole("demonstrations"),
                      o.whole("samples"),
                      o.sampling(),
                      o.whole("evaluation"),
                      o.number("keep"),
                      o.whole("resamples"),
                      new ApeConfig.Bandit(
                          o.whole("bandit_rounds"),
                          o.whole("bandit_prompts"),
                          o.whole("bandit_examples"),
                          o.number("bandit_c")),
                      o.flag("reference"));
              return problem -> new Ape(problem, config);
            }));
    OproConfig opro = OproConfig.defaults();
    methods.put(
        "opro",
        new Method(
            sampling(opro.sampling())
                .with("train_examples", opro.trainExamples())
                .with("samples", opro.samples())
                .with("trajectory", opro.trajectory())
                .with("threshold", opro.threshold())
                .with("bucketed", opro.bucketed())
                .with("exemplars", opro.exemplars())
                .with("strategy", opro.strategy())
                .with("form", opro.form())
                .with("exemplars_first", opro.exemplarsFirst())
                .with("tag", opro.tag())
                .with("longest", opro.longest())
                .with("digits", opro.digits())
                .with("reference", opro.reference()),
            o -> {
              OproConfig config =
                  new OproConfig(
                      o.whole("train_examples"),
                      o.whole("samples"),
                      o.sampling(),
                      o.whole("trajectory"),
                      o.number("threshold"),
                      o.flag("bucketed"),
                      o.whole("exemplars"),
                      o.word(OproConfig.Strategy.class, "strategy"),
                      o.word(OproConfig.Form.class, "form"),
                      o.flag("exemplars_first"),
                      o.text("tag"),
                      o.whole("longest"),
                      o.flag("digits"),
                      o.flag("reference"));
              return problem -> new Opro(problem, config);
            }));
    for (EvoPromptConfig.Variant variant : EvoPromptConfig.Variant.values()) {
      EvoPromptConfig evoPrompt = EvoPromptConfig.defaults(variant);
      methods.put(
          "evoprompt-" + word(variant),
          new Method(
              sampling(evoPrompt.sampling())
                  .with("population", evoPrompt.population())
                  .with("train_examples", evoPrompt.trainExamples())
                  .with("selection", evoPrompt.selection())
                  .with("reference", evoPrompt.reference()),
              o -> {
                EvoPromptConfig config =
                    new EvoPromptConfig(
                        variant,
                        o.whole("population"),
                        o.whole("train_examples"),
                        o.sampling(),
                        o.word(EvoPromptConfig.Parents.class, "selection"),
                        o.flag("reference"));
                return problem -> new EvoPrompt(problem, config);
              }));
    }
    GripsConfig grips = GripsConfig.defaults();
    methods.put(
        "grips",
        new Method(
            sampling(grips.sampling())
                .with("level", grips.level())
                .with("edits", EnumSet.copyOf(grips.edits()))
                .with("candidates", grips.candidates())
                .with("composed", grips.composed())
                .with("train_examples", grips.trainExamples())
                .with("entropy_weight", grips.entropyWeight())
                .with("annealing", grips.annealing()),
            o -> {
              GripsConfig config =
                  new GripsConfig(
                      o.word(GripsConfig.Level.class, "level"),
                      o.words(GripsConfig.Edit.class, "edits"),
                      o.whole("candidates"),
                      o.whole("composed"),
                      o.whole("train_examples"),
                      o.number("entropy_weight"),
                      o.flag("annealing"),
                      o.sampling());
              return problem -> new Grips(problem, config);
            }));
    ProTeGiConfig protegi = ProTeGiConfig.defaults();
    methods.put(
        "protegi",
        new Method(
            sampling(protegi.sampling())
                .with("beam", protegi.beam())
                .with("minibatch", protegi.minibatch())
                .with("gradients", protegi.gradients())
                .with("errors", protegi.errors())
                .with("paraphrases", protegi.paraphrases())
                .with("expansion", protegi.expansion())
                .with("reject_on_errors", protegi.rejectOnErrors())
                .with("selector", protegi.selector())
                .with("evaluations", protegi.evaluations())
                .with("examples", protegi.examples())
                .with("prompts", protegi.prompts())
                .with("c", protegi.c())
                .with("reference", protegi.reference()),
            o -> {
              ProTeGiConfig config =
                  new ProTeGiConfig(
                      o.whole("beam"),
                      o.whole("minibatch"),
                      o.whole("gradients"),
                      o.whole("errors"),
                      o.whole("paraphrases"),
                      o.whole("expansion"),
                      o.flag("reject_on_errors"),
                      o.word(ProTeGiConfig.Selector.class, "selector"),
                      o.whole("evaluations"),
                      o.whole("examples"),
                      o.whole("prompts"),
                      o.number("c"),
                      o.sampling(),
                      o.flag("reference"));
              return problem -> new ProTeGi(problem, config);
            }));
    TextGradConfig textGrad = TextGradConfig.defaults();
    methods.put(
        "textgrad",
        new Method(
            sampling(Sampling.of(0, 2000).withTopP(0.99))
                .with("batch", textGrad.batch())
                .with("momentum", textGrad.momentum())
                .with("constraints", List.<String>of())
                .with("examples", List.<String>of())
                .with("shortened", textGrad.descent().shortened())
                .with("revert", textGrad.revert())
                .with("skip_right", textGrad.skipRight())
                .with("attempts", textGrad.attempts()),
            o -> {
              TextGradConfig config =
                  new TextGradConfig(
                      o.whole("batch"),
                      o.whole("momentum"),
                      new TextualGradientDescent(
                          o.texts("constraints"), o.texts("examples"), o.flag("shortened")),
                      o.flag("revert"),
                      o.flag("skip_right"),
                      o.whole("attempts"));
              Sampling sampling = o.sampling();
              return problem -> new TextGrad(problem, sampling, config);
            }));
    GepaConfig gepa = GepaConfig.defaults();
    methods.put(
        "gepa", // merges and the choice of components need a program of several prompts
        new Method(
            sampling(gepa.sampling())
                .with("minibatch", gepa.minibatch())
                .with("perfect", gepa.perfect())
                .with("parents", gepa.parents())
                .with("epsilon", gepa.epsilon())
                .with("top_k", gepa.topK())
                .with("remembered", gepa.remembered())
                .with("copied", gepa.copied())
                .with("reference", gepa.reference()),
            o -> {
              GepaConfig config =
                  new GepaConfig(
                      o.whole("minibatch"),
                      o.number("perfect"),
                      o.word(GepaConfig.Parents.class, "parents"),
                      o.number("epsilon"),
                      o.whole("top_k"),
                      false,
                      0,
                      o.sampling(),
                      o.whole("remembered"),
                      o.whole("copied"),
                      o.flag("reference"));
              return problem -> new Gepa(problem, config);
            }));
    CapoConfig capo = CapoConfig.defaults();
    methods.put(
        "capo",
        new Method(
            sampling(capo.sampling())
                .with("population", capo.population())
                .with("crossovers", capo.crossovers())
                .with("most_shots", capo.mostShots())
                .with("block", capo.block())
                .with("most_blocks", capo.mostBlocks())
                .with("alpha", capo.alpha())
                .with("length_penalty", capo.lengthPenalty()),
            o -> {
              CapoConfig config =
                  new CapoConfig(
                      o.whole("population"),
                      o.whole("crossovers"),
                      o.whole("most_shots"),
                      o.whole("block"),
                      o.whole("most_blocks"),
                      o.number("alpha"),
                      o.number("length_penalty"),
                      o.sampling());
              return problem -> new Capo(problem, config);
            }));
    PromptAgentConfig promptAgent = PromptAgentConfig.defaults();
    methods.put(
        "promptagent",
        new Method(
            sampling(promptAgent.sampling())
                .with("width", promptAgent.width())
                .with("depth", promptAgent.depth())
                .with("minibatch", promptAgent.minibatch())
                .with("reward_examples", promptAgent.rewardExamples())
                .with("exploration", promptAgent.exploration()),
            o -> {
              PromptAgentConfig config =
                  new PromptAgentConfig(
                      o.whole("width"),
                      o.whole("depth"),
                      o.whole("minibatch"),
                      o.whole("reward_examples"),
                      o.number("exploration"),
                      o.sampling());
              return problem -> new PromptAgent(problem, config);
            }));
    PromptBreederConfig breeder =
        PromptBreederConfig.defaults("Answer the inputs of the task as the examples do.");
    methods.put(
        "promptbreeder",
        new Method(
            sampling(breeder.sampling())
                .with("description", breeder.description())
                .with("population", breeder.population())
                .with("examples", breeder.examples())
                .with("context", breeder.context())
                .with("similar", breeder.similar())
                .with("crossover", breeder.crossover())
                .with("mutation_prompts", breeder.mutationPrompts())
                .with("thinking_styles", breeder.thinkingStyles()),
            o -> {
              PromptBreederConfig config =
                  new PromptBreederConfig(
                      o.text("description"),
                      o.whole("population"),
                      o.whole("examples"),
                      o.whole("context"),
                      o.number("similar"),
                      o.number("crossover"),
                      o.sampling(),
                      o.texts("mutation_prompts"),
                      o.texts("thinking_styles"));
              return problem -> new PromptBreeder(problem, config);
            }));
    PromptGeneratorConfig generator = PromptGeneratorConfig.defaults();
    methods.put(
        "prompt-generator",
        new Method(
            sampling(generator.sampling())
                .with("strategy", generator.strategy())
                .with("rows", generator.rows())
                .with("train_examples", generator.trainExamples())
                .with("history", generator.history())
                .with("reference", generator.reference()),
            o -> {
              PromptGeneratorConfig config =
                  new PromptGeneratorConfig(
                      o.word(PromptGeneratorConfig.Strategy.class, "strategy"),
                      o.whole("rows"),
                      o.whole("train_examples"),
                      o.whole("history"),
                      o.sampling(),
                      o.flag("reference"));
              return problem -> new AutomatedPromptGenerator(problem, config);
            }));
    SelfRefiningConfig refining = SelfRefiningConfig.defaults();
    methods.put(
        "self-refining",
        new Method(
            sampling(refining.sampling())
                .with("population", refining.population())
                .with("children", refining.children())
                .with("train_examples", refining.trainExamples())
                .with("uses", refining.uses())
                .with("meta_prompts", refining.metaPrompts()),
            o -> {
              SelfRefiningConfig config =
                  new SelfRefiningConfig(
                      o.whole("population"),
                      o.whole("children"),
                      o.whole("train_examples"),
                      o.whole("uses"),
                      o.texts("meta_prompts"),
                      o.sampling());
              return problem -> new SelfRefining(problem, config);
            }));
    return methods;
  }

  /** Defaults in the order in which they are written. */
  private static final class Defaults extends LinkedHashMap<String, Object> {
    private static final long serialVersionUID = 1L;

    Defaults with(String key, Object value) {
      put(key, value);
      return this;
    }
  }

  private static Defaults sampling(Sampling sampling) {
    return new Defaults()
        .with("temperature", sampling.temperature().orElse(1))
        .with("top_p", sampling.topP().orElse(1))
        .with("max_tokens", sampling.maxTokens().orElseThrow())
        .with("seeded", true);
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  // ------------------------------------------------------------------ reading

  /**
   * Reads the settings of a method, every one of them with its value.
   *
   * @throws io.promptgrad.input.InvalidInputException naming what is unknown or out of range
   */
  static ObjectNode read(Section root, String method) {
    Map<String, Object> defaults = METHODS.get(method).defaults();
    Section section = root.section(KEY, defaults.keySet().toArray(String[]::new));
    ObjectNode options = Json.object();
    defaults.forEach((key, otherwise) -> read(section, key, otherwise, options));
    root.reading(KEY, () -> search(method, options)); // checks the ranges
    return options;
  }

  private static void read(Section section, String key, Object otherwise, ObjectNode into) {
    if (otherwise instanceof Integer number) {
      into.put(key, section.wholeNumber(key, number));
    } else if (otherwise instanceof Double number) {
      into.put(key, section.number(key).orElse(number));
    } else if (otherwise instanceof Boolean flag) {
      into.put(key, section.flag(key, flag));
    } else if (otherwise instanceof Enum<?> value) {
      into.put(key, section.choice(key, word(value), words(value.getDeclaringClass())));
    } else if (otherwise instanceof EnumSet<?> values) {
      List<String> known = words(values.iterator().next().getDeclaringClass());
      List<String> given =
          section
              .texts(key)
              .orElse(values.stream().map(InstructionMethods::word).sorted().toList());
      ArrayNode list = into.putArray(key);
      for (String one : given) {
        if (!known.contains(one)) {
          throw section.problem(
              key, "'%s' has '%s'%s".formatted(section.at(key), one, Nearest.hint(one, known)));
        }
        list.add(one);
      }
    } else if (otherwise instanceof List<?> texts) {
      ArrayNode list = into.putArray(key);
      section
          .texts(key)
          .ifPresentOrElse(
              given -> given.forEach(list::add), () -> texts.forEach(t -> list.add((String) t)));
    } else {
      into.put(key, section.text(key).orElse((String) otherwise));
    }
  }

  private static List<String> words(Class<?> type) {
    return Arrays.stream(type.getEnumConstants()).map(value -> word((Enum<?>) value)).toList();
  }

  /** Returns how a search with these settings is made. */
  public static Function<PromptProblem, Search> search(String method, ObjectNode options) {
    return METHODS.get(method).make().apply(new Options(options));
  }

  /** Settings, all of them there. */
  private record Options(ObjectNode json) {

    int whole(String key) {
      return json.path(key).asInt();
    }

    double number(String key) {
      return json.path(key).asDouble();
    }

    boolean flag(String key) {
      return json.path(key).asBoolean();
    }

    String text(String key) {
      return json.path(key).asText();
    }

    List<String> texts(String key) {
      List<String> texts = new ArrayList<>();
      for (JsonNode text : json.path(key)) {
        texts.add(text.asText());
      }
      return texts;
    }

    <E extends Enum<E>> E word(Class<E> type, String key) {
      return Enum.valueOf(type, text(key).toUpperCase(Locale.ROOT));
    }

    <E extends Enum<E>> Set<E> words(Class<E> type, String key) {
      Set<E> values = EnumSet.noneOf(type);
      texts(key).forEach(text -> values.add(Enum.valueOf(type, text.toUpperCase(Locale.ROOT))));
      return values;
    }

    Sampling sampling() {
      Sampling sampling =
          Sampling.of(number("temperature"), whole("max_tokens"))
              .withTemperature(OptionalDouble.of(number("temperature")));
      sampling = number("top_p") == 1 ? sampling : sampling.withTopP(number("top_p"));
      // The run's seed is part of each draw's name, from which the wire's seed is made.
      return flag("seeded") ? sampling.withSeed(0) : sampling;
    }
  }
}
