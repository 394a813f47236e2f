package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.soft.PTuning;
import io.promptgrad.gradient.soft.PrefixTuning;
import io.promptgrad.gradient.soft.PromptTuning;
import io.promptgrad.gradient.soft.Pruning;
import io.promptgrad.gradient.soft.SoftConfig;
import io.promptgrad.gradient.soft.SoftStart;
import io.promptgrad.lm.Adafactor;
import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.Optimizer;
import io.promptgrad.lm.SoftModel.Layout;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A method that trains virtual tokens, and its settings: the section {@code soft} of a
 * configuration. Keys are those of {@link SoftConfig}, and {@code start} with what belongs to it:
 * {@code normal} ({@code deviation}, 0 for the word vectors' own), {@code uniform}, {@code
 * vocabulary}, {@code text} ({@code text}), {@code labels}, {@code zero}, {@code prompt} ({@code
 * from}: a run directory or a PEFT folder; a trigger's tokens if it is a trigger's), and {@code
 * towards}, the tokens of the text that the prompt is drawn to.
 *
 * <p>What is done besides ({@link SoftConfig.Extras}): {@code dropout} of keys and values; {@code
 * towards} a text with the weight {@code gamma}; {@code prune_tokens} and {@code prune_pieces},
 * shares, and {@code pieces} of a token. {@code attentions: all} gives an encoder-decoder a prefix
 * for each of its attentions, {@code decoder} the one that PEFT knows. {@code tasks} are further
 * ones on whose examples the same prompt is trained.
 *
 * @param method its name
 * @param options every setting with its value
 */
public record SoftMethod(String method, ObjectNode options) implements MethodSettings {

  /** Key of the section. */
  static final String KEY = "soft";

  private static final String TASKS = "tasks";

  private static final Map<String, SoftConfig> METHODS = methods();

  /** The names of the methods. */
  public static Set<String> names() {
    return METHODS.keySet();
  }

  private static Map<String, SoftConfig> methods() {
    Map<String, SoftConfig> methods = new LinkedHashMap<>();
    methods.put("prompt-tuning", PromptTuning.small());
    methods.put("prefix-tuning", PrefixTuning.small());
    methods.put("p-tuning", PTuning.small());
    methods.put("p-tuning-v2", PrefixTuning.smallDeepPrompts());
    return methods;
  }

