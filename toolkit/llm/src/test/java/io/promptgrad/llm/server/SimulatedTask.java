package io.promptgrad.llm.server;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
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
import io.promptgrad.llm.optimizer.PromptProblem;
import io.promptgrad.llm.optimizer.Proposer;
import io.promptgrad.llm.policy.Limits;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * A task whose best instruction is known, behind real HTTP. An instruction is a row of advice; six
 * pieces of advice help the scored model, four harm it, six do nothing, and which is which nobody
 * is told. The scored model answers right with a probability that goes by the advice, drawn for
 * each pair of instruction and example. The proposing model changes advice that it finds in what it
 * is sent, without knowing what helps.
 *
 * <p>Both are functions of the request's body, so every run can be repeated.
 */
public final class SimulatedTask {

  public static final List<String> ADVICE =
      List.of(
          "Think step by step.", // helps, as all with an even number below twelve do
          "Answer quickly.", // harms, as those with an odd number below eight do
          "Check your answer.",
          "Guess if you are unsure.",
          "Read the question twice.",
          "Ignore the details.",
          "Name the rule first.",
          "Answer at random.",
          "Write neatly.",
          "Be polite.",
          "Look for exceptions.",
          "Use plain words.",
          "Take a deep breath.",
          "Start with a greeting.",
          "Mind the order.",
          "Compare with similar cases.");

  private static final Set<Integer> HELPS = Set.of(0, 2, 4, 6, 10, 14);
  private static final Set<Integer> HARMS = Set.of(1, 3, 5, 7);

  public static final String SEED = "Be polite. Answer quickly.";

  /** Every model here says one of these. */
  private static final List<String> LABELS = List.of("yes", "no");

  private SimulatedTask() {}

  /** Numbers of the advice in a text. */
  static Set<Integer> advice(String text) {
    Set<Integer> found = new LinkedHashSet<>();
    for (int i = 0; i < ADVICE.size(); i++) {
      if (text.contains(ADVICE.get(i))) {
        found.add(i);
      }
    }
    return found;
  }

  /** How often the scored model is right with an instruction: 0.25 to 0.97. */
  public static double truth(String instruction) {
    double p = 0.25;
    for (int i : advice(instruction)) {
      p += HELPS.contains(i) ? 0.12 : HARMS.contains(i) ? -0.05 : 0;
    }
    return Math.max(0.05, Math.min(0.97, p));
  }

  public static Task task(int train, int dev, int test) {
    return new Task(
        "simulated", examples("train", train), examples("dev", dev), examples("test", test));
  }

  private static List<Example> examples(String split, int n) {
    return IntStream.rangeClosed(1, n)
        .mapToObj(
            i ->
                new Example(
                    split + ":" + i,
                    Map.of("item", "Is " + split + " item " + i + " a rule?"),
                    LABELS.get(random(split + i).nextInt(2))))
        .toList();
  }

  private static RandomGenerator random(String text) {
    return new RandomSource(0).stream(text, 0);
  }

  /** The server's models: {@code scored} and {@code proposing}. */
  public static String answer(JsonNode request) {
    return request.path("model").asText().equals("scored") ? scored(request) : proposing(request);
  }

  private static String scored(JsonNode request) {
    StringBuilder all = new StringBuilder();
    request.path("messages").forEach(m -> all.append(m.path("content").asText()).append('\n'));
    String text = all.toString();
    String item = text.replaceFirst("(?s).*Is (\\w+) item (\\d+) a rule.*", "$1$2");
    String right = LABELS.get(random(item).nextInt(2));
    boolean knows = random(text).nextDouble() < truth(text);
    String said = knows ? right : right.equals("yes") ? "no" : "yes";
    return "I say " + said + ".";
  }

  // ------------------------------------------------------------------ the proposing model

  private static String proposing(JsonNode request) {
    RandomGenerator random = random(Json.line(request));
    StringBuilder all = new StringBuilder();
    request.path("messages").forEach(m -> all.append(m.path("content").asText()).append('\n'));
    String text = all.toString();
    List<Set<Integer>> parents = new ArrayList<>();
    // What was tried and rejected is no parent: it can read that much.
    text.replaceFirst("(?s)These new instructions were tried.*", "")
        .lines()
        .map(SimulatedTask::advice)
        .filter(s -> !s.isEmpty())
        .forEach(parents::add);
    if (parents.isEmpty()) {
      parents.add(Set.of());
    }
    // The one that stands last is most often the one that matters.
    Set<Integer> child =
        new LinkedHashSet<>(
            random.nextDouble() < 0.6
                ? parents.get(parents.size() - 1)
                : parents.get(random.nextInt(parents.size())));
    if (random.nextDouble() < 0.4) {
      child.addAll(parents.get(random.nextInt(parents.size())));
    }
    int change = random.nextInt(4);
    if (change == 0 && child.size() > 1) {
      child.remove(new ArrayList<>(child).get(random.nextInt(child.size())));
    } else if (change < 3) {
      child.add(random.nextInt(ADVICE.size()));
    }
    List<String> words = new ArrayList<>();
    child.forEach(i -> words.add(ADVICE.get(i)));
    return dressed(words.isEmpty() ? ADVICE.get(8) : String.join(" ", words), text);
  }

  /** The instruction as the request wants it: in its tags, fences or brackets. */
  private static String dressed(String instruction, String request) {
    for (String tag : List.of("INS", "prompt", "IMPROVED_VARIABLE", "new_instruction")) {
      if (request.contains("<" + tag + ">")) {
        return "Here it is: <%s>%s</%s>".formatted(tag, instruction, tag);
      }
    }
    if (request.contains("<START>")) {
      return "<START>" + instruction + "<END>";
    }
    if (request.contains("square brackets")) {
      return "[" + instruction + "]";
    }
    return request.contains("```") ? "```\n" + instruction + "\n```" : instruction;
  }

  // ------------------------------------------------------------------ a search on it

  /** Draws differ on the wire only by their seed. */
  public static Sampling drawing() {
    return Sampling.of(1, 256).withSeed(1);
  }

  public static final Limits LIMITS =
      Limits.defaults()
          .withConcurrency(8)
          .withAttempts(12, Duration.ofMillis(1), Duration.ofMillis(20));

  /** The problem, with its models behind a server. */
  public static PromptProblem problem(
      Endpoint endpoint, ModelCalls calls, Task task, Limits limits, long seed) {
    Llm scored = calls.as(Role.TASK, new OpenAiClient(endpoint, "scored"), limits);
    Llm proposing = calls.as(Role.PROPOSER, new OpenAiClient(endpoint, "proposing"), limits);
    ChatLayout layout = ChatLayout.chat();
    return new PromptProblem(
        calls,
        new PromptScorer(
            calls, new AnswerScorer(scored, layout, Sampling.greedy(16), Grader.label(LABELS))),
        new Proposer(calls, proposing),
        task,
        layout,
        List.of(InstructionPrompt.of(SEED)),
        PromptProblem.Selection.DEV,
        new RandomSource(seed));
  }
}
