package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.config.ConfigPaths.Base;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.blackbox.BlackBoxConfig;
import io.promptgrad.gradient.blackbox.LabelLoss;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.policy.Reinforce;
import io.promptgrad.gradient.policy.RlPrompt;
import io.promptgrad.lm.BlackBoxModel.Mode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A method that takes no gradient of the task's model, and its settings: a section of the method's
 * name.
 *
 * @param method its name
 * @param options every setting with its value
 */
public record GradientFreeConfig(String method, ObjectNode options) implements MethodSettings {

  private static final String POLICY = "policy";

  /** Settings of each method with what they are by default. */
  private static final Map<String, ObjectNode> METHODS = methods();

  /** The names of the methods, which are those of their sections too. */
  public static Set<String> names() {
    return METHODS.keySet();
  }

  private static Map<String, ObjectNode> methods() {
    Map<String, ObjectNode> methods = new LinkedHashMap<>();
    BlackBoxConfig bbt = BlackBoxConfig.original();
    methods.put(
        "bbt",
        blackBox(bbt)
            .put("mode", "add")
            .put("projection", "normal")
            .put("space", "vectors")
            .put("alpha", bbt.alpha())
            .put("sigma", bbt.sigma()));
    // as in the program's example
    methods.put("bbtv2", blackBox(bbt).put("alpha", 0.2).put("sigma", 0.2));
    RlPrompt.Config rlPrompt = RlPrompt.Config.original();
    methods.put(
        "rlprompt",
        Json.object()
            .put(POLICY, "bundled:mini-llama")
            .put("prompts", rlPrompt.prompts())
            .put("top_k", rlPrompt.topK())
            .put("hidden", rlPrompt.hidden())
            .put("learning_rate", rlPrompt.learningRate())
            .put("clip", rlPrompt.clip())
            .put("polyak", rlPrompt.polyak())
            .put("steps", rlPrompt.steps())
            .put("dev_every", rlPrompt.devEvery())
            .put("examples", rlPrompt.examples()));
    Reinforce.Config reinforce = Reinforce.Config.defaults();
    methods.put(
        "reinforce",
        Json.object()
            .put("candidates", reinforce.candidates())
            .put("samples", reinforce.samples())
            .put("learning_rate", reinforce.learningRate())
            .put("dev_every", reinforce.devEvery())
            .put("examples", reinforce.examples()));
    return methods;
  }

  private static ObjectNode blackBox(BlackBoxConfig config) {
    return Json.object()
        .put("prompt_length", config.length())
        .put("dimensions", config.dimensions())
        .put("population", config.population())
        .put("calls", config.calls())
        .put("bound", config.bound())
        .put("loss", "cross_entropy")
        .put("covariance", "full")
        .put("dev_every", config.devEvery())
        .put("examples", config.examples());
  }

  @Override
  public boolean ends() {
    return true;
  }

  /** Reads the section of one of {@link #names}. */
  static GradientFreeConfig read(Section root, String method, Base paths) {
    ObjectNode options = METHODS.get(method).deepCopy();
    boolean filters = method.equals("reinforce") || method.equals("bbt");
    String[] keys =
        Stream.concat(
                options.properties().stream().map(Map.Entry::getKey),
                Stream.of(FilterRules.KEY).filter(key -> filters))
            .toArray(String[]::new);
    Section section = root.section(method, keys);
    for (Map.Entry<String, JsonNode> option : options.properties()) {
      String key = option.getKey();
      JsonNode otherwise = option.getValue();
      if (!section.has(key) || section.overrides(options, key)) {
        continue;
      }
      if (key.equals(POLICY)) {
        String named = section.text(key).orElseThrow();
        options.put(key, ConfigPaths.model(section, key, named, paths));
      } else {
        options.put(key, section.choice(key, otherwise.asText(), choices(key)));
      }
    }
    if (filters) {
      options.set(
          FilterRules.KEY, FilterRules.toJson(FilterRules.read(section, TokenFilter.AUTOPROMPT)));
    }
    GradientFreeConfig config = new GradientFreeConfig(method, options);
    root.reading(
        method,
        () ->
            switch (method) { // checks the ranges
              case "rlprompt" -> config.rlPrompt();
              case "reinforce" -> config.reinforce();
              default -> config.blackBox();
            });
    return config;
  }

  private static List<String> choices(String key) {
    return switch (key) {
      case "mode" -> List.of("add", "instead");
      case "projection" -> List.of("normal", "uniform");
      case "space" -> List.of("vectors", "tokens");
      case "loss" -> List.of("cross_entropy", "hinge");
      case "covariance" -> List.of("full", "diagonal");
      default -> throw new IllegalArgumentException(key);
    };
  }

  private int number(String key) {
    return options.path(key).asInt();
  }

  private double real(String key) {
    return options.path(key).asDouble();
  }

  private boolean is(String key, String value) {
    return options.path(key).asText().equals(value);
  }

  /** The settings of bbt or bbtv2. */
  public BlackBoxConfig blackBox() {
    return new BlackBoxConfig(
        number("prompt_length"),
        number("dimensions"),
        number("population"),
        number("calls"),
        is("mode", "instead") ? Mode.INSTEAD : Mode.ADD,
        is("projection", "uniform"),
        real("alpha"),
        real("sigma"),
        real("bound"),
        is("loss", "hinge") ? LabelLoss.HINGE : LabelLoss.CROSS_ENTROPY,
        is("covariance", "diagonal"),
        number("dev_every"),
        number("examples"));
  }

  /** Whether vectors are replaced by the nearest tokens. */
  public boolean onTokens() {
    return is("space", "tokens");
  }

  /** The settings of rlprompt. */
  public RlPrompt.Config rlPrompt() {
    return new RlPrompt.Config(
        number("prompts"),
        number("top_k"),
        number("hidden"),
        real("learning_rate"),
        real("clip"),
        real("polyak"),
        number("steps"),
        number("dev_every"),
        number("examples"));
  }

  /** The model that draws prompts, if there is one. */
  public Optional<String> policy() {
    return Optional.ofNullable(options.get(POLICY)).map(JsonNode::asText);
  }

  /** The settings of reinforce. */
  public Reinforce.Config reinforce() {
    return new Reinforce.Config(
        number("candidates"),
        number("samples"),
        real("learning_rate"),
        filter(),
        number("dev_every"),
        number("examples"));
  }

  /** The tokens that may not be used. */
  public Set<TokenFilter.Rule> filter() {
    return FilterRules.fromJson(options.path(FilterRules.KEY));
  }

  /** Returns this with a policy that is settled. */
  public GradientFreeConfig withPolicy(String settled) {
    ObjectNode own = options.deepCopy();
    own.put(POLICY, settled);
    return new GradientFreeConfig(method, own);
  }
}