  private static ObjectNode defaults(SoftConfig config) {
    AdamW adam = (AdamW) config.optimizer();
    return Json.object()
        .put("tokens", config.tokens())
        .put("prompts", config.prompts())
        .put("encoder", name(config.encoder()))
        .put("start", config.start() instanceof SoftStart.Labels ? "labels" : "normal")
        .put(
            "deviation", config.start() instanceof SoftStart.Normal normal ? normal.deviation() : 0)
        .put("text", "")
        .put("from", "")
        .put("optimizer", "adamw")
        .put("weight_decay", adam.weightDecay())
        .put("largest_norm", adam.largestNorm())
        .put("learning_rate", config.learningRate())
        .put("schedule", name(config.schedule()))
        .put("warm_up", config.warmUp())
        .put("updates", config.updates())
        .put("batch_size", config.batchSize())
        .put("accumulation", config.accumulation())
        .put("label_smoothing", config.smoothing())
        .put("z_loss", config.z())
        .put("whole_vocabulary", config.wholeVocabulary())
        .put("updates_per_step", config.updatesPerStep())
        .put("dev_every", config.devEvery())
        .put("attentions", "decoder")
        .put("dropout", config.extras().dropout())
        .put("towards", "")
        .put("gamma", 0.01)
        .put("prune_tokens", 0.0)
        .put("prune_pieces", 0.0)
        .put("pieces", Pruning.PIECES)
        .set(TASKS, Json.tree(List.of()));
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public String section() {
    return KEY;
  }

  @Override
  public boolean ends() {
    return true;
  }

  /** Reads the section for one of {@link #names}. */
  static SoftMethod read(Section root, String method, ConfigPaths.Base paths) {
    ObjectNode options = defaults(METHODS.get(method));
    Section section =
        root.section(
            KEY, options.properties().stream().map(Map.Entry::getKey).toArray(String[]::new));
    for (Map.Entry<String, JsonNode> option : List.copyOf(options.properties())) {
      String key = option.getKey();
      JsonNode otherwise = option.getValue();
      if (!section.has(key) || section.overrides(options, key)) {
        continue;
      }
      if (key.equals(TASKS)) {
        options.set(key, tasks(section, paths));
      } else if (key.equals("text") || key.equals("towards")) {
        options.put(key, section.text(key).orElseThrow());
      } else if (key.equals("from")) {
        String path = section.text(key).orElseThrow();
        options.put(
            key, path.isEmpty() ? "" : ConfigPaths.file(section, key, path, paths).toString());
      } else {
        options.put(key, section.choice(key, otherwise.asText(), choices(key)));
      }
    }
    if (options.path("optimizer").asText().equals("adafactor") && !section.has("weight_decay")) {
      options.put("weight_decay", Adafactor.forPrompts().weightDecay());
    }
    boolean drawn = !options.path("towards").asText().isEmpty();
    if (drawn && !section.has("start") && options.path("encoder").asText().equals("none")) {
      options.put("start", "towards");
    }
    if (drawn && !section.has("tokens")) {
      options.put("tokens", 0); // as many as the text has
    }
    int slots = ConfigReader.template(root).triggerCount();
    if (slots > 0 && METHODS.get(method).layout() == Layout.VECTORS) {
      if (section.has("tokens") && options.path("tokens").asInt() != slots) {
        throw section.problem(
            "tokens",
            "'%s' is %d, but the template has %d slots [T]; leave it out, or the slots, so that the tokens stand in front."
                .formatted(section.at("tokens"), options.path("tokens").asInt(), slots));
      }
      options.put("tokens", slots);
    }
    requireTogether(section, options, "text", "text");
    requireTogether(section, options, "prompt", "from");
    requireFitting(section, options, METHODS.get(method));
    SoftMethod read = new SoftMethod(method, options);
    root.reading(KEY, () -> read.config(new SoftStart.Normal(0))); // checks ranges and more
    boolean fitted =
        read.encoder() == SoftConfig.Encoder.PROJECTION && read.layout() == Layout.KEY_VALUES;
    if (read.encoder() != SoftConfig.Encoder.NONE
        && !(fitted ? Set.of("normal", "zero", "text") : Set.of("normal", "zero"))
            .contains(read.text("start"))) {
      throw section.problem(
          "start",
          "with the encoder %s a prompt begins at normal numbers or at zero%s; set encoder to none for another start."
              .formatted(read.text("encoder"), fitted ? ", or near a text" : ""));
    }
    return read;
  }

  private static void requireFitting(Section section, ObjectNode options, SoftConfig config) {
    boolean drawn = !options.path("towards").asText().isEmpty();
    if (drawn && options.path("towards").asText().isBlank()) {
      throw section.problem(
          "towards",
          "'%s' is blank; write words for the prompt to be drawn to."
              .formatted(section.at("towards")));
    }
    if (options.path("start").asText().equals("towards") && !drawn) {
      throw section.missing("towards", "the start 'towards' needs it.");
    }
    boolean normal = options.path("start").asText().equals("normal");
    requireUsed(section, options, config, "deviation", normal, "goes with 'start: normal'");
    requireUsed(section, options, config, "gamma", drawn, "goes with 'towards'");
    boolean cuts = options.path("prune_pieces").asDouble() != 0;
    requireUsed(section, options, config, "pieces", cuts, "goes with 'prune_pieces'");
    boolean prefix = config.layout() != Layout.VECTORS;
    requireUsed(section, options, config, "attentions", prefix, "is for keys and values only");
  }

  /** Refuses another value than the default where it would have no effect. */
  private static void requireUsed(
      Section section,
      ObjectNode options,
      SoftConfig config,
      String key,
      boolean used,
      String otherwise) {
    if (!used && !options.get(key).equals(defaults(config).get(key))) {
      throw section.problem(key, "'%s' %s.".formatted(section.at(key), otherwise));
    }
  }

  /** Further tasks, each with what is asked there. */
  private static JsonNode tasks(Section section, ConfigPaths.Base paths) {
    ArrayNode tasks = (ArrayNode) Json.tree(List.of());
    for (Section own : section.sections(TASKS, "task", "template", "verbalizer")) {
      ObjectNode task = Json.object();
      task.set("task", ExperimentConfig.sorted(TaskConfig.read(own, paths)));
      task.put("template", ConfigReader.template(own).toString());
      Verbalizer words =
          ConfigReader.verbalizer(own)
              .orElseThrow(
                  () -> own.missing("verbalizer", "give each label of the task its words."));
      task.set("verbalizer", Json.tree(words.toMap()));
      tasks.add(task);
    }
    return tasks;
  }

  /**
   * A further task on which the prompt is trained.
   *
   * @param task {@code bundled:NAME}, or a mapping with absolute paths
   */
  public record Further(JsonNode task, PromptTemplate template, Verbalizer verbalizer) {}

  /** The further tasks. */
  public List<Further> tasks() {
    List<Further> tasks = new ArrayList<>();
    for (JsonNode own : options.path(TASKS)) {
      Map<String, Object> words = new LinkedHashMap<>();
      own.path("verbalizer")
          .properties()
          .forEach(label -> words.put(label.getKey(), Json.value(label.getValue())));
      tasks.add(
          new Further(
              own.path("task"),
              PromptTemplate.parse(own.path("template").asText()),
              Verbalizer.parse(words)));
    }
    return tasks;
  }

  private static void requireTogether(
      Section section, ObjectNode options, String start, String key) {
    boolean asked = options.path("start").asText().equals(start);
    boolean given = !options.path(key).asText().isEmpty();
    if (asked && !given) {
      throw section.missing(key, "the start '%s' needs it.".formatted(start));
    }
    if (given && !asked) {
      throw section.problem(key, "'%s' is for 'start: %s' only.".formatted(section.at(key), start));
    }
  }

  private static List<String> choices(String key) {
    return switch (key) {
      case "encoder" -> Stream.of(SoftConfig.Encoder.values()).map(SoftMethod::name).toList();
      case "schedule" -> Stream.of(SoftConfig.Schedule.values()).map(SoftMethod::name).toList();
      case "start" ->
          List.of("normal", "uniform", "vocabulary", "text", "labels", "zero", "prompt", "towards");
      case "optimizer" -> List.of("adamw", "adafactor");
      case "attentions" -> List.of("decoder", "all");
      default -> throw new IllegalArgumentException(key);
    };
  }

  /** A word. */
  public String text(String key) {
    return options.path(key).asText();
  }

  private int number(String key) {
    return options.path(key).asInt();
  }

  private double real(String key) {
    return options.path(key).asDouble();
  }

  private SoftConfig.Encoder encoder() {
    return SoftConfig.Encoder.valueOf(text("encoder").toUpperCase(Locale.ROOT));
  }

  private Layout layout() {
    Layout usual = METHODS.get(method).layout();
    return usual == Layout.KEY_VALUES && text("attentions").equals("all")
        ? Layout.ALL_KEY_VALUES
        : usual;
  }

  private SoftConfig.Extras extras() {
    boolean drawn = !text("towards").isEmpty();
    boolean prunes = real("prune_tokens") != 0 || real("prune_pieces") != 0;
    return new SoftConfig.Extras(
        real("dropout"),
        drawn ? Optional.of(new SoftConfig.Pull(text("towards"), real("gamma"))) : Optional.empty(),
        prunes
            ? Optional.of(
                new Pruning.Shares(real("prune_tokens"), real("prune_pieces"), number("pieces")))
            : Optional.empty());
  }

  /** The start, unless it is another prompt or the tokens of a text. */
  public Optional<SoftStart> start() {
    return switch (text("start")) {
      case "normal" -> Optional.of(new SoftStart.Normal(real("deviation")));
      case "uniform" -> Optional.of(new SoftStart.Uniform(-0.5, 0.5));
      case "vocabulary" -> Optional.of(new SoftStart.Vocabulary(0, true));
      case "text" -> Optional.of(new SoftStart.Text(text("text")));
      case "labels" -> Optional.of(new SoftStart.Labels());
      case "zero" -> Optional.of(new SoftStart.Zero());
      default -> Optional.empty();
    };
  }

  /** The settings with a start. */
  public SoftConfig config(SoftStart start) {
    Optimizer optimizer =
        text("optimizer").equals("adafactor")
            ? new Adafactor(0.8, 1e-30, 1, real("weight_decay"), real("largest_norm"))
            : new AdamW(0.9, 0.999, 1e-8, real("weight_decay"), real("largest_norm"));
    return new SoftConfig(
        layout(),
        encoder(),
        number("tokens"),
        number("prompts"),
        start,
        optimizer,
        real("learning_rate"),
        SoftConfig.Schedule.valueOf(text("schedule").toUpperCase(Locale.ROOT)),
        real("warm_up"),
        number("updates"),
        number("batch_size"),
        number("accumulation"),
        real("label_smoothing"),
        real("z_loss"),
        options.path("whole_vocabulary").asBoolean(),
        number("updates_per_step"),
        number("dev_every"),
        extras());
  }
}
