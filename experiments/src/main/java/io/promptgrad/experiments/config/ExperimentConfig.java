package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.AutoPromptConfig;
import io.promptgrad.gradient.discrete.LabelTokenSearch;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.supervised.FineTuning;
import io.promptgrad.gradient.supervised.LinearProbe;
import io.promptgrad.search.Budget;
import io.promptgrad.search.StopRule;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/**
 * One experiment, all defaults filled in.
 *
 * @param method {@code autoprompt}, or what it is compared with: {@code linear-probe}, {@code
 *     finetune}
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
 * @param autoprompt settings of autoprompt
 * @param discrete settings of another method of discrete search
 * @param soft settings of a method that trains virtual tokens
 * @param gradientFree settings of a method that takes no gradient of the model
 * @param probe settings of linear-probe
 * @param fineTuning settings of finetune
 * @param manualPrompts baselines; the best on dev is reported
 * @param out the run directory; empty: a new one below {@code runs/}. Not part of a saved
 *     configuration, so that a saved one can be run again
 */
public record ExperimentConfig(
    String method,
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
    AutoPromptConfig autoprompt,
    Optional<DiscreteConfig> discrete,
    Optional<SoftMethod> soft,
    Optional<GradientFreeConfig> gradientFree,
    LinearProbe.Config probe,
    FineTuning.Config fineTuning,
    List<ManualPrompt> manualPrompts,
    Optional<Path> out) {

  /** Copies the lists. */
  public ExperimentConfig {
    otherMetrics = List.copyOf(otherMetrics);
    stop = List.copyOf(stop);
    manualPrompts = List.copyOf(manualPrompts);
  }

  /** Returns this experiment with a model, on a device and in a precision that are settled. */
  public ExperimentConfig on(String settledModel, String settledDevice, String settledPrecision) {
    return new ExperimentConfig(
        method,
        settledModel,
        task,
        template,
        verbalizer,
        labelSearch,
        facts,
        metric,
        otherMetrics,
        seed,
        settledDevice,
        settledPrecision,
        budget,
        stop,
        autoprompt,
        discrete,
        soft,
        gradientFree,
        probe,
        fineTuning,
        manualPrompts,
        out);
  }

  /** Returns this experiment with a policy that is settled, where the method has one. */
  public ExperimentConfig drawnFrom(UnaryOperator<String> settle) {
    return new ExperimentConfig(
        method,
        model,
        task,
        template,
        verbalizer,
        labelSearch,
        facts,
        metric,
        otherMetrics,
        seed,
        device,
        precision,
        budget,
        stop,
        autoprompt,
        discrete,
        soft,
        gradientFree.map(own -> own.policy().map(p -> own.withPolicy(settle.apply(p))).orElse(own)),
        probe,
        fineTuning,
        manualPrompts,
        out);
  }

  /** Returns whether it looks for a prompt; else it trains weights to compare with. */
  public boolean searches() {
    return !method.equals(ConfigReader.PROBE) && !method.equals(ConfigReader.FINE_TUNING);
  }

  /** Returns this experiment with a run directory. */
  public ExperimentConfig in(Path folder) {
    return new ExperimentConfig(
        method,
        model,
        task,
        template,
        verbalizer,
        labelSearch,
        facts,
        metric,
        otherMetrics,
        seed,
        device,
        precision,
        budget,
        stop,
        autoprompt,
        discrete,
        soft,
        gradientFree,
        probe,
        fineTuning,
        manualPrompts,
        Optional.of(folder));
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
    json.put("method", method).put("model", model);
    json.set("task", task);
    json.put("template", template.toString());
    verbalizer.ifPresent(v -> json.set("verbalizer", Json.tree(v.toMap())));
    labelSearch.ifPresent(
        search -> {
          ObjectNode node = json.putObject("label_search");
          node.put("tokens_per_label", search.tokensPerLabel())
              .put("epochs", search.epochs())
              .put("batch_size", search.batchSize())
              .put("learning_rate", search.learningRate());
          putRules(node, search.filter());
        });
    facts.ifPresent(f -> json.set(FactsReader.KEY, f.toJson()));
    json.put("metric", metric);
    otherMetrics.forEach(json.putArray("other_metrics")::add);
    json.put("seed", seed).put("device", device).put("precision", precision);
    switch (method) {
      case ConfigReader.PROBE -> putProbe(json.putObject("probe"));
      case ConfigReader.FINE_TUNING -> putFineTuning(json.putObject(ConfigReader.FINE_TUNING));
      default -> {
        putLimits(json, budget, stop);
        if (soft.isPresent()) {
          json.set(SoftMethod.KEY, soft.get().options());
        } else if (discrete.isPresent()) {
          json.set(DiscreteConfig.KEY, discrete.get().options());
        } else if (gradientFree.isPresent()) {
          json.set(method, gradientFree.get().options());
        } else {
          putAutoPrompt(json.putObject("autoprompt"));
        }
      }
    }
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

  private void putProbe(ObjectNode node) {
    node.put("pooling", probe.pooling().name().toLowerCase(Locale.ROOT))
        .put("epochs", probe.epochs())
        .put("batch_size", probe.batchSize())
        .put("learning_rate", probe.learningRate())
        .put("weight_decay", probe.weightDecay());
  }

  private void putFineTuning(ObjectNode node) {
    node.put("epochs", fineTuning.epochs())
        .put("batch_size", fineTuning.batchSize())
        .put("learning_rate", fineTuning.learningRate())
        .put("weight_decay", fineTuning.weightDecay())
        .put("dropout", fineTuning.dropout());
  }

  private void putAutoPrompt(ObjectNode node) {
    node.put("candidates", autoprompt.candidates())
        .put("positions", autoprompt.positions().name().toLowerCase(Locale.ROOT))
        .put("gradient_examples", autoprompt.gradientExamples())
        .put("evaluation_examples", autoprompt.evaluationExamples());
    putRules(node, autoprompt.filter());
    if (autoprompt.start() instanceof AutoPromptConfig.Start.Tokens given) {
      given.tokens().forEach(node.putArray("start")::add);
    } else {
      node.put(
          "start", autoprompt.start() instanceof AutoPromptConfig.Start.Masks ? "masks" : "random");
    }
    node.put("prune", autoprompt.prunes()).put("halving", autoprompt.halving());
    node.put("objective", autoprompt.objective().name().toLowerCase(Locale.ROOT));
    node.put("replace_masks", autoprompt.replaceMasks());
    autoprompt
        .reference()
        .ifPresent(
            reference ->
                node.putObject("reference")
                    .put("batch_size", reference.batchSize())
                    .put("evaluation_batch_size", reference.evaluationBatchSize())
                    .put("accumulation_steps", reference.accumulationSteps()));
  }

  private static void putRules(ObjectNode node, Collection<TokenFilter.Rule> rules) {
    ArrayNode filter = node.putArray("filter");
    rules.stream().sorted().forEach(rule -> filter.add(rule.name().toLowerCase(Locale.ROOT)));
  }
}
