package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.InstructionMethods;
import io.promptgrad.files.Json;
import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.Meter;
import io.promptgrad.llm.account.Price;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.MemoryCache;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.TokenScore;
import io.promptgrad.llm.client.Usage;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.optimizer.PhraseEdit;
import io.promptgrad.llm.optimizer.PromptProblem;
import io.promptgrad.llm.optimizer.Proposer;
import io.promptgrad.llm.optimizer.TextEdit;
import io.promptgrad.search.Budget;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.task.Example;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.random.RandomGenerator;

/**
 * What a search will cost, found by doing it with stand-ins for its models: the same steps, the
 * same questions, the same cache, and answers by chance that could be read. Nothing is asked or
 * written.
 *
 * <p>A token is guessed as four bytes. Answers are expected to be as long as is usual for the task;
 * the most that they can be is told as well. How often a candidate is accepted depends on the
 * models, so methods that spend more on what is accepted may differ.
 */
public final class Rehearsal {

  private static final int PROPOSAL_TOKENS = 60;
  private static final int VERDICT_TOKENS = 60;

  /** As {@link Usage#guess} has it. */
  private static final int BYTES_OF_A_TOKEN = 4;

  /** Steps that are rehearsed where only time or a stop rule limits the run. */
  private static final long STEPS_WITHOUT_BUDGET = 20;

  private Rehearsal() {}

  /**
   * What is expected.
   *
   * @param calls requests that are sent
   * @param prompt tokens read
   * @param answer tokens written
   * @param most tokens written at the most
   * @param price of the model, if it is known
   */
  public record Expected(long calls, long prompt, long answer, long most, Optional<Price> price) {

    double usd(long written) {
      return price.map(p -> p.of(new Usage(prompt, 0, written, true))).orElse(0.0);
    }

    ObjectNode toJson() {
      ObjectNode json =
          Json.object()
              .put("calls", calls)
              .put("prompt_tokens", prompt)
              .put("answer_tokens", answer);
      json.put("most_answer_tokens", most);
      if (price.isPresent()) {
        json.put("usd", usd(answer)).put("most_usd", usd(most));
      }
      return json;
    }
  }

  /**
   * The result.
   *
   * @param parts by what they are for, in the order in which they are shown
   * @param remarks sentences for people
   */
  public record Result(Map<String, Expected> parts, List<String> remarks) {

    /** Returns one JSON object. */
    public ObjectNode toJson() {
      ObjectNode json = Json.object();
      ObjectNode all = json.putObject("expected");
      parts.forEach((name, part) -> all.set(name, part.toJson()));
      remarks.forEach(json.putArray("remarks")::add);
      return json;
    }

    /** Prints a table. */
    public void print(PrintWriter out) {
      out.printf(
          "%-16s %10s %14s %14s %18s%n",
          "", "calls", "prompt tokens", "answer tokens", "US dollars (most)");
      long calls = 0;
      double usd = 0;
      double mostUsd = 0;
      for (Map.Entry<String, Expected> part : parts.entrySet()) {
        Expected one = part.getValue();
        calls += one.calls();
        usd += one.usd(one.answer());
        mostUsd += one.usd(one.most());
        out.printf(
            Locale.ROOT,
            "%-16s %,10d %,14d %,14d %18s%n",
            part.getKey(),
            one.calls(),
            one.prompt(),
            one.answer(),
            one.price().isEmpty()
                ? "no price known"
                : dollars(one.usd(one.answer()), one.usd(one.most())));
      }
      out.printf(Locale.ROOT, "%-16s %,10d %29s %18s%n", "all", calls, "", dollars(usd, mostUsd));
      remarks.forEach(out::println);
    }

    private static String dollars(double usd, double most) {
      return String.format(Locale.ROOT, "%.4f (%.4f)", usd, most);
    }
  }

