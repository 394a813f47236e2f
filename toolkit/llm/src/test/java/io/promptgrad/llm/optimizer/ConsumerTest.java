package io.promptgrad.llm.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.instruction.AnswerScorer;
import io.promptgrad.llm.instruction.ChatLayout;
import io.promptgrad.llm.instruction.Grader;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.openai.Endpoint;
import io.promptgrad.llm.openai.OpenAiClient;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.search.Budget;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.task.Task;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a user writes for a whole OPRO run against a server. */
class ConsumerTest {

  @Test
  void opro_fromJava_findsAnInstruction() {
    Task task = SimulatedTask.task(40, 40, 10);
    try (ScriptedServer server = new ScriptedServer(SimulatedTask::answer)) {
      Endpoint endpoint = server.endpoint();
      try (ModelCalls calls = new ModelCalls()) {
        Llm scored = calls.as(Role.TASK, new OpenAiClient(endpoint, "scored"));
        Llm proposing = calls.as(Role.PROPOSER, new OpenAiClient(endpoint, "proposing"));
        Grader grader = Grader.label(task.labels());
        ChatLayout layout = ChatLayout.chat();
        AnswerScorer answers = new AnswerScorer(scored, layout, Sampling.greedy(16), grader);
        PromptProblem problem =
            new PromptProblem(
                calls,
                new PromptScorer(calls, answers),
                new Proposer(calls, proposing),
                task,
                layout,
                List.of(InstructionPrompt.of(SimulatedTask.SEED)),
                PromptProblem.Selection.DEV,
                new RandomSource(0));
        OproConfig config = OproConfig.defaults().withSamples(4, SimulatedTask.drawing());
        LoopResult result =
            SearchLoop.of(new Opro(problem, config)).budget(Budget.ofSteps(5)).run();
        assertThat(result.best().prompt().text()).isNotBlank();
        assertThat(result.best().dev()).isGreaterThan(0.2);
      }
    }
  }
}
