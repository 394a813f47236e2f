package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.config.ConfigPaths.Base;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.TriggerLoss;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.TargetLoss;
import io.promptgrad.lm.chat.Conversation;
import io.promptgrad.search.Budget;
import io.promptgrad.search.StopRule;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A search for tokens after which causal models go on with wanted texts: a configuration with the
 * section {@code targets} instead of task, template and label words.
 *
 * <pre>{@code
 * method: nanogcg
 * model: bundled:mini-llama
 * targets:
 *   train:                                # what is searched on
 *     - {text: "The boy {trigger}", say: " was happy"}
 *     - {messages: [{role: user, content: "Greet me. {trigger}"}], say: "Hello"}
 *   dev: [...]                            # what the best trigger is chosen by; else by the loss
 *   test: [...]                           # looked at once
 *   start: "! ! ! !"                      # or tokens: 20, "! ! !" and so on
 *   loss: cross_entropy                   # mellowmax with alpha, hinge with margin
 *   models: [other]                       # searched together with model; one vocabulary
 *   transfer: [another]                   # only read the result
 *   draft: {model: small, size: 0, reduction: 8}   # probe sampling
 * search: {width: 512, top_k: 256}
 * }</pre>
 *
 * @param method one of {@link DiscreteConfig#targetNames}
 * @param model the first model
 * @param others models that are searched together with it
 * @param transfer models that read the result
 * @param train texts with what is to be said
 * @param dev the same, to choose by
 * @param test the same, to report on
 * @param start the first trigger as text; empty: "! ! !" and so on
 * @param tokens how long the trigger is, if it has no first text
 * @param loss what is lowered
 * @param reuse what of earlier computations is used again
 * @param addSpace whether a blank is put before every target, as an option of nanoGCG does
 * @param date what chat templates take for today
 * @param draft probe sampling, if it is wanted
 * @param discrete the method's settings
 * @param seed of everything random
 * @param device one or several
 * @param precision {@code auto} or a precision
 * @param budget what the search may use
 * @param stop when it stops earlier
 * @param out the run directory; empty: a new one. Not part of a saved configuration
 */
public record TargetConfig(
    String method,
    String model,
    List<String> others,
    List<String> transfer,
    List<Item> train,
    List<Item> dev,
    List<Item> test,
    Optional<String> start,
    int tokens,
    TargetLoss loss,
    TriggerLoss.Reuse reuse,
    boolean addSpace,
    LocalDateTime date,
    Optional<Draft> draft,
    DiscreteConfig discrete,
    long seed,
    String device,
    String precision,
    Budget budget,
    List<StopRule> stop,
    Optional<Path> out) {

  /** Key of the section. */
  public static final String KEY = "targets";

  /**
   * A text, or a conversation, and what is to be said.
   *
   * @param json as it was written: {@code text} or {@code messages}, and {@code say}
   */
  public record Item(ObjectNode json) {

    /** The text, if it is no conversation. */
    public Optional<String> text() {
      return Optional.ofNullable(json.path("text").textValue());
    }

    /** The conversation, if it is one. */
    public Conversation conversation() {
      return Conversation.of(Json.object().set("messages", json.path("messages")), KEY);
    }

    /** What is to be said. */
    public String say() {
      return json.path("say").asText();
    }
  }

  /**
   * Probe sampling.
   *
   * @param model the draft model
   * @param size candidates that both models score; 0: a sixteenth
   * @param reduction R
   */
  public record Draft(String model, int size, double reduction) {}

  /** Copies the lists. */
  public TargetConfig {
    others = List.copyOf(others);
    transfer = List.copyOf(transfer);
    train = List.copyOf(train);
    dev = List.copyOf(dev);
    test = List.copyOf(test);
    stop = List.copyOf(stop);
  }

  /**
   * Reads the configuration if it has targets.
   *
   * @param base folder that relative paths start from
   * @throws InvalidInputException naming file, line and key of what is wrong
   */
  public static Optional<TargetConfig> read(YamlDocument document, Path base) {
    if (!document.root().has(KEY)) {
      return Optional.empty();
    }
    Section root =
        Section.root(
            document,
            "method",
            "model",
            KEY,
            DiscreteConfig.KEY,
            "seed",
            "device",
            "precision",
            "budget",
            "stop",
            "data",
            "out");
    List<String> names = List.copyOf(DiscreteConfig.targetNames());
    String method = root.text("method").orElse("nanogcg");
    if (!names.contains(method)) {
      throw root.problem(
          "method",
          "'%s' does not search for targets%s".formatted(method, Nearest.hint(method, names)));
    }
    Base paths = ConfigPaths.base(base, root.section("data", "dir").text("dir"));
    Section own =
        root.section(
            KEY,
            "train",
            "dev",
            "test",
            "start",
            "tokens",
            "loss",
            "alpha",
            "margin",
            "reuse",
            "add_space",
            "date",
            "models",
            "transfer",
            "draft");
    List<Item> train = items(own, "train");
    if (train.isEmpty()) {
      throw own.missing("train", "give at least one {text: ..., say: ...}.");
    }
    List<StopRule> stop = ConfigReader.stop(root);
    return Optional.of(
        new TargetConfig(
            method,
            ConfigPaths.model(root, paths),
            models(own, "models", paths),
            models(own, "transfer", paths),
            train,
            items(own, "dev"),
            items(own, "test"),
            own.text("start"),
            own.positive("tokens", 20),
            loss(own, method),
            TriggerLoss.Reuse.valueOf(
                own.choice(
                        "reuse", "first_difference", List.of("first_difference", "prefix", "none"))
                    .toUpperCase(Locale.ROOT)),
            own.flag("add_space", false),
            date(own),
            draft(own, method, paths),
            DiscreteConfig.readForTargets(root, method, paths),
            root.wholeNumber("seed").orElse(0),
            ConfigReader.device(root),
            ConfigReader.precision(root),
            ConfigReader.budget(root, stop, false),
            stop,
            root.text("out").map(base::resolve)));
  }

  private static List<Item> items(Section section, String key) {
    List<Item> items = new ArrayList<>();
    for (Section item : section.sections(key, "text", "messages", "say")) {
      if (item.has("text") == item.has("messages")) {
        throw item.problem("text", "give either a text or messages.");
      }
      if (item.text("say").orElse("").isEmpty()) {
        throw item.missing("say", "write what the model is to say.");
      }
      ObjectNode json = Json.object();
      item.text("text").ifPresent(text -> json.put("text", text));
      item.list("messages").ifPresent(list -> json.putArray("messages").addAll(list));
      json.put("say", item.text("say").orElseThrow());
      Item read = new Item(json);
      if (item.has("messages")) {
        item.reading("messages", read::conversation);
      }
      items.add(read);
    }
    return items;
  }

  private static List<String> models(Section section, String key, Base paths) {
    return section.texts(key).orElse(List.of()).stream()
        .map(name -> ConfigPaths.model(section, key, name, paths))
        .toList();
  }

  private static TargetLoss loss(Section section, String method) {
    String otherwise = method.equals("gcg++") ? "hinge" : "cross_entropy";
    String name = section.choice("loss", otherwise, List.of("cross_entropy", "mellowmax", "hinge"));
    double alpha = section.number("alpha").orElse(1);
    double margin = section.number("margin").orElse(1e-3);
    if (section.has("alpha") && !name.equals("mellowmax")) {
      throw section.problem("alpha", "'alpha' belongs to the loss mellowmax.");
    }
    if (section.has("margin") && !name.equals("hinge")) {
      throw section.problem("margin", "'margin' belongs to the loss hinge.");
    }
    if (!(alpha > 0)) {
      throw section.problem("alpha", "'alpha' must be above 0.");
    }
    if (!(margin >= 0)) {
      throw section.problem("margin", "'margin' must be at least 0.");
    }
    return switch (name) {
      case "mellowmax" -> new TargetLoss.Mellowmax(alpha);
      case "hinge" -> new TargetLoss.Hinge(margin);
      default -> new TargetLoss.CrossEntropy();
    };
  }

  private static LocalDateTime date(Section section) {
    String text = section.text("date").orElse("2024-07-26T00:00");
    try {
      return LocalDateTime.parse(text);
    } catch (DateTimeParseException e) {
      throw section.problem(
          "date", "'%s' is no date; write for example 2024-07-26T00:00.".formatted(text));
    }
  }

  private static Optional<Draft> draft(Section section, String method, Base paths) {
    if (!section.has("draft")) {
      return Optional.empty();
    }
    if (!DiscreteConfig.targetDefaults(method).has("retokenization")) {
      throw section.problem(
          "draft", "'%s' has no probe sampling; GCG's forms do.".formatted(method));
    }
    Section own = section.section("draft", "model", "size", "reduction");
    double reduction = own.number("reduction").orElse(8);
    if (!(reduction >= 1)) {
      throw own.problem("reduction", "'reduction' must be at least 1.");
    }
    return Optional.of(
        new Draft(ConfigPaths.model(own, paths), own.wholeNumber("size", 0), reduction));
  }

  // ------------------------------------------------------------------ changes and text

  /** The same with models that stay what they are, on a settled device. */
  public TargetConfig on(List<String> settled, String settledDevice, String settledPrecision) {
    int n = others.size();
    int m = transfer.size();
    return new TargetConfig(
        method,
        settled.get(0),
        settled.subList(1, 1 + n),
        settled.subList(1 + n, 1 + n + m),
        train,
        dev,
        test,
        start,
        tokens,
        loss,
        reuse,
        addSpace,
        date,
        draft.map(d -> new Draft(settled.get(1 + n + m), d.size(), d.reduction())),
        discrete,
        seed,
        settledDevice,
        settledPrecision,
        budget,
        stop,
        out);
  }

  /** All models, in the order that {@link #on} takes them. */
  public List<String> models() {
    List<String> all = new ArrayList<>(List.of(model));
    all.addAll(others);
    all.addAll(transfer);
    draft.ifPresent(d -> all.add(d.model()));
    return all;
  }

  /** Names everything that the steps depend on; see {@link ExperimentConfig#identity}. */
  public String identity() {
    return ExperimentConfig.identity(toJson(), device);
  }

  /** Returns the configuration as {@link #read} reads it, without {@code out}. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object().put("method", method).put("model", model);
    ObjectNode own = json.putObject(KEY);
    put(own, "train", train);
    put(own, "dev", dev);
    put(own, "test", test);
    start.ifPresentOrElse(text -> own.put("start", text), () -> own.put("tokens", tokens));
    if (loss instanceof TargetLoss.Mellowmax mellowmax) {
      own.put("loss", "mellowmax").put("alpha", mellowmax.alpha());
    } else if (loss instanceof TargetLoss.Hinge hinge) {
      own.put("loss", "hinge").put("margin", hinge.margin());
    } else {
      own.put("loss", "cross_entropy");
    }
    own.put("reuse", reuse.name().toLowerCase(Locale.ROOT));
    own.put("add_space", addSpace).put("date", date.toString());
    own.set("models", Json.tree(others));
    own.set("transfer", Json.tree(transfer));
    draft.ifPresent(
        d ->
            own.putObject("draft")
                .put("model", d.model())
                .put("size", d.size())
                .put("reduction", d.reduction()));
    json.set(DiscreteConfig.KEY, discrete.options().deepCopy());
    json.put("seed", seed).put("device", device).put("precision", precision);
    ExperimentConfig.putLimits(json, budget, stop);
    return json;
  }

  private static void put(ObjectNode json, String key, List<Item> items) {
    ArrayNode list = json.putArray(key);
    for (Item item : items) {
      JsonNode copy = item.json().deepCopy();
      list.add(copy);
    }
  }
}
