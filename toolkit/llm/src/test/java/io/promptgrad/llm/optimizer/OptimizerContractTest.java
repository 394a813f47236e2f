package io.promptgrad.llm.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.files.Json;
import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.SqliteCache;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.policy.Limits;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.search.Budget;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.search.TraceStep;
import io.promptgrad.task.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every optimizer keeps to, shown on the simulated task over real HTTP. */
@Timeout(120)
class OptimizerContractTest {

  private static final Task TASK = SimulatedTask.task(40, 40, 10);

  /** An optimizer with settings for the simulated task. */
  record Method(String name, int steps, Function<PromptProblem, Search> make) {

    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Method> methods() {
    return Stream.of(
        new Method(
            "opro",
            8,
            problem ->
                new Opro(
                    problem,
                    OproConfig.defaults()
                        .withSamples(4, SimulatedTask.drawing())
                        .withTrajectory(20, 0, true))),
        new Method(
            "ape",
            6,
            problem ->
                new Ape(
                    problem,
                    ApeConfig.defaults()
                        .withGeneration(2, 3, 5, SimulatedTask.drawing())
                        .withResamples(100, 0.25))),
        new Method(
            "ape with a bandit",
            6,
            problem ->
                new Ape(
                    problem,
                    ApeConfig.defaults()
                        .withGeneration(2, 3, 5, SimulatedTask.drawing())
                        .withResamples(100, 0.25)
                        .withBandit(new ApeConfig.Bandit(4, 5, 10, 1)))),
        new Method(
            "evoprompt-ga",
            6,
            problem ->
                new EvoPrompt(
                    problem,
                    EvoPromptConfig.defaults(EvoPromptConfig.Variant.GA)
                        .withPopulation(6, SimulatedTask.drawing()))),
        new Method(
            "evoprompt-de",
            6,
            problem ->
                new EvoPrompt(
                    problem,
                    EvoPromptConfig.defaults(EvoPromptConfig.Variant.DE)
                        .withPopulation(6, SimulatedTask.drawing()))),
        new Method(
            "protegi", 8, problem -> new ProTeGi(problem, protegi(ProTeGiConfig.Selector.UCB))),
        new Method(
            "protegi with successive rejects",
            4,
            problem ->
                new ProTeGi(
                    problem,
                    protegi(ProTeGiConfig.Selector.SUCCESSIVE_REJECTS).withRejectOnErrors(true))),
        new Method(
            "gepa",
            40,
            problem ->
                new Gepa(
                    problem, GepaConfig.defaults().withMinibatch(10, SimulatedTask.drawing()))),
        new Method(
            "capo",
            8,
            problem ->
                new Capo(
                    problem,
                    CapoConfig.defaults()
                        .withPopulation(5, 3, 2, SimulatedTask.drawing())
                        .withRace(10, 4, 0.2, 0.05))),
        new Method(
            "promptagent",
            6,
            problem ->
                new PromptAgent(
                    problem,
                    PromptAgentConfig.defaults()
                        .withTree(3, 5, SimulatedTask.drawing())
                        .withExamples(5, 40))),
        new Method(
            "textgrad",
            20,
            problem ->
                new TextGrad(
                    problem,
                    problem.proposer().model(),
                    SimulatedTask.drawing(),
                    TextGradConfig.defaults().withMomentum(2))),
        new Method(
            "prompt-generator",
            30,
            problem ->
                new AutomatedPromptGenerator(
                    problem,
                    PromptGeneratorConfig.defaults()
                        .withRows(PromptGeneratorConfig.Strategy.BEST_WORST, 10)
                        .withSampling(40, SimulatedTask.drawing()))),
        new Method(
            "self-refining",
            20,
            problem ->
                new SelfRefining(
                    problem,
                    SelfRefiningConfig.defaults()
                        .withPopulation(4, 4, SimulatedTask.drawing())
                        .withUses(4))),
        new Method(
            "promptbreeder",
            10,
            problem ->
                new PromptBreeder(
                    problem,
                    PromptBreederConfig.defaults("Say whether an item is a rule.")
                        .withPopulation(8, 20, SimulatedTask.drawing()))),
        new Method(
            "grips",
            12,
            problem ->
                new Grips(
                    longSeed(problem),
                    GripsConfig.defaults()
                        .withEdits(
                            GripsConfig.Level.SENTENCE,
                            Set.of(GripsConfig.Edit.values()),
                            SimulatedTask.drawing())
                        .withObjective(0, 0.1))));
  }

