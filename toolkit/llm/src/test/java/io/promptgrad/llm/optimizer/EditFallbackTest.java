package io.promptgrad.llm.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.SqliteCache;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.openai.OpenAiClient;
import io.promptgrad.llm.optimizer.OptimizerContractTest.Method;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.search.Budget;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.task.Task;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every optimizer with a proposer that says nothing that could be read, and with none. */
class EditFallbackTest {

  private static final Task TASK = SimulatedTask.task(20, 20, 10);
  private static final String SEED =
      "Be polite. Answer quickly. Think step by step, and check the answer. Ignore the details.";

  @TempDir Path folder;

  private record Run(LoopResult result, JsonNode proposals, List<String> warnings, long asked) {}

  private Run run(Method method, String name, boolean model, int steps) {
    try (ScriptedServer server =
            new ScriptedServer(
                request ->
                    request.path("model").asText().equals("scored")
                        ? SimulatedTask.answer(request)
                        : "hm");
        ModelCalls calls =
            new ModelCalls(
                SqliteCache.open(folder.resolve(name + ".db")),
                PriceTable.builtIn(),
                Allowance.unlimited(),
                Optional.of(name))) {
      PromptProblem simulated =
          SimulatedTask.problem(server.endpoint(), calls, TASK, SimulatedTask.LIMITS, 3);
      Proposer proposer =
          new Proposer(
              calls,
              model
                  ? Optional.of(
                      calls.as(
                          Role.PROPOSER,
                          new OpenAiClient(server.endpoint(), "silent"),
                          SimulatedTask.LIMITS))
                  : Optional.empty(),
              2,
              List.of(PhraseEdit.values()),
              new RandomSource(3));
      PromptProblem problem =
          new PromptProblem(
              calls,
              simulated.scorer(),
              proposer,
              TASK,
              simulated.layout(),
              List.of(InstructionPrompt.of(SEED)),
              simulated.selection(),
              simulated.random());
      LoopResult result =
          SearchLoop.of(method.make().apply(problem))
              .budget(Budget.ofSteps(steps))
              .in(folder.resolve(name), "x")
              .run();
      return new Run(result, proposer.save(), calls.warnings(), calls.meter(Role.PROPOSER).calls());
    }
  }

  static Stream<Method> methods() {
    return OptimizerContractTest.methods();
  }

  @ParameterizedTest
  @MethodSource("methods")
  void search_unreadableProposer_goesOnByEditsAndSaysSo(Method method) {
    Run run = run(method, "silent", true, 8);
    if (method.name().equals("grips")) {
      return; // its own edits ask nobody, and its paraphrases are too few to judge by
    }
    assertThat(run.proposals().path("edits").asLong()).as("edits").isPositive();
    assertThat(run.proposals().path("answers").asLong()).as("answers").isBetween(5L, 100L);
    assertThat(run.warnings()).anyMatch(warning -> warning.contains("edits"));
    assertThat(run.result().steps())
        .isEqualTo(method.name().equals("ape") ? run.result().steps() : 8);
  }

  @ParameterizedTest
  @MethodSource("methods")
  void search_withoutAnyProposer_asksNobody(Method method) {
    Run run = run(method, "none", false, 5);
    assertThat(run.asked()).isZero();
    assertThat(run.proposals().path("answers").asLong()).isZero();
    if (!method.name().equals("grips")) {
      assertThat(run.proposals().path("edits").asLong()).isPositive();
    }
  }

  /** The counts are part of the state: else a resumed run would ask again what is hopeless. */
  @ParameterizedTest
  @MethodSource("methods")
  void search_resumedAfterEveryStep_equalsTheUninterrupted(Method method) {
    Run whole = run(method, "whole", true, 6);
    Run pieces = null;
    for (int steps = 1; steps <= 6; steps++) {
      pieces = run(method, "pieces", true, steps);
    }
    assertThat(pieces.result().best()).isEqualTo(whole.result().best());
    assertThat(pieces.proposals()).isEqualTo(whole.proposals());
  }

  // ------------------------------------------------------------------ edits by hand

  @Test
  void phraseEdits_onAText_keepOrLoseItsParts() {
    String text = "Read the text, and say whether it is good.";
    Set<String> parts = Set.copyOf(Parts.of(text, GripsConfig.Level.PHRASE));
    for (int n = 0; n < 20; n++) {
      RandomSource random = new RandomSource(n);
      String shorter = PhraseEdit.DELETE.apply(text, random.stream("x", 0)).orElseThrow();
      Set<String> left = new HashSet<>(Parts.of(text, GripsConfig.Level.PHRASE));
      left.removeIf(shorter::contains);
      assertThat(left).as(shorter).hasSize(1);
      String swapped = PhraseEdit.SWAP.apply(text, random.stream("x", 0)).orElseThrow();
      assertThat(swapped).isNotEqualTo(text).hasSameSizeAs(text);
      parts.forEach(part -> assertThat(swapped).contains(part));
    }
    assertThat(PhraseEdit.DELETE.apply("word", new RandomSource(0).stream("x", 0))).isEmpty();
    assertThat(PhraseEdit.SWAP.apply("two words", new RandomSource(0).stream("x", 0)))
        .contains("words two");
  }
}
