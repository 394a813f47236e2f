package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.instruction.Rollout;
import io.promptgrad.llm.textgrad.LlmCall;
import io.promptgrad.llm.textgrad.TextEngine;
import io.promptgrad.llm.textgrad.TextFunction;
import io.promptgrad.llm.textgrad.Variable;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * TextGrad for prompts (Yuksekgonul, Bianchi, Boen, Liu, Huang, Guestrin and Zou 2024,
 * arXiv:2406.07496, section 3.4). For other pipelines use {@link io.promptgrad.llm.textgrad}
 * directly.
 *
 * <p>One step: the prompt is run on a batch of train; each answer is compared with the right one by
 * a plain function; the sum of the comparisons is differentiated, which collects one piece of
 * feedback on the prompt for each example; the prompt is rewritten by it. A rewrite that is worse
 * on dev than the last accepted one is taken back; one that is as good stays.
 *
 * <p>Where this differs from the original: momentum shows earlier versions with their feedback (the
 * original's optimizer with momentum sends no prompt at all); the sum hands feedback to every part;
 * variables are shown in full unless {@link
 * io.promptgrad.llm.textgrad.TextualGradientDescent#shortened}.
 *
 * <p>Cost of a step: {@code batch} calls of the task model, 2 * batch + 1 of the proposer, and dev.
 */
public final class TextGrad implements Search {

  private static final String PROMPT = "system prompt to a language model that does the task";

  private final PromptProblem problem;
  private final TextGradConfig config;
  private final TextEngine engine;
  private final LlmCall call;
  private final Champion champion;
  private String current;
  private String currentId = "0";
  private double accepted = Double.NaN; // dev score of the current prompt
  private final List<String> past = new ArrayList<>(); // newest last

  private static final TextFunction COMPARISON =
      new TextFunction(
          "Compares the answer of a language model with the right answer and says whether they agree.",
          texts -> texts.get(2));

  /** A search over one instruction with the problem's proposer. */
  public TextGrad(PromptProblem problem, Sampling sampling, TextGradConfig config) {
    this(problem, problem.proposer().model(), sampling, config);
  }

  /**
   * A search over one instruction.
   *
   * @param feedback the model that gives feedback and rewrites
   * @param sampling how its answers are drawn; the original: temperature 0, top_p 0.99, 2000 tokens
   */
  public TextGrad(PromptProblem problem, Llm feedback, Sampling sampling, TextGradConfig config) {
    this.problem = problem;
    this.config = Objects.requireNonNull(config, "config");
    this.engine = new TextEngine(feedback, sampling, "", config.attempts());
    this.call = new LlmCall(feedback, sampling, config.descent().shortened());
    this.champion = new Champion(problem);
    this.current = problem.seeds().get(0).instruction();
  }

  @Override
  public String method() {
    return "textgrad";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    if (Double.isNaN(accepted)) {
      accepted = valid(current);
      notes.measure(champion, InstructionPrompt.of(current), accepted);
    }

    // 1. Forward: answers, and what the comparison says about each.
    List<Example> batch = problem.draw("textgrad.batch", step, config.batch());
    List<Rollout> rollouts = problem.scorer().rollouts(InstructionPrompt.of(current), batch);
    double before = PromptScorer.mean(rollouts.stream().map(Rollout::outcome).toList());
    String id = notes.nextId();
    notes.add(
        id,
        currentId,
        InstructionPrompt.of(current),
        before,
        batch.size(),
        Status.INCUMBENT,
        Map.of());

    // 2. Backward: one piece of feedback on the prompt for each example.
    Variable prompt = Variable.parameter(current, PROMPT);
    Optional<String> rewritten;
    if (problem.proposer().editing()) {
      prompt.addGradient(new Variable.Gradient("unknown", ""));
      Proposer.Question<String> question =
          Proposer.Question.<String>of(
                  current, Sampling.greedy(1), problem.sample(step, 0), Optional::of)
              .otherwise(edits -> edits.of(current));
      rewritten = problem.proposer().ask(question).value();
    } else {
      gradients(batch, rollouts, step).forEach(prompt::addGradient);

      // 3. The rewrite, taken back if it is worse on dev.
      rewritten =
          config
              .descent()
              .rewrite(prompt, List.copyOf(past), engine.named(problem.sample(step, 0)));
      if (!prompt.gradients().isEmpty()) {
        problem.proposer().count(rewritten.isPresent());
      }
    }
    if (rewritten.isEmpty() || rewritten.get().equals(current)) {
      notes.skip(
          currentId,
          "",
          prompt.gradients().isEmpty()
              ? "there is no feedback"
              : rewritten.isEmpty() ? "the answer cannot be read" : "the same as before");
      return notes.report(accepted, problem.calls());
    }
    remember(prompt);
    double value = valid(rewritten.get());
    boolean taken = !config.revert() || !(value < accepted);
    notes.measure(champion, InstructionPrompt.of(rewritten.get()), value);
    String child = notes.nextId();
    notes.add(
        child,
        currentId,
        InstructionPrompt.of(rewritten.get()),
        value,
        problem.task().dev().size(),
        taken ? Status.ACCEPTED : Status.EVALUATED,
        Map.of("feedback", prompt.gradientText()));
    if (taken) {
      current = rewritten.get();
      currentId = child;
      accepted = value;
    }
    return notes.report(accepted, problem.calls());
  }

  private double valid(String text) {
    return problem.scorer().means(List.of(InstructionPrompt.of(text)), problem.task().dev())[0];
  }

  /** Each example has a graph of its own, so that all can be differentiated at once. */
  private List<Variable.Gradient> gradients(List<Example> batch, List<Rollout> rollouts, int step) {
    List<Supplier<List<Variable.Gradient>>> tasks = new ArrayList<>();
    for (int i = 0; i < batch.size(); i++) {
      Example example = batch.get(i);
      Rollout rollout = rollouts.get(i);
      TextEngine own = engine.named(problem.sample(step, 1 + i));
      if (config.skipRight() && rollout.outcome().value() >= 1) {
        continue;
      }
      tasks.add(
          () -> {
            Variable prompt = Variable.parameter(current, PROMPT);
            Variable question =
                Variable.constant(problem.layout().question(example), "question to the model");
            Variable answer =
                call.answered(prompt, question, rollout.output(), "answer of the model");
            Variable right = Variable.constant(example.label(), "right answer");
            Variable verdict = Variable.constant(rollout.feedback(), "verdict");
            COMPARISON
                .forward(List.of(answer, right, verdict), "comparison with the right answer")
                .backward(own);
            return prompt.gradients();
          });
    }
    return problem.calls().all(tasks).stream().flatMap(List::stream).toList();
  }

  private void remember(Variable prompt) {
    past.add("Version: %s\nFeedback: %s".formatted(prompt.value(), prompt.gradientText()));
    while (past.size() > config.momentum()) {
      past.remove(0);
    }
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object().put("current", current).put("current_id", currentId);
    json.set("accepted", Json.number(accepted));
    ArrayNode versions = json.putArray("past");
    past.forEach(versions::add);
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    current = state.path("current").asText();
    currentId = state.path("current_id").asText();
    accepted = Json.toDouble(state.path("accepted"));
    past.clear();
    state.path("past").forEach(version -> past.add(version.asText()));
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}
