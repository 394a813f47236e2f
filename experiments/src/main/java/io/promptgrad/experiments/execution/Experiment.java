package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.data.FactTask;
import io.promptgrad.evaluation.Comparison;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.experiments.config.AutoPromptMethod;
import io.promptgrad.experiments.config.DiscreteConfig;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.experiments.config.FineTuningMethod;
import io.promptgrad.experiments.config.GradientFreeConfig;
import io.promptgrad.experiments.config.ManualPrompt;
import io.promptgrad.experiments.config.MethodSettings;
import io.promptgrad.experiments.config.ProbeMethod;
import io.promptgrad.experiments.config.SoftMethod;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.blackbox.BlackBoxPrompt;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.AutoPrompt;
import io.promptgrad.gradient.discrete.AutoPromptConfig;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.LabelTokenSearch;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.soft.SoftPrompt;
import io.promptgrad.gradient.soft.VirtualTokens;
import io.promptgrad.gradient.supervised.FineTuning;
import io.promptgrad.gradient.supervised.LinearProbe;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.Devices;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Metrics;
import io.promptgrad.metric.Outcome;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.report.HtmlReport;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import io.promptgrad.search.Cost;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * One experiment from its configuration to its result: baselines, search, one evaluation of the
 * prompt found, a paired test, a report.
 *
 * <p>Everything that the user gave is checked before the run directory is made. From then on every
 * piece of work is on the disk when it is done, so that a run that was killed goes on where it was
 * and reaches the result that it would have had.
 */
public final class Experiment implements AutoCloseable {

  private final ExperimentConfig config;
  private final Task task;
  private final LanguageModel model;
  private final Console console;
  private final Metric metric;
  private final List<Metric> others;
  private final List<TriggerPrompt> manualPrompts;
  private final Optional<Answers> answers; // of facts
  private Optional<LanguageModel> policy =
      Optional.empty(); // that draws prompts; loaded when needed
  private final List<Search> searches = new ArrayList<>(); // to be closed
  private Search prepared; // with given label words, made when they were checked

  private Experiment(ExperimentConfig config, Task task, LanguageModel model, Console console) {
    this.config = config;
    this.model = model;
    this.answers = config.facts().map(facts -> Answers.of(facts, task, model.tokenizer()));
    this.task = answers.map(a -> a.facts().task()).orElse(task);
    Tasks.requireFields(this.task, config.template());
    this.console = console;
    this.metric = Metrics.named(config.metric());
    this.others = config.otherMetrics().stream().map(Metrics::named).toList();
    this.manualPrompts = config.manualPrompts().stream().map(this::prompt).toList();
  }

  /**
   * Runs an experiment in a new directory.
   *
   * @throws InvalidInputException if something that the user gave cannot be used
   * @throws Interrupt.Interrupted if the user stopped it; it is saved
   */
  public static RunResult start(ExperimentConfig config, Console console) {
    Task task = Tasks.load(config);
    LoadOptions options = ModelLoader.options(config.device(), config.precision());
    ExperimentConfig settled =
        config
            .on(
                ModelLoader.settled(config.model(), console),
                Devices.name(options.devices()),
                options.precision().toString())
            .drawnFrom(policy -> ModelLoader.settled(policy, console));
    try (LanguageModel model = ModelLoader.load(settled.model(), options, console);
        Experiment experiment = new Experiment(settled, task, model, console)) {
      experiment.check();
      Path out = config.out().orElseGet(() -> RunFolders.next(task.name(), settled));
      try (RunDirectory run = RunDirectory.create(out, settled.toJson())) {
        run.writeInputs(experiment.inputs());
        run.writeEnvironment(Environment.versions(), Environment.device(model));
        return experiment.untilInterrupted(run);
      }
    }
  }

  /**
   * Goes on with a run.
   *
   * @param config the run's own, with another budget or other stop rules at most
   */
  public static RunResult resume(RunDirectory run, ExperimentConfig config, Console console) {
    Task task = Tasks.load(config);
    LoadOptions options = ModelLoader.options(config.device(), config.precision());
    try (LanguageModel model = ModelLoader.load(config.model(), options, console);
        Experiment experiment = new Experiment(config, task, model, console)) {
      run.inputs().ifPresent(begun -> Inputs.requireSame(begun, experiment.inputs(), run.path()));
      // Else a run that is interrupted from here on would show the result of its shorter self.
      run.withdrawResult();
      run.write("config.yaml", YamlDocument.write(config.toJson()));
      return experiment.untilInterrupted(run);
    }
  }

