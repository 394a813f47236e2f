package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.DiscreteConfig;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.experiments.config.GradientFreeConfig;
import io.promptgrad.experiments.config.Nearest;
import io.promptgrad.experiments.config.SoftMethod;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Leaderboard;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    description = "Compare methods on one task, with the same budget and seeds.")
final class BenchCommand implements Callable<Integer> {

  /** Methods that go through the data by epochs and have no budget. */
  private static final List<String> TRAINED = List.of("linear-probe", "finetune");

  /** What is compared, and with what. */
  private enum Suite {
    /** Every discrete search; what they have to beat is a search without gradients. */
    DISCRETE("random"),
    /** Everything that trains or searches for a task; what they have to beat is a good guess. */
    SOFT(Leaderboard.MANUAL);

    private final String control;

    Suite(String control) {
      this.control = control;
    }

    List<String> methods() {
      List<String> all = new ArrayList<>(List.of("autoprompt"));
      if (this == DISCRETE) {
        all.addAll(DiscreteConfig.names());
      } else {
        all.addAll(SoftMethod.names());
        all.addAll(GradientFreeConfig.names());
        all.addAll(TRAINED);
      }
      return all;
    }
  }

  @Parameters(
      index = "0",
      paramLabel = "SUITE",
      description = "discrete: every discrete search; soft: soft prompts and what trains weights.")
  private String suite;

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "CONFIG.yaml",
      description =
          "Model, task, template and label words, and the settings of autoprompt; quickstart's if it"
              + " is not given.")
  private Path config;

  @Option(names = "--model", paramLabel = "MODEL", description = "Instead of the configuration's.")
  private String model;

  @Option(names = "--task", paramLabel = "TASK", description = "Instead of the configuration's.")
  private String task;

  @Option(
      names = "--tasks",
      split = ",",
      paramLabel = "TASK",
      description =
          "Several tasks with the same test examples, such as splits of few examples: each method"
              + " runs on each of them with each seed.")
  private List<String> tasks = new ArrayList<>();

  @Option(
      names = "--budget",
      paramLabel = "KEY=N",
      required = true,
      description = "What each run may use, such as forward-tokens=1000000 or steps=50.")
  private String budget;

  @Option(
      names = "--seeds",
      split = ",",
      paramLabel = "N",
      defaultValue = "0,1,2",
      description = "Seeds of each method (default ${DEFAULT-VALUE}).")
  private List<Long> seeds;

  @Option(
      names = "--methods",
      split = ",",
      paramLabel = "METHOD",
      description = "Some of the methods; all if it is not given.")
  private List<String> methods = new ArrayList<>();

  @Option(
      names = "--judge",
      paramLabel = "MODEL",
      defaultValue = "bundled:mini-llama",
      description = "A causal model that reads the prompts found; none: nobody does.")
  private String judge;

  @Option(
      names = "--set",
      paramLabel = "METHOD:a.b=c",
      description = "Sets a value of a method's configuration. Repeatable.")
  private List<String> assignments = new ArrayList<>();

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Where the runs and the table go; the same again goes on there.")
  private Path out;

  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    Suite chosen = suite();
    if (task != null && !tasks.isEmpty()) {
      throw new InvalidInputException("Give --task or --tasks, not both.");
    }
    Map<String, Map<String, ExperimentConfig>> experiments = new LinkedHashMap<>();
    Set<String> scored = new HashSet<>();
    for (String method : chosen(chosen)) {
      for (String one : tasks.isEmpty() ? Arrays.asList(task) : tasks) {
        for (long seed : seeds) {
          boolean manual = scored.add(String.valueOf(one)); // once on each task is enough
          String name =
              (tasks.isEmpty() ? "" : one.replaceAll("[^\\w.-]+", "_") + "-") + "seed-" + seed;
          experiments
              .computeIfAbsent(method, key -> new LinkedHashMap<>())
              .put(name, experiment(method, one, seed, manual));
        }
      }
    }
    var console = output.console();
    Leaderboard.Result result =
        new Leaderboard(
                chosen.control,
                Optional.of(judge).filter(name -> chosen == Suite.DISCRETE && !name.equals("none")),
                console)
            .run(experiments, out);
    console.out().print(output.json ? Json.pretty(result.json()) : "\n" + result.table());
    console.out().flush();
    return Promptgrad.OK;
  }

  private Suite suite() {
    for (Suite known : Suite.values()) {
      if (known.name().toLowerCase(Locale.ROOT).equals(suite)) {
        return known;
      }
    }
    throw new InvalidInputException(
        "There is no suite '%s'; this version has discrete and soft.".formatted(suite));
  }

  private List<String> chosen(Suite own) {
    List<String> all = own.methods();
    if (methods.isEmpty()) {
      return all;
    }
    for (String method : methods) {
      if (!all.contains(method)) {
        throw new InvalidInputException(
            "--methods: there is no method '%s' in this suite%s"
                .formatted(method, Nearest.hint(method, all)));
      }
    }
    return methods;
  }

  private ExperimentConfig experiment(String method, String one, long seed, boolean manual) {
    YamlDocument document =
        config == null ? QuickstartCommand.configuration() : YamlDocument.read(config);
    Path folder =
        config == null ? Path.of("").toAbsolutePath() : config.toAbsolutePath().getParent();
    ObjectNode root = document.root();
    root.remove(List.of("stop", "out"));
    if (!manual) {
      root.remove("manual_prompts");
    }
    if (!method.equals("autoprompt")) {
      root.remove("autoprompt");
    }
    document.set("method", TextNode.valueOf(method), "--methods");
    document.set("seed", LongNode.valueOf(seed), "--seeds");
    if (withoutSlots(method)) {
      root.put("template", root.path("template").asText().replaceAll(" ?\\[T\\]", ""));
    }
    if (TRAINED.contains(method)) {
      root.remove("budget");
    } else {
      document.set("budget", limits(), "--budget");
    }
    if (model != null) {
      document.set("model", TextNode.valueOf(model), "--model");
    }
    if (one != null) {
      document.set("task", TextNode.valueOf(one), "--task");
    }
    for (String assignment : assignments) {
      int colon = assignment.indexOf(':');
      if (colon < 1) {
        throw new InvalidInputException(
            "--set %s: write METHOD:a.b=c, such as gcg:search.width=64.".formatted(assignment));
      }
      if (assignment.substring(0, colon).equals(method)) {
        document.set(assignment.substring(colon + 1));
      }
    }
    return ConfigReader.read(document, folder);
  }

  /**
   * Their vectors, keys and values stand in front, or there are none; P-tuning's fill the slots.
   */
  private static boolean withoutSlots(String method) {
    return TRAINED.contains(method)
        || (SoftMethod.names().contains(method) && !method.equals("p-tuning"))
        || List.of("bbt", "bbtv2").contains(method);
  }

  private ObjectNode limits() {
    int equals = budget.indexOf('=');
    String key = equals < 1 ? "" : budget.substring(0, equals).replace('-', '_');
    try {
      long limit = Long.parseLong(budget.substring(equals + 1).replace("_", ""));
      if (List.of("forward_tokens", "steps", "evaluations").contains(key)) {
        ObjectNode limits = JsonNodeFactory.instance.objectNode();
        return limits.put(key, limit);
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new InvalidInputException(
        "--budget %s: write forward-tokens=N, steps=N or evaluations=N.".formatted(budget));
  }
}
