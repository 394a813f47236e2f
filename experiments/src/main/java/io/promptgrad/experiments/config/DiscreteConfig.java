package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.config.ConfigPaths.Base;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.coordinate.AutoDan;
import io.promptgrad.gradient.coordinate.GcgConfig;
import io.promptgrad.gradient.coordinate.Retokenization;
import io.promptgrad.gradient.discrete.TokenFilter;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A method of discrete search other than AutoPrompt, and its settings: the section {@code search}
 * of a configuration.
 *
 * <p>Settings of every method: how steps sample ({@code evaluation_examples}, and {@code
 * gradient_examples} where those are others), what candidates are compared by ({@code objective}),
 * what may not be used ({@code filter}), the weight of the language model's opinion ({@code
 * fluency}), whether the task is to be broken instead of solved ({@code increase_loss}) and how
 * often dev is looked at ({@code dev_every}). The others are the method's own, by the names of its
 * papers.
 *
 * @param method its name
 * @param options every setting with its value
 */
public record DiscreteConfig(String method, ObjectNode options) implements MethodSettings {

  /** Key of the section. */
  static final String KEY = "search";

  private static final String FORBIDDEN = "forbidden";

  private static final Set<TokenFilter.Rule> TARGET_FILTER =
      EnumSet.of(TokenFilter.Rule.SPECIAL, TokenFilter.Rule.NON_ASCII);

  private static final List<String> OBJECTIVES = List.of("label_likelihood", "accuracy");

  /** Own settings of each method with what they are by default, on tasks with examples. */
  private static final Map<String, ObjectNode> METHODS = methods();

  /** The same for texts as targets. */
  private static final Map<String, ObjectNode> TARGET_METHODS = targetMethods();

  /** The names of the methods on tasks. */
  public static Set<String> names() {
    return METHODS.keySet();
  }

  /** The names of the methods for texts as targets. */
  public static Set<String> targetNames() {
    return TARGET_METHODS.keySet();
  }

  private static Map<String, ObjectNode> methods() {
    Map<String, ObjectNode> methods = new LinkedHashMap<>();
    methods.put("random", Json.object().put("width", 32));
    methods.put(
        "universal-triggers",
        Json.object().put("top_k", 8).put("beam", 1).put("evaluation_examples", 48));
    methods.put("gcg", gcg(GcgConfig.original()));
    methods.put("nanogcg", gcg(GcgConfig.nanogcg()));
    methods.put("gcg-fast", gcg(GcgConfig.fast()));
    methods.put("mac", gcg(GcgConfig.mac()));
    methods.put("i-gcg", gcg(GcgConfig.iGcg()));
    methods.put("faster-gcg", gcg(GcgConfig.fasterGcg()));
    methods.put("acg", gcg(GcgConfig.acg(8, 30).withStop(false)));
    methods.put("gcg++", gcg(GcgConfig.gcgPlusPlus()));
    methods.put("arca", Json.object().put("tokens", 16));
    methods.put(
        "pez",
        Json.object().put("learning_rate", 0.02).put("weight_decay", 0.0).put("dev_every", 3));
    methods.put(
        "gbda",
        Json.object()
            .put("samples", 4)
            .put("temperature", 1.0)
            .put("learning_rate", 0.3)
            .put("initial", 3.0)
            .put("hard", 4));
    methods.put(
        "fluent-prompt",
        Json.object()
            .put("eta", 4.0)
            .put("beta", 0.3)
            .put("last_beta", 0.01)
            .put("steps", 60)
            .put("dev_every", 3));
    return methods;
  }

  /** On tasks: every candidate costs a whole sample, and a step's sample is not the one before. */
  private static ObjectNode gcg(GcgConfig config) {
    return all(config
            .withWidth(32, 32)
            .withRetokenization(Retokenization.ANY)
            .withVisited(false)
            .withAcceptance(new GcgConfig.Acceptance.Always())
            .withStop(false)
            .withDevEvery(1))
        .without(List.of("stops_when_solved"));
  }

