package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.Comparison;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.Score;
import io.promptgrad.experiments.config.DiscreteConfig;
import io.promptgrad.experiments.config.TargetConfig;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.coordinate.AutoDan;
import io.promptgrad.gradient.coordinate.Gcg;
import io.promptgrad.gradient.trigger.Fluency;
import io.promptgrad.gradient.trigger.TargetProblem;
import io.promptgrad.gradient.trigger.TargetPrompt;
import io.promptgrad.gradient.trigger.TargetText;
import io.promptgrad.gradient.trigger.TransferEvaluation;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.Devices;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.chat.ChatTemplate;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.MeanLogProbability;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.report.HtmlReport;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.task.Example;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * A search for tokens that make causal models go on with wanted texts, from its configuration to
 * its result: the texts without a trigger and with the first one as baselines, the search, one look
 * at test, and what other models make of the trigger.
 *
 * <p>An answer is right if the model, asked greedily, says exactly the target; {@code log-prob} is
 * the mean log-probability of a target's token.
 */
public final class TargetExperiment implements AutoCloseable {

  private static final Metric METRIC = new Accuracy();
  private static final List<Metric> OTHERS = List.of(new MeanLogProbability());

  private final TargetConfig config;
  private final Console console;
  private final LoadOptions options;
  private final List<LanguageModel> models = new ArrayList<>(); // those searched on
  private final Map<String, List<TargetText>> texts = new LinkedHashMap<>(); // by split
  private Optional<LanguageModel> draft = Optional.empty();
  private int[] start;

  private TargetExperiment(TargetConfig config, LoadOptions options, Console console) {
    this.config = config;
    this.options = options;
    this.console = console;
  }

  /** Runs a search in a new directory; see {@link Experiment#start}. */
  public static RunResult start(TargetConfig config, Console console) {
    LoadOptions options = ModelLoader.options(config.device(), config.precision());
    TargetConfig settled =
        config.on(
            config.models().stream().map(model -> ModelLoader.settled(model, console)).toList(),
            Devices.name(options.devices()),
            options.precision().toString());
    try (TargetExperiment experiment = new TargetExperiment(settled, options, console)) {
      experiment.load();
      experiment.search(); // finds what is wrong before anything is written
      Path out =
          config.out().orElseGet(() -> RunFolders.next("targets", config.method(), config.seed()));
      try (RunDirectory run = RunDirectory.create(out, settled.toJson())) {
        run.writeInputs(experiment.inputs());
        run.writeEnvironment(Environment.versions(), Environment.device(experiment.first()));
        return console.interrupt().during(console.err(), () -> experiment.run(run));
      }
    }
  }

  /**
   * Goes on with a run.
   *
   * @param config the run's own, with another budget or other stop rules at most
   */
  public static RunResult resume(RunDirectory run, TargetConfig config, Console console) {
    LoadOptions options = ModelLoader.options(config.device(), config.precision());
    try (TargetExperiment experiment = new TargetExperiment(config, options, console)) {
      experiment.load();
      run.inputs().ifPresent(begun -> Inputs.requireSame(begun, experiment.inputs(), run.path()));
      run.withdrawResult();
      run.write("config.yaml", YamlDocument.write(config.toJson()));
      return console.interrupt().during(console.err(), () -> experiment.run(run));
    }
  }

  private void load() {
    models.add(ModelLoader.load(config.model(), options, console));
    for (String other : config.others()) {
      models.add(ModelLoader.load(other, options, console));
    }
    draft = config.draft().map(d -> ModelLoader.load(d.model(), options, console));
    texts.put("train", texts(config.train()));
    texts.put("dev", texts(config.dev()));
    texts.put("test", texts(config.test()));
    start = firstTrigger();
  }

  private LanguageModel first() {
    return models.get(0);
  }

  /** Conversations are written with the first model's template, whoever reads them. */
  private List<TargetText> texts(List<TargetConfig.Item> items) {
    List<TargetText> all = new ArrayList<>();
    for (TargetConfig.Item item : items) {
      String say = (config.addSpace() ? " " : "") + item.say();
      all.add(
          item.text().isPresent()
              ? TargetText.of(item.text().get(), say)
              : TargetText.chat(
                  ChatTemplate.read(first().path()), item.conversation(), say, config.date()));
    }
    return all;
  }

  /** The tokens of the given text; else "! ! !" and so on, which most vocabularies keep apart. */
  private int[] firstTrigger() {
    if (config.start().isPresent()) {
      int[] given = first().tokenizer().encode(config.start().get());
      if (given.length == 0) {
        throw new InvalidInputException(
            "targets.start has no token; write for example \"! ! ! !\".");
      }
      return given;
    }
    int[] marks = first().tokenizer().encode("!" + " !".repeat(config.tokens() - 1));
    int[] start = Arrays.copyOf(marks, config.tokens());
    for (int t = marks.length; t < start.length; t++) {
      start[t] = marks[marks.length - 1];
    }
    return start;
  }

  private ObjectNode inputs() {
    ObjectNode inputs = Json.object();
    for (LanguageModel model : models) {
      inputs.setAll(Inputs.of(model.path(), model == first() ? "" : model.path().toString()));
    }
    draft.ifPresent(model -> inputs.setAll(Inputs.of(model.path(), "draft")));
    return inputs;
  }

  private TargetProblem problem(List<LanguageModel> readers, int[] first) {
    return new TargetProblem(
        readers,
        texts.get("train"),
        texts.get("dev"),
        first,
        config.loss(),
        DiscreteMethods.filter(config.discrete(), first(), new int[0]),
        config.reuse());
  }