  private static ProTeGiConfig protegi(ProTeGiConfig.Selector selector) {
    return ProTeGiConfig.defaults()
        .withBeam(3, 20)
        .withExpansion(3, 1, 4, SimulatedTask.drawing())
        .withSelector(selector, 400, 20, 5);
  }

  /** An edit-based search cannot invent advice: its seed holds good and bad. */
  private static PromptProblem longSeed(PromptProblem problem) {
    return new PromptProblem(
        problem.calls(),
        problem.scorer(),
        problem.proposer(),
        problem.task(),
        problem.layout(),
        List.of(
            InstructionPrompt.of(
                "Be polite. Answer quickly. Think step by step. Ignore the details. Name the rule first. Guess if you are unsure. Write neatly.")),
        problem.selection(),
        problem.random());
  }

  @TempDir Path folder;

  private record Run(LoopResult result, List<TraceStep> trace, ModelCalls calls) {

    /** Everything that the trace holds except time. */
    List<String> steps() {
      return trace.stream()
          .map(
              step ->
                  Json.line(
                      new TraceStep(
                              step.step(),
                              0,
                              step.report(),
                              step.bestDev(),
                              step.bestStep(),
                              step.total())
                          .toJson()))
          .toList();
    }
  }

  private Run run(Method method, ScriptedServer server, String name, Budget budget) {
    return run(method, server, name, Allowance.unlimited(), budget, SimulatedTask.LIMITS);
  }

  private Run run(
      Method method,
      ScriptedServer server,
      String name,
      Allowance allowance,
      Budget budget,
      Limits limits) {
    try (ModelCalls calls =
        new ModelCalls(
            SqliteCache.open(folder.resolve(name + ".db")),
            PriceTable.builtIn(),
            allowance,
            Optional.of(name))) {
      PromptProblem problem = SimulatedTask.problem(server.endpoint(), calls, TASK, limits, 3);
      Path directory = folder.resolve(name);
      LoopResult result =
          SearchLoop.of(method.make().apply(problem)).budget(budget).in(directory, "x").run();
      return new Run(result, TraceStep.read(directory.resolve("trace.jsonl")), calls);
    }
  }

  private static ScriptedServer server() {
    return new ScriptedServer(SimulatedTask::answer);
  }

  @ParameterizedTest
  @MethodSource("methods")
  void search_onTheSimulatedTask_improvesOverItsSeed(Method method) {
    try (ScriptedServer server = server()) {
      Run run = run(method, server, "run", Budget.ofSteps(method.steps()));
      String found = run.result().best().prompt().text();
      assertThat(SimulatedTask.truth(found))
          .as("how good '%s' truly is", found)
          .isGreaterThanOrEqualTo(SimulatedTask.truth(SimulatedTask.SEED) + 0.2);
      // Dev never falls: what is returned is never worse there than the start.
      double dev = Double.NEGATIVE_INFINITY;
      for (TraceStep step : run.trace()) {
        assertThat(step.bestDev()).isGreaterThanOrEqualTo(dev);
        dev = step.bestDev();
      }
      assertThat(run.result().cost().evaluations()).isPositive();
      assertThat(run.result().cost().calls())
          .isEqualTo(
              run.calls().meter(Role.TASK).calls() + run.calls().meter(Role.PROPOSER).calls());
      assertThat(server.seen.size())
          .isEqualTo((int) run.result().cost().calls()); // nothing asked twice
    }
  }

  @ParameterizedTest
  @MethodSource("methods")
  void search_sameSeed_hasTheSameTrace(Method method) {
    try (ScriptedServer server = server()) {
      Run one = run(method, server, "one", Budget.ofSteps(4));
      Run two = run(method, server, "two", Budget.ofSteps(4));
      assertThat(two.steps()).isEqualTo(one.steps());
      assertThat(one.trace().stream().flatMap(s -> s.report().candidates().stream()))
          .extracting(Candidate::id)
          .doesNotHaveDuplicates();
    }
  }

