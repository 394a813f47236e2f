package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.Comparison;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.InstructionMethods;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.files.Json;
import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.MemoryCache;
import io.promptgrad.llm.cache.ReplyCache;
import io.promptgrad.llm.cache.SqliteCache;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.optimizer.PromptProblem;
import io.promptgrad.llm.optimizer.Proposer;
import io.promptgrad.metric.Outcome;
import io.promptgrad.report.HtmlReport;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchLoop;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * A search for an instruction from its configuration to its result: baselines, search, one
 * evaluation of the prompt found, a paired test, a report, in a run directory as of every method.
 *
 * <p>The budget limits the search. Baselines and the last evaluation are calls of their own, which
 * come on top and are counted apart: {@code models.json} has both, by role.
 */
public final class InstructionRun {

  private static final String IDS = "calls.json";

  private final InstructionConfig config;
  private final Console console;
  private final ChatModels models;
  private final InstructionTask task;

  private InstructionRun(InstructionConfig config, Console console, ChatModels models) {
    this.config = config;
    this.console = console;
    this.models = models;
    this.task = InstructionTask.of(config, models.scorerChats());
  }

  /**
   * Runs a search in a new directory.
   *
   * @throws io.promptgrad.input.InvalidInputException if something that the user gave cannot be
   *     used
   * @throws Interrupt.Interrupted if the user stopped it; it is saved
   */
  public static RunResult start(InstructionConfig config, Console console) {
    try (ChatModels models = ChatModels.open(config, console)) {
      InstructionRun self = new InstructionRun(config, console, models);
      self.check();
      String name = self.task.task().name();
      Path out =
          config.out().orElseGet(() -> RunFolders.next(name, config.method(), config.seed()));
      try (RunDirectory run = RunDirectory.create(out, config.toJson())) {
        run.writeInputs(self.inputs());
        run.writeEnvironment(
            config.uses(InstructionConfig.LOCAL)
                ? Environment.versions()
                : Map.of("promptgrad", Environment.own()),
            config.device());
        return self.untilInterrupted(run);
      }
    }
  }

  /**
   * Goes on with a run.
   *
   * @param config the run's own, with another budget or other stop rules at most
   */
  public static RunResult resume(RunDirectory run, InstructionConfig config, Console console) {
    try (ChatModels models = ChatModels.open(config, console)) {
      InstructionRun self = new InstructionRun(config, console, models);
      run.inputs().ifPresent(begun -> Inputs.requireSame(begun, self.inputs(), run.path()));
      run.withdrawResult();
      run.write("config.yaml", YamlDocument.write(config.toJson()));
      return self.untilInterrupted(run);
    }
  }

  /** Finds what does not fit together before anything is written or spent. */
  private void check() {
    try (ModelCalls calls =
        new ModelCalls(new MemoryCache(), prices(config), allowance(config), Optional.empty())) {
      search(calls);
    }
  }

  private ObjectNode inputs() {
    ObjectNode inputs = Inputs.of(task.task());
    inputs.setAll(models.inputs());
    return inputs;
  }

  static PriceTable prices(InstructionConfig config) {
    return config.prices().map(PriceTable.builtIn()::with).orElseGet(PriceTable::builtIn);
  }

  /** The budget's part that no step may pass, however many calls it makes at once. */
  static Allowance allowance(InstructionConfig config) {
    return new Allowance(
        config.budget().calls(), config.budget().forwardTokens(), config.budget().usd());
  }

  // ------------------------------------------------------------------ the run

  private RunResult untilInterrupted(RunDirectory run) {
    return console
        .interrupt()
        .during(
            console.err(),
            () -> {
              Path file = config.cache().orElseGet(() -> run.path().resolve("answers.sqlite"));
              try (ReplyCache cache = SqliteCache.open(file)) {
                return run(run, cache);
              }
            });
  }

