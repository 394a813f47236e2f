package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.LabelTokenSearch;
import io.promptgrad.search.Budget;
import io.promptgrad.search.StopRule;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/**
 * One experiment, all defaults filled in.
 *
 * @param settings the method: a search, or what searches are compared with
 * @param model {@code bundled:NAME} or the path of a model folder
 * @param task {@code bundled:NAME}, or the mapping that {@link
 *     io.promptgrad.data.DataDirectory#load} reads, with absolute paths
 * @param template with at least one trigger slot for a search, and none for other methods
 * @param verbalizer given label words; if {@code labelSearch} is there, only manual prompts use
 *     them
 * @param labelSearch how label tokens are searched for, instead of being given
 * @param facts answers are words; instead of verbalizer and label search
 * @param metric the primary metric
 * @param otherMetrics metrics reported besides
 * @param seed of everything random
 * @param device one or several, as {@link io.promptgrad.lm.Devices} names them
 * @param precision {@code auto} or a {@link io.promptgrad.lm.Precision}
 * @param budget what the search may use
 * @param stop when it stops earlier
 * @param manualPrompts baselines; the best on dev is reported
 * @param out the run directory; empty: a new one below {@code runs/}. Not part of a saved
 *     configuration, so that a saved one can be run again
 */
public record ExperimentConfig(
    MethodSettings settings,
    String model,
    JsonNode task,
    PromptTemplate template,
    Optional<Verbalizer> verbalizer,
    Optional<LabelTokenSearch.Config> labelSearch,
    Optional<FactsConfig> facts,
    String metric,
    List<String> otherMetrics,
    long seed,
    String device,
    String precision,
    Budget budget,
    List<StopRule> stop,
    List<ManualPrompt> manualPrompts,
    Optional<Path> out) {

  /** Copies the lists. */
  public ExperimentConfig {
    otherMetrics = List.copyOf(otherMetrics);
    stop = List.copyOf(stop);
    manualPrompts = List.copyOf(manualPrompts);
  }

  /** The name of the method. */
  public String method() {
    return settings.method();
  }

  /** Returns this experiment with a model, on a device and in a precision that are settled. */
  public ExperimentConfig on(String settledModel, String settledDevice, String settledPrecision) {
    return with(settings, settledModel, settledDevice, settledPrecision, out);
  }

  /** Returns this experiment with a policy that is settled, where the method has one. */
  public ExperimentConfig drawnFrom(UnaryOperator<String> settle) {
    if (settings instanceof GradientFreeConfig own && own.policy().isPresent()) {
      String settled = settle.apply(own.policy().get());
      return with(own.withPolicy(settled), model, device, precision, out);
    }
    return this;
  }

  /** Returns this experiment with a run directory. */
  public ExperimentConfig in(Path folder) {
    return with(settings, model, device, precision, Optional.of(folder));
  }

  private ExperimentConfig with(
      MethodSettings otherSettings,
      String otherModel,
      String otherDevice,
      String otherPrecision,
      Optional<Path> folder) {
    return new ExperimentConfig(
        otherSettings,
        otherModel,
        task,
        template,
        verbalizer,
        labelSearch,
        facts,
        metric,
        otherMetrics,
        seed,
        otherDevice,
        otherPrecision,
        budget,
        stop,
        manualPrompts,
        folder);
  }

  /**
   * Names everything that the steps of the search depend on: a hash of the configuration without
   * budget and stop rules, which may change when a run goes on. Of the devices only the kind
   * counts: the steps are the same on one GPU and on several.
   */
  public String identity() {
    ObjectNode json = toJson();
    json.set("task", sorted(task)); // as written again its keys have another order
    return identity(json, device);
  }

  /** The same for any configuration. */
  static String identity(ObjectNode json, String device) {
    json.remove(List.of("budget", "stop"));
    json.put("device", device.replaceAll("[:,].*", ""));
    try {
      byte[] text = Json.line(json).getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }

  /**
   * Returns whether both are the same run, on whatever machine: everything that its result depends
   * on, but not its manual prompts, which are only reported beside it.
   *
   * @param begun one whose model, device and precision are settled
   */
  public boolean isRun(ExperimentConfig begun, String settledModel) {
    ExperimentConfig here = on(settledModel, begun.device(), begun.precision());
    return here.comparable().equals(begun.comparable());
  }

  /**
   * As text: a number that was read from a file is not the same kind of node as one that was not.
   */
  private String comparable() {
    ObjectNode json = toJson();
    json.remove("manual_prompts");
    return Json.line(sorted(json));
  }

  static JsonNode sorted(JsonNode node) {
    if (!node.isObject()) {
      return node;
    }
    ObjectNode sorted = Json.object();
    new TreeSet<>(node.properties().stream().map(Map.Entry::getKey).toList())
        .forEach(key -> sorted.set(key, sorted(node.get(key))));
    return sorted;
  }

  /** Returns the configuration as {@link ConfigReader} reads it, without {@code out}. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("method", method()).put("model", model);
    json.set("task", task);
    json.put("template", template.toString());
    verbalizer.ifPresent(v -> json.set("verbalizer", Json.tree(v.toMap())));
    labelSearch.ifPresent(s -> json.set(LabelSearchSection.KEY, LabelSearchSection.toJson(s)));
    facts.ifPresent(f -> json.set(FactsReader.KEY, f.toJson()));
    json.put("metric", metric);
    otherMetrics.forEach(json.putArray("other_metrics")::add);
    json.put("seed", seed).put("device", device).put("precision", precision);
    if (settings.searches()) {
      putLimits(json, budget, stop);
    }
    json.set(settings.section(), settings.options());
    ArrayNode prompts = json.putArray("manual_prompts");
    for (ManualPrompt prompt : manualPrompts) {
      ObjectNode node = prompts.addObject().put("template", prompt.template().toString());
      prompt.verbalizer().ifPresent(v -> node.set("verbalizer", Json.tree(v.toMap())));
    }
    return json;
  }

  static void putLimits(ObjectNode json, Budget budget, List<StopRule> stop) {
    putBudget(json.putObject("budget"), budget);
    putStop(json.putObject("stop"), stop);
  }

  private static void putBudget(ObjectNode node, Budget budget) {
    budget.steps().ifPresent(limit -> node.put("steps", limit));
    budget.evaluations().ifPresent(limit -> node.put("evaluations", limit));
    budget.forwardTokens().ifPresent(limit -> node.put("forward_tokens", limit));
    budget.time().ifPresent(limit -> node.put("time", Durations.format(limit)));
  }

  static void putStop(ObjectNode node, List<StopRule> rules) {
    for (StopRule rule : rules) {
      if (rule instanceof StopRule.Patience patience) {
        node.put("patience", patience.steps());
      } else if (rule instanceof StopRule.Target target) {
        node.put("target", target.dev());
      } else if (rule instanceof StopRule.Convergence convergence) {
        node.putObject("convergence")
            .put("window", convergence.window())
            .put("tolerance", convergence.tolerance());
      }
    }
  }
}
