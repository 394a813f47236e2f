package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The Automated Prompt Generator (shelleywu1921/automated_prompt, 2024): a generator sees rows of
 * prompt, right answer, the model's answer and its cross entropy, and writes the next prompt, which
 * is evaluated and adds its rows to the pool.
 *
 * <p>An evaluation client and a generator client are the scorer and the proposer. The cross entropy
 * of a row is the gold answer's negative log-probability where the scorer gives it ({@link
 * io.promptgrad.llm.instruction.ChoiceScorer}), else 1 minus the row's value.
 *
 * <p>Where this differs from the original (undone by {@link PromptGeneratorConfig#reference}): the
 * strategy is the one that is asked for; a prompt that echoes the meta-prompt is left out; a label
 * such as "Prompt:" is taken off. Always: one row shown is one and not all and one more; an
 * unlikely gold answer costs no more than an absent one; the result is chosen on dev and not on the
 * rows of the search. The trace holds the training curve: accuracy and cross entropy of each step.
 *
 * <p>Cost of a step: one call of the proposer and {@code trainExamples} of the task model.
 */
public final class AutomatedPromptGenerator implements Search {

  private static final String TAG = "prompt";
  private static final String LEGEND = "Prompt | Correct answer | Model answer | Entropy";

  private final PromptProblem problem;
  private final PromptGeneratorConfig config;
  private final List<Example> train;
  private final Champion champion;
  private final List<Row> pool = new ArrayList<>();
  private final List<String> asked = new ArrayList<>(); // meta-prompts, newest first

  private record Row(String prompt, String gold, String said, double entropy) {

    String shown() {
      return "%s | %s | %s | %s"
          .formatted(prompt, gold, said, String.format(Locale.ROOT, "%.4f", entropy));
    }
  }

  /** A search over instructions. */
  public AutomatedPromptGenerator(PromptProblem problem, PromptGeneratorConfig config) {
    this.problem = problem;
    this.config = config;
    List<Example> all = problem.task().train();
    this.train = all.subList(0, Math.min(config.trainExamples(), all.size()));
    this.champion = new Champion(problem);
  }

  @Override
  public String method() {
    return "prompt-generator";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    if (pool.isEmpty()) {
      evaluate(problem.seeds(), notes, Status.INCUMBENT);
    }

    // 1. The meta-prompt of some rows, before the ones of earlier steps.
    String metaPrompt = metaPrompt(rows(step));
    List<Message> messages = new ArrayList<>();
    messages.add(Message.user(metaPrompt));
    asked.forEach(earlier -> messages.add(Message.user(earlier)));
    asked.add(0, metaPrompt);
    while (asked.size() > config.history()) {
      asked.remove(asked.size() - 1);
    }

    // 2. The next prompt; if the context is too long for the model, from the latest rows alone.
    Proposer.Proposal<String> proposal = ask(messages, problem.sample(step, 0));
    if (proposal.why().startsWith("refused") && messages.size() > 1) {
      proposal = ask(messages.subList(0, 1), problem.sample(step, 1));
    }
    if (proposal.value().isEmpty()) {
      notes.skip("", "", proposal.why());
      return notes.report(champion.train(), problem.calls());
    }

    // 3. Its rows join the pool.
    evaluate(List.of(InstructionPrompt.of(proposal.value().get())), notes, Status.EVALUATED);
    return notes.report(champion.train(), problem.calls());
  }

  private Proposer.Proposal<String> ask(List<Message> messages, String sample) {
    return problem
        .proposer()
        .ask(
            new Proposer.Question<>(
                messages,
                config.sampling(),
                sample,
                this::read,
                edits -> edits.of(champion.text()),
                true));
  }

  private Optional<String> read(String answer) {
    if (config.reference()) {
      return answer.isBlank() ? Optional.empty() : Optional.of(answer.strip());
    }
    return Tags.last(answer, TAG)
        .map(text -> text.replaceFirst("(?i)^(new |next )?prompt\\s*:\\s*", "").strip())
        .filter(text -> !text.isEmpty() && !text.contains(LEGEND));
  }

  private void evaluate(List<InstructionPrompt> prompts, StepNotes notes, Status status) {
    List<List<Outcome>> outcomes = problem.scorer().outcomes(prompts, train);
    double[] scores = outcomes.stream().mapToDouble(PromptScorer::mean).toArray();
    int best = notes.offerBest(champion, prompts, scores);
    for (int i = 0; i < scores.length; i++) {
      List<Outcome> own = outcomes.get(i);
      String text = prompts.get(i).instruction();
      own.forEach(o -> pool.add(new Row(text, o.gold(), o.predicted(), entropy(o))));
      notes.add(
          notes.nextId(),
          "",
          prompts.get(i),
          scores[i],
          own.size(),
          i == best ? Status.ACCEPTED : status,
          Map.of(
              "accuracy",
              own.stream().mapToDouble(o -> o.correct() ? 1 : 0).average().orElseThrow(),
              "cross_entropy",
              own.stream().mapToDouble(AutomatedPromptGenerator::entropy).average().orElseThrow()));
    }
  }

  private static double entropy(Outcome outcome) {
    Double gold = outcome.scores().get(outcome.gold());
    return gold == null ? 1 - outcome.value() : -gold;
  }

  // ------------------------------------------------------------------ the meta-prompt

  private List<Row> rows(int step) {
    boolean random =
        !config.reference()
            && switch (config.strategy()) {
              case RANDOM -> true;
              case BEST_WORST -> false;
              case ALTERNATING -> (step - 1) / 10 % 2 == 0;
            };
    int n = Math.min(config.rows(), pool.size());
    if (random) {
      int[] order =
          RandomSource.permutation(pool.size(), problem.random().stream("generator.rows", step));
      return IntStream.range(0, n).mapToObj(i -> pool.get(order[i])).toList();
    }
    List<Row> descending = new ArrayList<>(pool);
    descending.sort(Comparator.comparingDouble(Row::entropy).reversed());
    int worst = (n + 1) / 2;
    List<Row> chosen = new ArrayList<>(descending.subList(0, worst));
    chosen.addAll(descending.subList(descending.size() - (n - worst), descending.size()));
    return chosen;
  }

  private String metaPrompt(List<Row> rows) {
    StringBuilder table = new StringBuilder(LEGEND).append('\n');
    rows.forEach(row -> table.append(row.shown()).append('\n'));
    return "You write prompts for a language model that answers questions. Find the prompt with which it gives the right answers and is sure of them, which a low entropy shows. Do not put words of the questions into the prompt. Here is what came of prompts so far, one row for each answer:\n\n"
        + table
        + "\nWrite the next prompt to try, between <prompt> and </prompt>.";
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object();
    ArrayNode rows = json.putArray("pool");
    for (Row row : pool) {
      ObjectNode one = rows.addObject().put("prompt", row.prompt()).put("gold", row.gold());
      one.put("said", row.said()).set("entropy", Json.number(row.entropy()));
    }
    ArrayNode earlier = json.putArray("asked");
    asked.forEach(earlier::add);
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    pool.clear();
    for (JsonNode one : state.path("pool")) {
      pool.add(
          new Row(
              one.path("prompt").asText(),
              one.path("gold").asText(),
              one.path("said").asText(),
              Json.toDouble(one.path("entropy"))));
    }
    asked.clear();
    state.path("asked").forEach(text -> asked.add(text.asText()));
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}
