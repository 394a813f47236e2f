package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.experiments.config.ConfigPaths.Base;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.LabelTokenSearch;
import io.promptgrad.lm.Devices;
import io.promptgrad.metric.Metrics;
import io.promptgrad.search.Budget;
import io.promptgrad.search.StopRule;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Reads an experiment from YAML. Everything but {@code model}, {@code task}, {@code template} and
 * one of {@code verbalizer} and {@code label_search} has a default.
 *
 * <pre>{@code
 * method: autoprompt                     # gcg, pez, ..., or to compare linear-probe, finetune
 * model: bundled:mini-roberta            # or a model folder
 * task: bundled:sentiment                # or data:NAME, a file, or a mapping as TaskFiles reads it
 * template: "{sentence} [T] [T] [T] [P] ."
 * verbalizer: {negative: [bad], positive: [good]}
 * label_search: {tokens_per_label: 3}    # instead of the verbalizer
 * facts: {vocabulary: words.txt, context: {words: 50, perturbed: true}, prompts: [lama, pararel]}
 * metric: accuracy
 * seed: 0
 * device: auto                           # cpu, cuda:N, cuda:all, [cuda:0, cuda:1]
 * precision: auto                        # float32, bfloat16, float16, float64
 * budget: {steps: 100, time: 10m, forward_tokens: 50000000, evaluations: 100000}
 * stop: {patience: 20, target: 0.95, convergence: {window: 10, tolerance: 0.002}}
 * search: {width: 32, top_k: 32}         # of other discrete methods, see DiscreteConfig
 * soft: {tokens: 20, learning_rate: 0.3} # of prompt-tuning, prefix-tuning, ..., see SoftMethod
 * bbt: {dimensions: 500, calls: 8000}    # likewise bbtv2, rlprompt, reinforce: GradientFreeConfig
 * autoprompt: {candidates: 32, positions: one, gradient_examples: 128, evaluation_examples: 128}
 * manual_prompts: [{template: "{sentence} It was [P] ."}]
 * data: {dir: /data}                     # where data sets are, and task files are looked for, too
 * out: runs/first
 * }</pre>
 */
public final class ConfigReader {

  /** The methods that this version has. */
  public static final List<String> METHODS = MethodReader.names();

  static final List<String> PRECISIONS =
      List.of("auto", "float32", "bfloat16", "float16", "float64");

  /** Steps of a search for which neither a budget nor a stop rule was given. */
  private static final long DEFAULT_STEPS = 100;

  private static final String[] KEYS =
      Stream.concat(
              Stream.of(
                  "method",
                  "model",
                  "task",
                  "template",
                  "verbalizer",
                  LabelSearchSection.KEY,
                  FactsReader.KEY,
                  "metric",
                  "other_metrics",
                  "seed",
                  "device",
                  "precision",
                  "budget",
                  "stop",
                  "manual_prompts",
                  "data",
                  "out"),
              MethodReader.SECTIONS.keySet().stream())
          .toArray(String[]::new);

  private ConfigReader() {}

  /**
   * Reads an experiment.
   *
   * @param base folder that relative paths start from: the configuration file's
   * @throws io.promptgrad.input.InvalidInputException naming file, line and key of what is wrong
   */
  public static ExperimentConfig read(YamlDocument document, Path base) {
    Section root = Section.root(document, KEYS);
    String method = method(root);
    Base paths = ConfigPaths.base(base, root.section("data", "dir").text("dir"));
    Optional<Verbalizer> verbalizer = verbalizer(root);
    Optional<LabelTokenSearch.Config> labelSearch = LabelSearchSection.read(root);
    Optional<FactsConfig> facts = FactsReader.read(root, paths);
    MethodSettings settings = MethodReader.read(root, method, facts.isPresent(), paths);
    boolean needsWords = !(settings instanceof ProbeMethod);
    if (needsWords && verbalizer.isEmpty() && labelSearch.isEmpty() && facts.isEmpty()) {
      throw root.missing("verbalizer", "give each label its words, or let label_search find them.");
    }
    JsonNode task = TaskConfig.read(root, paths);
    List<ManualPrompt> manual = new ArrayList<>(manualPrompts(root, verbalizer, facts.isPresent()));
    if (facts.isPresent()) {
      manual.addAll(FactsReader.prompts(root, task, paths));
    }
    List<StopRule> stop = stop(root);
    return new ExperimentConfig(
        settings,
        ConfigPaths.model(root, paths),
        task,
        template(root, settings),
        verbalizer,
        labelSearch,
        facts,
        metric(root, facts.isPresent() ? "p@1" : "accuracy"),
        otherMetrics(root, facts.isPresent() ? List.of("p@10", "mrr") : List.of()),
        root.wholeNumber("seed").orElse(0),
        device(root),
        precision(root),
        budget(root, stop, settings.ends()),
        stop,
        manual,
        root.text("out").map(base::resolve));
  }