  private ObjectNode inputs() {
    ObjectNode inputs = Inputs.of(task, model.path());
    answers.ifPresent(a -> a.addTo(inputs));
    policy().ifPresent(own -> inputs.setAll(Inputs.of(own.path(), "policy")));
    if (config.settings() instanceof SoftMethod method) {
      inputs.setAll(SoftMethods.inputs(method));
    }
    config.settings().from().ifPresent(from -> inputs.setAll(SoftMethods.inputs(from)));
    return inputs;
  }

  /** A template with the answers, or with given label words. */
  private Cloze cloze(PromptTemplate template, Optional<Verbalizer> verbalizer) {
    return answers.isPresent()
        ? new Cloze(model, template, answers.get().labels())
        : new Cloze(model, template, verbalizer.or(config::verbalizer).orElseThrow());
  }

  private TriggerPrompt prompt(ManualPrompt manual) {
    Tasks.requireFields(task, manual.template());
    Cloze cloze = cloze(manual.template(), manual.verbalizer());
    Tasks.requireLabels(task, cloze.labels().labels());
    cloze.encode(task.dev());
    cloze.encode(task.test());
    return TriggerPrompt.of(manual.template(), cloze.labels(), new int[0], model.tokenizer());
  }

  /**
   * Finds mistakes in template, label words and examples before anything is computed or written;
   * the test examples too, which the search never sees.
   */
  private void check() {
    Cloze cloze;
    boolean searches = config.settings().searches();
    if (!(config.settings() instanceof ProbeMethod) && config.labelSearch().isEmpty()) {
      cloze = cloze(config.template(), Optional.empty());
      if (searches) {
        prepared = search(cloze);
      }
    } else {
      // Any tokens stand for the labels of train until the label search has found some.
      List<String> labels =
          List.copyOf(new TreeSet<>(task.train().stream().map(Example::label).toList()));
      int[][] ids =
          IntStream.rangeClosed(1, labels.size())
              .mapToObj(c -> new int[] {c})
              .toArray(int[][]::new);
      cloze = new Cloze(model, config.template(), new LabelTokens(labels, ids));
      if (searches) {
        make(cloze).close();
      }
    }
    Tasks.requireLabels(task, cloze.labels().labels());
    cloze.encode(task.train());
    cloze.encode(task.test());
  }

  private Search search(Cloze cloze) {
    if (prepared != null) {
      return prepared;
    }
    Tasks.requireLabels(task, cloze.labels().labels());
    Search search = make(cloze);
    searches.add(search);
    return search;
  }

  private Search make(Cloze cloze) {
    MethodSettings settings = config.settings();
    RandomSource random = new RandomSource(config.seed());
    if (settings instanceof AutoPromptMethod autoPrompt) {
      AutoPromptConfig own =
          autoPrompt
              .from()
              .map(from -> SoftMethods.startingAt(from, autoPrompt.config(), model, config.model()))
              .orElse(autoPrompt.config());
      return new AutoPrompt(model, task, cloze, own, metric, random);
    }
    if (settings instanceof DiscreteConfig discrete) {
      return DiscreteMethods.search(discrete, model, config.model(), task, cloze, metric, random);
    }
    if (settings instanceof SoftMethod soft) {
      return SoftMethods.search(soft, model, config.model(), task, cloze, metric, random);
    }
    if (settings instanceof GradientFreeConfig gradientFree) {
      return GradientFreeMethods.search(
          gradientFree, model, policy(), task, config.template(), cloze.labels(), metric, random);
    }
    throw new IllegalStateException(config.method() + " does not search.");
  }

  /** The model that draws prompts: the task's own if it has that name. */
  private Optional<LanguageModel> policy() {
    Optional<String> named =
        config.settings() instanceof GradientFreeConfig own ? own.policy() : Optional.empty();
    if (named.equals(Optional.of(config.model()))) {
      return Optional.of(model);
    }
    if (named.isPresent() && policy.isEmpty()) {
      LoadOptions options = ModelLoader.options(config.device(), config.precision());
      policy = Optional.of(ModelLoader.load(named.get(), options, console));
    }
    return policy;
  }

  @Override
  public void close() {
    searches.forEach(Search::close);
    policy.ifPresent(LanguageModel::close);
  }

  // ------------------------------------------------------------------ the run

