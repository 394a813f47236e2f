package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Ten questions "number i" whose answer is yes; the scored model gets as many right as the
 * instruction says, and the proposing model says what it is told to.
 */
final class KnownTask implements AutoCloseable {

  final List<String> metaPrompts = new ArrayList<>();
  final ModelCalls calls = new ModelCalls();
  final ScriptedServer server;
  final PromptProblem problem;

  KnownTask(List<String> seeds, List<String> answers) {
    int[] next = {0};
    server =
        new ScriptedServer(
            request -> {
              String text = ScriptedServer.lastMessage(request);
              if (request.path("model").asText().equals("scored")) {
                String right = system(request).replaceAll("\\D", "");
                int number = Integer.parseInt(text.replaceAll("\\D", ""));
                return number < Integer.parseInt("0" + right) ? "yes" : "no";
              }
              synchronized (metaPrompts) {
                metaPrompts.add(text);
                return answers.get(next[0]++ % answers.size());
              }
            });
    List<Example> examples =
        IntStream.range(0, 10)
            .mapToObj(i -> new Example("e:" + i, Map.of("q", "number " + i), "yes"))
            .toList();
    List<Example> withNo =
        List.of(
            new Example("t:1", Map.of("q", "number 1"), "yes"),
            new Example("t:2", Map.of("q", "number 2"), "no"));
    PromptProblem simulated =
        SimulatedTask.problem(
            server.endpoint(),
            calls,
            new Task("known", examples, examples, withNo),
            SimulatedTask.LIMITS.withConcurrency(1),
            0);
    problem =
        new PromptProblem(
            calls,
            simulated.scorer(),
            simulated.proposer(),
            simulated.task(),
            simulated.layout(),
            seeds.stream().map(InstructionPrompt::of).toList(),
            PromptProblem.Selection.TRAIN,
            simulated.random());
  }

  private static String system(JsonNode request) {
    return request.path("messages").path(0).path("content").asText();
  }

  @Override
  public void close() {
    server.close();
    calls.close();
  }
}