  /** Reads the evaluation of a saved prompt, with the same keys where they mean the same. */
  public static EvaluationConfig readEvaluation(YamlDocument document, Path base) {
    Section root =
        Section.root(
            document,
            "prompt",
            "template",
            "verbalizer",
            FactsReader.KEY,
            "model",
            "task",
            "split",
            "metric",
            "seed",
            "device",
            "precision",
            "data",
            "out");
    Base paths = ConfigPaths.base(base, root.section("data", "dir").text("dir"));
    String prompt =
        root.text("prompt")
            .orElseThrow(() -> root.missing("prompt", "name a run directory or a prompt.json."));
    Path file = ConfigPaths.prompt(root, prompt, paths);
    boolean adapter = Files.isDirectory(file);
    for (String key : List.of("template", "verbalizer")) {
      if (adapter && !root.has(key)) {
        throw root.missing(key, "a PEFT adapter does not say how it is asked.");
      }
      if (!adapter && root.has(key)) {
        throw root.problem(key, "the prompt has its own '%s'; leave it out.".formatted(key));
      }
    }
    return new EvaluationConfig(
        file,
        adapter ? Optional.of(template(root)) : Optional.empty(),
        adapter ? verbalizer(root) : Optional.empty(),
        FactsReader.contextOnly(root),
        ConfigPaths.model(root, paths),
        TaskConfig.read(root, paths),
        root.choice("split", "test", List.of("train", "dev", "test")),
        metric(root, "accuracy"),
        root.wholeNumber("seed").orElse(0),
        device(root),
        precision(root),
        root.text("out").map(base::resolve));
  }

  /** Reads which model is wanted and where, with the same keys. */
  public static ModelConfig readModel(YamlDocument document, Path base) {
    Section root = Section.root(document, "model", "seed", "device", "precision", "data");
    Base paths = ConfigPaths.base(base, root.section("data", "dir").text("dir"));
    return new ModelConfig(
        ConfigPaths.model(root, paths),
        root.wholeNumber("seed").orElse(0),
        device(root),
        precision(root));
  }

  private static String method(Section root) {
    String method = root.text("method").orElse("autoprompt");
    if (!METHODS.contains(method)) {
      throw root.problem(
          "method",
          "there is no method '%s'%s".formatted(method, Nearest.hint(method, allMethods())));
    }
    return method;
  }

  /** All methods, those of {@link InstructionReader} too. */
  static List<String> allMethods() {
    return Stream.concat(METHODS.stream(), InstructionMethods.names().stream()).toList();
  }

  private static PromptTemplate template(Section root, MethodSettings settings) {
    PromptTemplate template = template(root);
    if (!settings.searches() && template.triggerCount() > 0) {
      throw root.problem(
          "template",
          "the template '%s' has a trigger slot [T], which %s does not fill; leave it out."
              .formatted(template, settings.method()));
    }
    return template;
  }

  static PromptTemplate template(Section section) {
    String text =
        section
            .text("template")
            .orElseThrow(
                () ->
                    section.missing(
                        "template", "write for example \"{sentence} [T] [T] [T] [P] .\"."));
    return section.reading("template", () -> PromptTemplate.parse(text));
  }