  /** From here on there is something to save, and signals mean to save it. */
  private RunResult untilInterrupted(RunDirectory run) {
    return console.interrupt().during(console.err(), () -> run(run));
  }

  private RunResult run(RunDirectory run) {
    console.say(
        "%s on %s, %s: %d train, %d dev, %d test examples. Run directory: %s"
            .formatted(
                config.model(),
                Environment.device(model),
                task.name(),
                task.train().size(),
                task.dev().size(),
                task.test().size(),
                run.path()));
    List<String> notes = new ArrayList<>();
    answers.ifPresent(a -> notes.addAll(a.facts().leftOut()));
    notes.addAll(Tasks.leaks(task, config.template(), List.of("dev", "test")));
    if (config.settings() instanceof SoftMethod soft) {
      notes.addAll(SoftMethods.leaks(soft, task, config.template()));
    }
    notes.forEach(note -> console.say("Warning: " + note));
    Baselines baselines = Baselines.open(run, console);
    LabelTokens labels = labels(baselines);
    baselines.majority(task, metric, others);
    if (answers.isPresent()) {
      baselines.naiveBayes(task, List.of(FactTask.SUBJECT), metric, others);
    }
    ClozeEvaluator evaluator = new ClozeEvaluator(model, metric, others);
    baselines.manual(manualPrompts, task, evaluator);

    RunResult.Builder result =
        RunResult.builder(config.method(), config.model(), task.name(), metric.name())
            .seed(config.seed())
            .device(Devices.name(model.devices()))
            .runDir(run.path().toString())
            .warnings(notes);
    List<Outcome> found;
    if (config.settings() instanceof ProbeMethod probe) {
      found = probe(run, probe.config(), result);
    } else if (config.settings() instanceof FineTuningMethod tuning) {
      found = fineTune(run, tuning.config(), labels, baselines.labelSearch(), result);
    } else {
      found = searched(run, labels, baselines, result);
    }
    result.warnings(baselines.warnings());
    baselines
        .scores()
        .forEach(
            (name, scores) -> {
              scores.forEach((split, score) -> result.baseline(name, split, score));
              result.comparison(name, Comparison.of(metric, found, run.outcomes(name, "test")));
            });
    RunResult done = result.build();
    run.writeResult(done);
    HtmlReport.write(run);
    return done;
  }

  /** Searches. Test is looked at once, with the prompt that dev chose. */
  private List<Outcome> searched(
      RunDirectory run, LabelTokens labels, Baselines baselines, RunResult.Builder result) {
    LoopResult loop =
        search(run, new Cloze(model, config.template(), labels), baselines.labelSearch());
    Prompt found = deployable(loop.best().prompt());
    EvalReport dev = Prompts.evaluate(found, model, task.dev(), metric, others);
    EvalReport test = Prompts.evaluate(found, model, task.test(), metric, others);
    console.interrupt().check(run.path());
    run.writePrompt(found);
    if (found instanceof SoftPrompt soft) {
      VirtualTokens.of(model, soft)
          .ifPresent(view -> run.write(VirtualTokens.FILE, Json.pretty(view)));
      if (config.settings() instanceof SoftMethod method) {
        result.warnings(
            SoftMethods.writeFurther(method, model, soft, metric, others, run, console));
      }
    }
    result.loop(loop, dev.toScore(), test.toScore());
    return kept(run, dev, test, result);
  }

  /** Vectors instead of words are virtual tokens, whoever found them. */
  private Prompt deployable(Prompt found) {
    return found instanceof BlackBoxPrompt vectors
        ? vectors.asSoftPrompt(model, config.model()).map(Prompt.class::cast).orElse(found)
        : found;
  }

  private List<Outcome> probe(
      RunDirectory run, LinearProbe.Config settings, RunResult.Builder result) {
    console.say("Training a linear classifier on features of " + config.template());
    long begin = System.nanoTime();
    long tokens = model.forwardTokens();
    LinearProbe.Result probe =
        new LinearProbe(model, settings)
            .run(task, config.template(), metric, others, new RandomSource(config.seed()));
    console.interrupt().check(run.path());
    int examples = task.train().size() + task.dev().size() + task.test().size();
    result.trained(
        new RunResult.Found(
            "classifier",
            "linear classifier of epoch %d on %s".formatted(probe.epoch(), config.template()),
            new int[0],
            "",
            new TreeMap<>(Map.of("dev", probe.dev().toScore(), "test", probe.test().toScore()))),
        settings.epochs(),
        new Cost(examples, model.forwardTokens() - tokens, 0, 0, 0),
        (System.nanoTime() - begin) / 1e9);
    return kept(run, probe.dev(), probe.test(), result);
  }