  @ParameterizedTest
  @MethodSource("methods")
  void search_resumedAfterEveryStep_equalsTheUninterrupted(Method method) {
    try (ScriptedServer server = server()) {
      Run whole = run(method, server, "whole", Budget.ofSteps(4));
      Run pieces = null;
      for (int steps = 1; steps <= 4; steps++) {
        pieces = run(method, server, "pieces", Budget.ofSteps(steps));
      }
      assertThat(pieces.steps()).isEqualTo(whole.steps());
      assertThat(pieces.result().best()).isEqualTo(whole.result().best());
      assertThat(pieces.calls().total()).isEqualTo(whole.calls().total());
    }
  }

  /** The calls end in the middle of a step, again and again; nothing is asked or counted twice. */
  @ParameterizedTest
  @MethodSource("methods")
  void search_brokenWithinSteps_resumesToTheSame(Method method) {
    try (ScriptedServer server = server();
        ScriptedServer other = server()) {
      Run whole = run(method, other, "whole", Budget.ofSteps(3));
      long calls = whole.calls().total().calls();
      Run pieces = null;
      for (int piece = 1; piece <= 5; piece++) {
        Allowance allowance =
            new Allowance(
                OptionalLong.of(piece * calls / 5), OptionalLong.empty(), OptionalDouble.empty());
        pieces = run(method, server, "broken", allowance, Budget.ofSteps(3), SimulatedTask.LIMITS);
        assertThat(server.seen.size()).isEqualTo((int) (piece * calls / 5));
      }
      assertThat(pieces.steps()).isEqualTo(whole.steps());
      assertThat(pieces.result().best()).isEqualTo(whole.result().best());
      assertThat(pieces.calls().total()).isEqualTo(whole.calls().total());
    }
  }

  /** 30 % of the requests fail in all transient ways, sixteen at once: the same result. */
  @ParameterizedTest
  @MethodSource("methods")
  void search_underFaults_hasTheSameTrace(Method method) {
    Run calm;
    try (ScriptedServer server = server()) {
      calm = run(method, server, "calm", Budget.ofSteps(3));
    }
    try (ScriptedServer server = server().faults(0.3)) {
      Run chaos =
          run(
              method,
              server,
              "chaos",
              Allowance.unlimited(),
              Budget.ofSteps(3),
              SimulatedTask.LIMITS.withConcurrency(16));
      assertThat(chaos.steps()).isEqualTo(calm.steps());
      // The model wrote no answer twice, but for those that were lost on their way.
      long written = server.answered.values().stream().mapToLong(n -> n.get()).sum();
      assertThat(chaos.calls().total().calls()).isEqualTo(calm.calls().total().calls());
      assertThat(written).isEqualTo(chaos.calls().total().calls());
      assertThat(chaos.calls().total().failed()).isPositive();
    }
  }

  @ParameterizedTest
  @MethodSource("methods")
  void search_budgetOfCalls_endsWithinIt(Method method) {
    try (ScriptedServer server = server()) {
      try (ModelCalls calls =
          new ModelCalls(
              SqliteCache.open(folder.resolve("small.db")),
              PriceTable.builtIn(),
              new Allowance(OptionalLong.of(300), OptionalLong.empty(), OptionalDouble.empty()),
              Optional.of("small"))) {
        PromptProblem problem =
            SimulatedTask.problem(server.endpoint(), calls, TASK, SimulatedTask.LIMITS, 3);
        LoopResult result =
            SearchLoop.of(method.make().apply(problem)).budget(Budget.ofSteps(1000)).run();
        assertThat(result.stoppedBy()).isEqualTo("budget");
        assertThat(result.cost().calls()).isEqualTo(calls.total().calls()).isLessThanOrEqualTo(300);
        assertThat(server.seen.size()).isEqualTo((int) calls.total().calls());
      }
    }
  }
}