  private static ObjectNode all(GcgConfig config) {
    return Json.object()
        .put("width", config.width())
        .put("top_k", config.topK())
        .put("draw", name(config.draw()))
        .put("replacements", config.replacements())
        .put("last_replacements", config.lastReplacements())
        .put("schedule", config.schedule())
        .put("oversampling", config.oversampling())
        .put("retokenization", name(config.retokenization()))
        .put("bars_current", config.barsCurrent())
        .put("skips_visited", config.skipsVisited())
        .put("acceptance", "always")
        .put("anneal_steps", 100)
        .put("buffer", config.buffer())
        .put("momentum", config.momentum())
        .put("merge", config.merge())
        .put("distance", config.distance())
        .put("stops_when_solved", config.stopsWhenSolved())
        .put("dev_every", config.devEvery());
  }

  private static Map<String, ObjectNode> targetMethods() {
    Map<String, ObjectNode> methods = new LinkedHashMap<>();
    methods.put("random", Json.object().put("width", 512));
    methods.put("universal-triggers", Json.object().put("top_k", 40).put("beam", 1));
    methods.put("gcg", all(GcgConfig.original()));
    methods.put("nanogcg", all(GcgConfig.nanogcg()));
    methods.put("gcg-fast", all(GcgConfig.fast()));
    methods.put("mac", all(GcgConfig.mac()));
    methods.put("i-gcg", all(GcgConfig.iGcg()));
    methods.put("faster-gcg", all(GcgConfig.fasterGcg()));
    methods.put("acg", all(GcgConfig.acg(20, 100)));
    methods.put("gcg++", all(GcgConfig.gcgPlusPlus()));
    methods.put("arca", Json.object().put("tokens", 32));
    methods.put("pez", Json.object().put("learning_rate", 0.1).put("weight_decay", 0.1));
    methods.put(
        "gbda",
        Json.object()
            .put("samples", 10)
            .put("temperature", 1.0)
            .put("learning_rate", 0.3)
            .put("initial", 15.0)
            .put("hard", 4));
    methods.put(
        "fluent-prompt",
        Json.object().put("eta", 4.0).put("beta", 0.3).put("last_beta", 0.01).put("steps", 500));
    AutoDan.Config autodan = AutoDan.Config.defaults();
    methods.put(
        "autodan",
        Json.object()
            .put("top_k", autodan.topK())
            .put("preselection", autodan.preselection())
            .put("selection", autodan.selection())
            .put("temperature", autodan.temperature())
            .put("passes", autodan.passes()));
    return methods;
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static ObjectNode defaults(String method) {
    ObjectNode all =
        Json.object()
            .put("objective", "label_likelihood")
            .put("gradient_examples", 64)
            .put("evaluation_examples", 64)
            .put("fluency", 0.0)
            .put("increase_loss", false)
            .put("from", "")
            .put("dev_every", 1);
    if (method.equals("random") || method.equals("universal-triggers")) {
      all.remove("gradient_examples"); // no gradients; or those of the examples that judge
    }
    all.setAll(METHODS.get(method).deepCopy());
    return all;
  }

  static ObjectNode targetDefaults(String method) {
    ObjectNode all = Json.object().put("fluency", 0.0).put("dev_every", 5);
    if (method.equals("autodan")) {
      all.remove("fluency"); // preselection and selection weigh it
    }
    all.setAll(TARGET_METHODS.get(method).deepCopy());
    return all;
  }

  @Override
  public String section() {
    return KEY;
  }

  /** Reads the section for one of {@link #names}. */
  static DiscreteConfig read(Section root, String method, Base paths) {
    return read(root, method, defaults(method), TokenFilter.AUTOPROMPT, paths);
  }

  /** A method with its defaults for texts as targets. */
  public static DiscreteConfig forTargets(String method) {
    return new DiscreteConfig(method, targetDefaults(method));
  }

  /** The same with another value of an option that it has. */
  public DiscreteConfig with(String option, Number value) {
    ObjectNode changed = options.deepCopy();
    if (changed.has(option)) {
      changed.set(option, Json.tree(value));
    }
    return new DiscreteConfig(method, changed);
  }

  /** Reads the section for texts as targets. */
  static DiscreteConfig readForTargets(Section root, String method, Base paths) {
    return read(root, method, targetDefaults(method), TARGET_FILTER, paths);
  }

  private static DiscreteConfig read(
      Section root, String method, ObjectNode options, Set<TokenFilter.Rule> filter, Base paths) {
    String[] keys =
        Stream.concat(
                options.properties().stream().map(Map.Entry::getKey),
                Stream.of(FilterRules.KEY, FORBIDDEN))
            .toArray(String[]::new);
    Section section = root.section(KEY, keys);
    for (Map.Entry<String, JsonNode> option : options.properties()) {
      String key = option.getKey();
      JsonNode otherwise = option.getValue();
      if (!section.has(key) || section.overrides(options, key)) {
        continue;
      }
      if (key.equals("from")) {
        String path = section.text(key).orElseThrow();
        options.put(
            key, path.isEmpty() ? "" : ConfigPaths.file(section, key, path, paths).toString());
      } else {
        options.put(key, section.choice(key, otherwise.asText(), choices(key)));
      }
    }
    options.set(FilterRules.KEY, FilterRules.toJson(FilterRules.read(section, filter)));
    ArrayNode forbidden = options.putArray(FORBIDDEN);
    section.texts(FORBIDDEN).orElse(List.of()).forEach(forbidden::add);
    DiscreteConfig config = new DiscreteConfig(method, options);
    if (config.isGcg()) {
      root.reading(KEY, config::gcg); // checks the ranges
    }
    return config;
  }

  private static List<String> choices(String key) {
    return switch (key) {
      case "objective" -> OBJECTIVES;
      case "draw" -> List.of("evenly_spaced", "random", "ranked");
      case "retokenization" -> List.of("any", "same_length", "same_ids");
      case "acceptance" -> List.of("always", "if_better", "annealed");
      default -> throw new IllegalArgumentException(key);
    };
  }

  /** A whole number. */
  public int number(String key) {
    return options.path(key).asInt();
  }

  /** A number. */
  public double real(String key) {
    return options.path(key).asDouble();
  }

  /** A word. */
  public String text(String key) {
    return options.path(key).asText();
  }

  /** The tokens that may not be used. */
  public Set<TokenFilter.Rule> filter() {
    return FilterRules.fromJson(options.path(FilterRules.KEY));
  }

  /** Words that may not be used. */
  public List<String> forbidden() {
    List<String> words = new ArrayList<>();
    options.path(FORBIDDEN).forEach(word -> words.add(word.asText()));
    return words;
  }

  /** Whether it is a form of {@link io.promptgrad.gradient.coordinate.Gcg}. */
  public boolean isGcg() {
    return options.has("retokenization");
  }

  /** The settings of a form of GCG. */
  public GcgConfig gcg() {
    return new GcgConfig(
        number("width"),
        number("top_k"),
        GcgConfig.Draw.valueOf(text("draw").toUpperCase(Locale.ROOT)),
        number("replacements"),
        number("last_replacements"),
        number("schedule"),
        real("oversampling"),
        Retokenization.valueOf(text("retokenization").toUpperCase(Locale.ROOT)),
        options.path("bars_current").asBoolean(),
        options.path("skips_visited").asBoolean(),
        switch (text("acceptance")) {
          case "if_better" -> new GcgConfig.Acceptance.IfBetter();
          case "annealed" -> new GcgConfig.Acceptance.Annealed(number("anneal_steps"));
          default -> new GcgConfig.Acceptance.Always();
        },
        number("buffer"),
        real("momentum"),
        number("merge"),
        real("distance"),
        options.path("stops_when_solved").asBoolean(),
        number("dev_every"));
  }
}