  /** Rehearses a search. */
  public static Result run(InstructionConfig config) {
    // A model of this machine is not loaded for this: it is taken for one without a chat template.
    InstructionTask task =
        InstructionTask.of(config, config.scorer().startsWith(InstructionConfig.OPENAI));
    PriceTable prices = InstructionRun.prices(config);
    StandIn scorer = new StandIn(config.scorer(), task, true, task.expectedAnswer());
    StandIn proposer = new StandIn(config.proposer(), task, false, PROPOSAL_TOKENS);
    StandIn judge = new StandIn(config.judge().orElse(""), task, false, VERDICT_TOKENS);
    Map<String, Expected> parts = new LinkedHashMap<>();
    List<String> remarks = new ArrayList<>();
    MemoryCache cache = new MemoryCache();
    try (ModelCalls calls =
            new ModelCalls(cache, prices, InstructionRun.allowance(config), Optional.empty());
        ModelCalls evaluating =
            new ModelCalls(cache, prices, Allowance.unlimited(), Optional.empty())) {
      PromptScorer evaluator = scorer(config, task, evaluating, scorer, judge);
      for (String text : config.manualPrompts()) {
        evaluator.evaluate(InstructionPrompt.of(text), task.task().dev());
      }
      if (!config.manualPrompts().isEmpty()) {
        evaluator.evaluate(InstructionPrompt.of(config.manualPrompts().get(0)), task.task().test());
      }
      List<TextEdit> edits = new ArrayList<>(ChatModels.phraseEdits(config));
      if (edits.isEmpty()) {
        edits.add(PhraseEdit.SWAP); // in place of a mask, which costs no call either
      }
      Optional<Llm> proposing =
          config.proposer().equals(InstructionConfig.EDITS)
              ? Optional.empty()
              : Optional.of(calls.as(Role.PROPOSER, proposer));
      RandomSource random = new RandomSource(config.seed());
      PromptProblem problem =
          InstructionRun.problem(
              config,
              task,
              calls,
              scorer(config, task, calls, scorer, judge),
              new Proposer(calls, proposing, config.attempts(), edits, random));
      SearchLoop loop =
          SearchLoop.of(
                  InstructionMethods.search(config.method(), config.optimizer()).apply(problem))
              .budget(budget(config, remarks));
      LoopResult result = loop.run();
      remarks.add(
          "Rehearsed %s, which ended by '%s' after %d steps; no model was asked."
              .formatted(config.method(), result.stoppedBy(), result.steps()));
      InstructionPrompt found = (InstructionPrompt) result.best().prompt();
      evaluator.evaluate(found, task.task().dev());
      evaluator.evaluate(found, task.task().test());

      int longest = config.optimizer().path("max_tokens").asInt();
      parts.put("scorer", expected(calls, Role.TASK, prices, scorer, task.longestAnswer()));
      if (proposing.isPresent()) {
        parts.put("proposer", expected(calls, Role.PROPOSER, prices, proposer, longest));
      }
      if (config.judge().isPresent()) {
        parts.put("judge", expected(calls, Role.JUDGE, prices, judge, 512));
      }
      parts.put(
          "evaluation", expected(evaluating, Role.TASK, prices, scorer, task.longestAnswer()));
      if (config.judge().isPresent()) {
        parts.put("evaluation_judge", expected(evaluating, Role.JUDGE, prices, judge, 512));
      }
    }
    remarks.add(
        "Tokens are guesses (one for four bytes); answers of the scorer are taken to have %d, of %d at the most."
            .formatted(task.expectedAnswer(), task.longestAnswer()));
    if (task.by().equals("conductor")) {
      remarks.add(
          "A conductor is taken to consult one expert, and may consult one in each of %d rounds."
              .formatted(config.scoring().rounds()));
    }
    if (task.by().equals("pairwise")) {
      remarks.add(
          "Answers to two prompts are taken to differ; where they are equal the judge is not asked.");
    }
    remarks.add("All proposals are taken to differ; a model that repeats itself costs less.");
    remarks.add("'evaluation' is baselines and the last scores, which the budget does not limit.");
    return new Result(parts, remarks);
  }

  private static PromptScorer scorer(
      InstructionConfig config,
      InstructionTask task,
      ModelCalls calls,
      StandIn scorer,
      StandIn judge) {
    Llm asked = calls.as(Role.TASK, scorer);
    Optional<Llm> judging = config.judge().map(name -> calls.as(Role.JUDGE, judge));
    return new PromptScorer(calls, task.scorer(asked, judging), task.metric());
  }

  /** Time passes otherwise here, so it does not limit. */
  private static Budget budget(InstructionConfig config, List<String> remarks) {
    Budget given = config.budget();
    Budget timeless =
        new Budget(
            given.steps(),
            given.evaluations(),
            given.forwardTokens(),
            given.calls(),
            given.usd(),
            Optional.empty());
    if (!timeless.equals(Budget.UNLIMITED)) {
      return timeless;
    }
    remarks.add(
        "The run is limited by time or a stop rule alone; this is what %d steps cost."
            .formatted(STEPS_WITHOUT_BUDGET));
    return new Budget(
        OptionalLong.of(STEPS_WITHOUT_BUDGET),
        given.evaluations(),
        given.forwardTokens(),
        given.calls(),
        given.usd(),
        Optional.empty());
  }