  private Search search() {
    DiscreteConfig discrete = config.discrete();
    RandomSource random = new RandomSource(config.seed());
    if (config.method().equals("autodan")) {
      TargetText text = texts.get("train").get(0);
      IntFunction<TriggerProblem> problems =
          cached(length -> problem(models, Arrays.copyOf(start, length)));
      return new AutoDan(
          problems, start.length, first(), text.beginning(first()), autodan(discrete), random);
    }
    TriggerProblem problem = problem(models, start);
    if (discrete.real("fluency") > 0) {
      problem = new Fluency(problem, discrete.real("fluency"), first(), new int[0]);
    }
    Optional<Gcg.Probe> probe =
        draft.map(
            model ->
                new Gcg.Probe(
                    problem(List.of(model), start),
                    config.draft().orElseThrow().size(),
                    config.draft().orElseThrow().reduction()));
    return DiscreteMethods.search(discrete, problem, probe, random);
  }

  private static AutoDan.Config autodan(DiscreteConfig discrete) {
    return new AutoDan.Config(
        discrete.number("top_k"),
        discrete.real("preselection"),
        discrete.real("selection"),
        discrete.real("temperature"),
        discrete.number("passes"),
        discrete.number("dev_every"));
  }

  private static IntFunction<TriggerProblem> cached(IntFunction<TriggerProblem> make) {
    Map<Integer, TriggerProblem> made = new LinkedHashMap<>();
    return length -> made.computeIfAbsent(length, make::apply);
  }

  // ------------------------------------------------------------------ the run

  private RunResult run(RunDirectory run) {
    console.say(
        "%s on %s: %d texts to search on, %d to choose by, %d to report on. Run directory: %s"
            .formatted(
                config.model(),
                Environment.device(first()),
                texts.get("train").size(),
                texts.get("dev").size(),
                texts.get("test").size(),
                run.path()));
    SearchLoop loop =
        SearchLoop.of(search())
            .budget(config.budget())
            .in(run.path(), config.identity())
            .listener(new Progress(console))
            .cancelWhen(console.interrupt()::requested);
    config.stop().forEach(loop::stopWhen);
    LoopResult result = loop.run();
    console.interrupt().check(run.path());

    TargetPrompt found = (TargetPrompt) result.best().prompt();
    run.writePrompt(found);
    RunResult.Builder builder =
        RunResult.builder(config.method(), config.model(), "targets", METRIC.name())
            .seed(config.seed())
            .device(Devices.name(first().devices()))
            .runDir(run.path().toString());
    Map<String, Score> scores = new LinkedHashMap<>();
    texts.forEach(
        (split, own) -> {
          if (own.isEmpty()) {
            return;
          }
          EvalReport with = report(first(), own, found.tokenIds());
          EvalReport without = report(first(), own, new int[0]);
          EvalReport begun = report(first(), own, start);
          scores.put(split, with.toScore());
          builder.baseline("no trigger", split, without.toScore());
          builder.baseline("first trigger", split, begun.toScore());
          builder.warnings(with.warnings());
          run.writeOutcomes("found", split, with.outcomes(), examples(own));
          if (split.equals("test")) {
            builder.comparison(
                "no trigger", Comparison.of(METRIC, with.outcomes(), without.outcomes()));
          }
        });
    builder.loop(result, scores);
    if (!found.survivesText()) {
      builder.warnings(
          List.of(
              "The trigger's text encodes to other tokens than those found: whoever sends text gets something else."));
    }
    transfer(run, found);
    RunResult done = builder.build();
    run.writeResult(done);
    HtmlReport.write(run);
    return done;
  }

  private static List<Example> examples(List<TargetText> texts) {
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      examples.add(
          new Example(
              Integer.toString(i + 1),
              Map.of("text", texts.get(i).with(TargetText.PLACE)),
              texts.get(i).target()));
    }
    return examples;
  }

  private static EvalReport report(LanguageModel model, List<TargetText> texts, int[] trigger) {
    return report(texts, TransferEvaluation.of(model, texts, trigger));
  }

  private static EvalReport report(List<TargetText> texts, TransferEvaluation read) {
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      String target = texts.get(i).target();
      outcomes.add(
          Outcome.classified(
              Integer.toString(i + 1),
              target,
              read.said().get(i) ? target : "",
              0,
              Map.of(target, -read.losses().get(i))));
    }
    return EvalReport.of(METRIC, OTHERS, outcomes);
  }

  /** The trigger, written out as text, before the other models it was searched on and strangers. */
  private void transfer(RunDirectory run, TargetPrompt found) {
    List<String> readers = new ArrayList<>(config.others());
    readers.addAll(config.transfer());
    if (readers.isEmpty()) {
      return;
    }
    ArrayNode rows = Json.object().putArray("models");
    for (String name : readers) {
      try (LanguageModel reader = ModelLoader.load(name, options, console)) {
        texts.forEach(
            (split, own) -> {
              if (!own.isEmpty()) {
                EvalReport with = report(own, TransferEvaluation.of(reader, own, found.trigger()));
                EvalReport without = report(own, TransferEvaluation.of(reader, own, ""));
                ObjectNode row = rows.addObject().put("model", name).put("split", split);
                row.put("searched_on", config.others().contains(name));
                row.set("found", with.toScore().toJson());
                row.set("no_trigger", without.toScore().toJson());
              }
            });
      }
    }
    run.write("transfer.json", Json.pretty(rows));
  }

  @Override
  public void close() {
    models.forEach(LanguageModel::close);
    draft.ifPresent(LanguageModel::close);
  }
}