  private List<Outcome> fineTune(
      RunDirectory run,
      FineTuning.Config settings,
      LabelTokens labels,
      Baselines.Used before,
      RunResult.Builder result) {
    Cloze cloze = new Cloze(model, config.template(), labels);
    LoadOptions options = ModelLoader.options(config.device(), config.precision());
    long begin = System.nanoTime();
    FineTuning.Result tuned =
        new FineTuning(model, options, settings, run.path())
            .run(
                task,
                cloze,
                metric,
                others,
                new RandomSource(config.seed()),
                epoch -> {
                  console.say("Epoch %d of %d is done.".formatted(epoch, settings.epochs()));
                  console.interrupt().check(run.path());
                });
    run.writePrompt(TriggerPrompt.of(config.template(), labels, new int[0], model.tokenizer()));
    result.trained(
        new RunResult.Found(
            "weights",
            "weights of epoch %d with %s".formatted(tuned.epoch(), config.template()),
            new int[0],
            "model/",
            new TreeMap<>(Map.of("dev", tuned.dev().toScore(), "test", tuned.test().toScore()))),
        tuned.updates(),
        before.cost().plus(tuned.cost()),
        before.seconds() + (System.nanoTime() - begin) / 1e9);
    return kept(run, tuned.dev(), tuned.test(), result);
  }

  /** Keeps what became of the examples; returns those of test. */
  private List<Outcome> kept(
      RunDirectory run, EvalReport dev, EvalReport test, RunResult.Builder result) {
    run.writeOutcomes("found", "dev", dev.outcomes(), task.dev());
    run.writeOutcomes("found", "test", test.outcomes(), task.test());
    result.warnings(dev.warnings()).warnings(test.warnings());
    return test.outcomes();
  }

  private LoopResult search(RunDirectory run, Cloze cloze, Baselines.Used before) {
    console.say("Searching for %s".formatted(config.template()));
    SearchLoop loop =
        SearchLoop.of(search(cloze))
            .budget(config.budget())
            .startAt(before.cost(), before.seconds())
            .in(run.path(), config.identity())
            .listener(new Progress(console))
            .cancelWhen(console.interrupt()::requested);
    config.stop().forEach(loop::stopWhen);
    LoopResult result = loop.run();
    console.interrupt().check(run.path());
    return result;
  }

  /** The given label words as tokens, or those that the label search finds on train. */
  private LabelTokens labels(Baselines baselines) {
    if (config.settings() instanceof ProbeMethod) {
      return new LabelTokens(List.of("none"), new int[][] {{0}}); // the classifier has no words
    }
    if (config.labelSearch().isEmpty()) {
      return cloze(config.template(), Optional.empty()).labels();
    }
    JsonNode kept =
        baselines.keep(
            "label_search",
            () -> {
              console.say(
                  "Searching for label tokens on %d examples.".formatted(task.train().size()));
              long tokensBefore = model.forwardTokens();
              long begin = System.nanoTime();
              LabelTokenSearch.Result found =
                  new LabelTokenSearch(model, config.labelSearch().get())
                      .run(config.template(), task.train(), new RandomSource(config.seed()));
              ObjectNode node = Json.object();
              node.put("train_accuracy", found.accuracy());
              node.put("seconds", (System.nanoTime() - begin) / 1e9);
              long used = model.forwardTokens() - tokensBefore;
              node.set("cost", new Cost(task.train().size(), used, 0, 0, 0).toJson());
              Map<String, int[]> ids = new TreeMap<>();
              ObjectNode byLabel = node.putObject("token_ids");
              for (int c = 0; c < found.labels().size(); c++) {
                ids.put(found.labels().labels().get(c), found.labels().ids()[c]);
              }
              ids.forEach((label, tokens) -> byLabel.set(label, Json.array(tokens)));
              return node;
            });
    List<String> names = new ArrayList<>();
    List<int[]> ids = new ArrayList<>();
    kept.path("token_ids")
        .properties()
        .forEach(
            entry -> {
              names.add(entry.getKey());
              ids.add(Json.ints(entry.getValue()));
            });
    return new LabelTokens(names, ids.toArray(new int[0][]));
  }
}