  static Optional<Verbalizer> verbalizer(Section section) {
    return section
        .mapping("verbalizer")
        .map(
            labels ->
                section.reading(
                    "verbalizer",
                    () -> {
                      Map<String, Object> words = new LinkedHashMap<>();
                      labels
                          .properties()
                          .forEach(
                              label -> words.put(label.getKey(), Json.value(label.getValue())));
                      return Verbalizer.parse(words);
                    }));
  }

  private static String metric(Section section, String otherwise) {
    String metric = section.text("metric").orElse(otherwise);
    return section.reading("metric", () -> Metrics.named(metric)).name();
  }

  private static List<String> otherMetrics(Section root, List<String> otherwise) {
    List<String> names = root.texts("other_metrics").orElse(otherwise);
    names.forEach(name -> root.reading("other_metrics", () -> Metrics.named(name)));
    return names;
  }

  static String precision(Section section) {
    return section.choice("precision", "auto", PRECISIONS);
  }

  static String device(Section section) {
    boolean list = section.get("device").filter(JsonNode::isArray).isPresent();
    String names =
        list
            ? String.join(",", section.texts("device").orElseThrow())
            : section.text("device").orElse("auto");
    return section.reading("device", () -> Devices.parse(names));
  }

  static Budget budget(Section root, List<StopRule> stop) {
    return budget(root, stop, false);
  }

  /**
   * @param ends whether the method ends by itself, so that it needs no budget
   */
  static Budget budget(Section root, List<StopRule> stop, boolean ends) {
    Section section = root.section("budget", "steps", "evaluations", "forward_tokens", "time");
    Optional<String> time = section.text("time");
    Budget budget =
        root.reading(
            "budget",
            () ->
                new Budget(
                    section.wholeNumber("steps"),
                    section.wholeNumber("evaluations"),
                    section.wholeNumber("forward_tokens"),
                    Budget.UNLIMITED.calls(),
                    Budget.UNLIMITED.usd(),
                    time.map(t -> section.reading("time", () -> Durations.parse(t)))));
    return budget.equals(Budget.UNLIMITED) && stop.isEmpty() && !ends
        ? Budget.ofSteps(DEFAULT_STEPS)
        : budget;
  }

  static List<StopRule> stop(Section root) {
    Section section = root.section("stop", "patience", "target", "convergence");
    List<StopRule> rules = new ArrayList<>();
    if (section.has("patience")) {
      int steps = section.wholeNumber("patience", 0);
      rules.add(section.reading("patience", () -> new StopRule.Patience(steps)));
    }
    section.number("target").ifPresent(target -> rules.add(new StopRule.Target(target)));
    if (section.has("convergence")) {
      Section convergence = section.section("convergence", "window", "tolerance");
      int window = convergence.wholeNumber("window", 10);
      double tolerance = convergence.number("tolerance").orElse(0.001);
      rules.add(section.reading("convergence", () -> new StopRule.Convergence(window, tolerance)));
    }
    return rules;
  }

  private static List<ManualPrompt> manualPrompts(
      Section root, Optional<Verbalizer> verbalizer, boolean facts) {
    List<ManualPrompt> prompts = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (Section section : root.sections("manual_prompts", "template", "verbalizer")) {
      ManualPrompt prompt = new ManualPrompt(template(section), verbalizer(section));
      if (prompt.template().triggerCount() > 0) {
        throw section.problem(
            "template",
            "the manual prompt '%s' has a trigger slot [T]; write words instead."
                .formatted(prompt.template()));
      }
      if (facts && prompt.verbalizer().isPresent()) {
        throw section.problem(
            "verbalizer", "with facts the answers are words; leave the verbalizer out.");
      }
      if (prompt.verbalizer().isEmpty() && verbalizer.isEmpty() && !facts) {
        throw section.missing(
            "verbalizer", "give each label its words here or for the whole experiment.");
      }
      if (!seen.add(prompt.toString())) {
        throw section.problem(
            "template", "the manual prompt '%s' is given twice.".formatted(prompt.template()));
      }
      prompts.add(prompt);
    }
    return prompts;
  }
}