  private static Expected expected(
      ModelCalls calls, Role role, PriceTable prices, Llm model, int longest) {
    Meter meter = calls.meter(role);
    LocalDate today = LocalDate.now(ZoneOffset.UTC);
    return new Expected(
        meter.calls(),
        meter.promptTokens(),
        meter.completionTokens(),
        meter.calls() * longest,
        prices.of(model.model(), today));
  }

  /** Answers by chance, in every form that is asked for. */
  private record StandIn(String name, InstructionTask task, boolean scores, int tokens)
      implements Llm {

    @Override
    public String model() {
      return name.startsWith(InstructionConfig.OPENAI)
          ? name.substring(InstructionConfig.OPENAI.length())
          : name;
    }

    @Override
    public String identity() {
      return "stand-in " + name + (scores ? " scored" : "");
    }

    @Override
    public ChatReply chat(ChatRequest request) {
      String text = Json.line(request.toJson());
      RandomGenerator random = new RandomSource(0).stream("rehearsal " + text, 0);
      long read =
          request.messages().stream()
              .mapToLong(m -> Usage.guess(m.text().getBytes(StandardCharsets.UTF_8).length) + 4)
              .sum();
      int longest = request.sampling().maxTokens().orElse(Integer.MAX_VALUE);
      Usage usage = new Usage(read, 0, Math.min(tokens, longest), true);
      String said = scores ? scored(request, random) : proposal(random);
      List<TokenScore> scored =
          request.sampling().topLogProbs().isPresent()
              ? List.of(new TokenScore(said, Math.log(0.5), alternatives(said)))
              : List.of();
      return new ChatReply(said, ChatReply.Finish.STOP, scored, usage);
    }

    private Map<String, Double> alternatives(String said) {
      Map<String, Double> all = new LinkedHashMap<>();
      for (String label : task.labels()) {
        all.put(label, Math.log(label.equals(said) ? 0.5 : 0.5 / task.labels().size()));
      }
      return all;
    }

    private String scored(ChatRequest request, RandomGenerator random) {
      return switch (task.by()) {
        case "conductor" -> conducted(request, random);
        case "judge", "pairwise" -> text(random);
        default -> answer(random);
      };
    }

    /**
     * What a judge reads: as long as an answer is expected to be, and different for each request,
     * since nobody is asked which of two equal answers is better.
     */
    private String text(RandomGenerator random) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < BYTES_OF_A_TOKEN * tokens; i++) {
        text.append(i % 8 == 7 ? ' ' : (char) ('a' + random.nextInt(26)));
      }
      return text.toString();
    }

    private String answer(RandomGenerator random) {
      List<Example> train = task.task().train();
      return train.get(random.nextInt(train.size())).label();
    }

    /** One expert is asked, and its answer taken. */
    private String conducted(ChatRequest request, RandomGenerator random) {
      String last = request.messages().get(request.messages().size() - 1).text();
      if (last.startsWith("You are Expert")) {
        return answer(random);
      }
      return last.startsWith("ROUND 1\n")
          ? "Expert Solver:\n\"\"\"\n" + last + "\n\"\"\""
          : ">> FINAL ANSWER:\n" + answer(random);
    }

    /** An instruction in all tags, fences and brackets that a method may look for. */
    private String proposal(RandomGenerator random) {
      StringBuilder word = new StringBuilder();
      for (int i = 0; i < 8; i++) {
        word.append((char) ('a' + random.nextInt(26)));
      }
      String text =
          "Look at the input with care, mind the " + word + ", and write the answer alone.";
      StringBuilder all = new StringBuilder("<score>" + (random.nextInt(11) - 5) + "</score>\n");
      all.append("<better>").append(random.nextBoolean() ? "A" : "B").append("</better>\n");
      for (String tag : List.of("INS", "Start", "prompt", "IMPROVED_VARIABLE", "TEXT")) {
        all.append("<%s>%s</%s>\n".formatted(tag, text, tag));
      }
      return all + "<START>" + text + "<END>\n```\n" + text + "\n```\n[" + text + "]";
    }

    @Override
    public Scoring scoring() {
      return new Scoring(Scoring.Kind.GIVEN_TEXT, "a stand-in");
    }

    @Override
    public TextScore score(ScoreRequest request) {
      RandomGenerator random = new RandomSource(0).stream("rehearsal " + request.text(), 0);
      long read = Usage.guess(request.text().getBytes(StandardCharsets.UTF_8).length);
      double logProb = -5 * random.nextDouble();
      return new TextScore(
          List.of(new TokenScore(request.continuation(), logProb, Map.of())),
          new Usage(read, 0, 0, true));
    }
  }
}