  private RunResult run(RunDirectory run, ReplyCache cache) {
    console.say(
        "%s on %s, proposals by %s: %d train, %d dev, %d test examples, scored by %s. Run directory: %s"
            .formatted(
                config.scorer(),
                task.task().name(),
                config.proposer(),
                task.task().train().size(),
                task.task().dev().size(),
                task.task().test().size(),
                task.by().equals("answer") ? task.extractor() : task.by(),
                run.path()));
    List<String> notes =
        new ArrayList<>(Tasks.leaks(task.task(), task.shown(), List.of("dev", "test")));
    notes.forEach(note -> console.say("Warning: " + note));
    String id = id(run);
    PriceTable prices = prices(config);
    try (ModelCalls evaluating =
            new ModelCalls(cache, prices, Allowance.unlimited(), Optional.of(id + "/evaluation"));
        ModelCalls searching = new ModelCalls(cache, prices, allowance(config), Optional.of(id))) {
      PromptScorer evaluator = scorer(evaluating);
      Baselines baselines =
          Baselines.open(run, console).spending(evaluating::save, evaluating::restore);
      if (task.rightOrWrong()) {
        baselines.majority(task.task(), task.metric(), List.of());
      }
      List<InstructionPrompt> manual =
          config.manualPrompts().stream().map(InstructionPrompt::of).toList();
      baselines.manual(manual, task.task(), evaluator);

      PromptProblem problem = problem(searching);
      LoopResult loop = loop(run, problem);
      console.interrupt().check(run.path());
      InstructionPrompt found = (InstructionPrompt) loop.best().prompt();
      EvalReport dev = evaluator.evaluate(found, task.task().dev());
      EvalReport test = evaluator.evaluate(found, task.task().test());
      run.writePrompt(found);
      run.writeOutcomes("found", "dev", dev.outcomes(), task.task().dev());
      run.writeOutcomes("found", "test", test.outcomes(), task.task().test());
      run.write("models.json", Json.pretty(models(searching, evaluating, problem.proposer())));

      RunResult.Builder result =
          RunResult.builder(
                  config.method(), config.scorer(), task.task().name(), task.metric().name())
              .seed(config.seed())
              .device(config.device())
              .runDir(run.path().toString())
              .warnings(notes)
              .warnings(proposals(problem.proposer()))
              .warnings(searching.warnings())
              .warnings(evaluating.warnings())
              .warnings(dev.warnings())
              .warnings(test.warnings())
              .warnings(baselines.warnings())
              .loop(loop, dev.toScore(), test.toScore());
      compare(run, baselines, test.outcomes(), result);
      RunResult done = result.build();
      run.writeResult(done);
      HtmlReport.write(run);
      return done;
    }
  }

  /** The run's name among all that use the cache; one that has none yet has asked nobody. */
  private static String id(RunDirectory run) {
    Path file = run.path().resolve(IDS);
    if (!Files.exists(file)) {
      run.write(IDS, Json.pretty(Json.object().put("run", UUID.randomUUID().toString())));
    }
    return Json.read(file).path("run").asText();
  }

  private void compare(
      RunDirectory run, Baselines baselines, List<Outcome> found, RunResult.Builder result) {
    baselines
        .scores()
        .forEach(
            (name, scores) -> {
              scores.forEach((split, score) -> result.baseline(name, split, score));
              result.comparison(
                  name, Comparison.of(task.metric(), found, run.outcomes(name, "test")));
            });
  }

  private LoopResult loop(RunDirectory run, PromptProblem problem) {
    SearchLoop loop =
        SearchLoop.of(search(problem))
            .budget(config.budget())
            .in(run.path(), config.identity())
            .listener(new PromptTable(console))
            .cancelWhen(console.interrupt()::requested);
    config.stop().forEach(loop::stopWhen);
    return loop.run();
  }

  private void search(ModelCalls calls) {
    search(problem(calls));
  }

  private Search search(PromptProblem problem) {
    return InstructionMethods.search(config.method(), config.optimizer()).apply(problem);
  }

  private PromptScorer scorer(ModelCalls calls) {
    Llm scorer = calls.as(Role.TASK, models.scorer(), models.scorerLimits());
    Optional<Llm> judge =
        models.judge().map(model -> calls.as(Role.JUDGE, model, models.judgeLimits()));
    return new PromptScorer(calls, task.scorer(scorer, judge), task.metric());
  }

  private PromptProblem problem(ModelCalls calls) {
    Optional<Llm> proposer =
        models.proposer().map(model -> calls.as(Role.PROPOSER, model, models.proposerLimits()));
    return problem(
        config,
        task,
        calls,
        scorer(calls),
        new Proposer(
            calls, proposer, config.attempts(), models.edits(), new RandomSource(config.seed())));
  }

  static PromptProblem problem(
      InstructionConfig config,
      InstructionTask task,
      ModelCalls calls,
      PromptScorer scorer,
      Proposer proposer) {
    return new PromptProblem(
        calls,
        scorer,
        proposer,
        task.task(),
        task.layout(),
        config.seeds().stream().map(InstructionPrompt::of).toList(),
        PromptProblem.Selection.valueOf(config.selection().toUpperCase(Locale.ROOT)),
        new RandomSource(config.seed()));
  }

  // ------------------------------------------------------------------ what is told

  private static ObjectNode models(ModelCalls searching, ModelCalls evaluating, Proposer proposer) {
    ObjectNode json = Json.object();
    json.set("search", searching.metersAsJson());
    json.set("evaluation", evaluating.metersAsJson());
    json.set("proposals", proposer.save());
    return json;
  }

  /** The share of answers that could be read, and how many proposals were edits. */
  private List<String> proposals(Proposer proposer) {
    JsonNode counts = proposer.save();
    long answers = counts.path("answers").asLong();
    List<String> sentences = new ArrayList<>();
    if (answers > 0) {
      sentences.add(
          String.format(
              Locale.ROOT,
              "%d of %d answers of the proposer could be read (%.0f %%).",
              counts.path("readable").asLong(),
              answers,
              100 * proposer.readableShare()));
    }
    if (counts.path("edits").asLong() > 0) {
      sentences.add(
          "%d proposals are edits (%s) and no model's."
              .formatted(counts.path("edits").asLong(), String.join(", ", config.edits())));
    }
    return sentences;
  }
}
