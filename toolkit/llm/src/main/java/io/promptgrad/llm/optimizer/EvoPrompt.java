package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * EvoPrompt (Guo, Wang, Guo, Li, Song, Tan, Liu, Bian and Yang 2023, arXiv:2309.08532): an
 * evolutionary algorithm whose operators are carried out by a language model.
 *
 * <p>Step 1 makes the first population: the better half of the prompts to begin with and a
 * paraphrase of each, more paraphrases where they are few. Each further step is a generation.
 *
 * <ul>
 *   <li>GA (algorithm 1): N times, two parents are crossed and the child is mutated, in one call;
 *       of old and new the N best live on.
 *   <li>DE (algorithm 2): for each member, the parts in which two other prompts differ are mutated
 *       and combined with the best prompt so far, and the outcome is crossed with the member, in
 *       one call; it takes the member's place if it is strictly better.
 * </ul>
 *
 * <p>Where this differs from the original (undone by {@link EvoPromptConfig#reference}): an answer
 * without tags is asked for again and not taken whole. In DE the two others are drawn among those
 * that are not the member, as in the paper.
 *
 * <p>Cost of a generation: N calls of the proposer and {@code N * trainExamples} of the task model.
 * The seed fixes the parents and names the draws.
 */
public final class EvoPrompt implements Search {

  private static final String TAG = "prompt";

  /** Shows the form of an answer on another task, so that its words do not leak into this one. */
  private static final String ANOTHER_TASK_GA =
      """
      Example:
      Prompt 1: Rewrite the sentence so that a child understands it.
      Prompt 2: Put the text into easy words and short sentences.
      1. Crossover: Rewrite the text in easy words so that a child understands it.
      2. <prompt>Turn the text into short, easy sentences that any child can follow.</prompt>

      """;

  private static final String ANOTHER_TASK_DE =
      """
      Example:
      Prompt 1: Rewrite the sentence so that a child understands it.
      Prompt 2: Put the text into easy words and short sentences.
      Prompt 3: Make the text simpler.
      Basic prompt: Explain the text in other words.
      1. Different parts: "so that a child understands it" and "easy words and short sentences".
      2. Mutated: "so that nobody needs a dictionary" and "plain words, one thought for a sentence".
      3. Combined with prompt 3: Make the text simpler, with plain words, one thought for a sentence.
      4. <prompt>Explain the text in plain words, one thought for a sentence.</prompt>

      """;

  private final PromptProblem problem;
  private final EvoPromptConfig config;
  private final List<Example> train;
  private final Champion champion;
  private List<Member> population = new ArrayList<>();
  private Member best; // ever, by the score on train

  private record Member(String id, String text, double score) {}

  /** A search over instructions. */
  public EvoPrompt(PromptProblem problem, EvoPromptConfig config) {
    this.problem = problem;
    this.config = config;
    this.train = problem.fixedTrain("evoprompt.train", config.trainExamples());
    this.champion = new Champion(problem);
  }

  @Override
  public String method() {
    return "evoprompt-" + config.variant().name().toLowerCase(Locale.ROOT);
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    if (population.size() < config.population()) {
      begin(step, notes);
    } else if (config.variant() == EvoPromptConfig.Variant.GA) {
      geneticAlgorithm(step, notes);
    } else {
      differentialEvolution(step, notes);
    }
    double mean = population.stream().mapToDouble(Member::score).average().orElse(Double.NaN);
    return notes.report(mean, problem.calls());
  }

  /**
   * The better half of what is given, and paraphrases of it; the rest later if some are unreadable.
   */
  private void begin(int step, StepNotes notes) {
    if (population.isEmpty()) {
      List<String> seeds =
          problem.seeds().stream().map(InstructionPrompt::instruction).distinct().toList();
      List<Member> given = score(seeds, List.of(), step, notes, Status.INCUMBENT);
      given.sort(byScore());
      int half = Math.min(given.size(), (config.population() + 1) / 2);
      population.addAll(given.subList(0, half));
    }
    List<Member> half = List.copyOf(population);
    int missing = config.population() - half.size();
    List<String> questions = new ArrayList<>();
    for (int i = 0; i < missing; i++) {
      questions.add(
          "Write another prompt with the same meaning as this one, in other words. Write it between <prompt> and </prompt>.\n\nPrompt: %s"
              .formatted(half.get(i % half.size()).text()));
    }
    List<Member> paraphrased = children(questions, i -> half.get(i % half.size()), step, notes);
    population.addAll(paraphrased);
  }

  // ------------------------------------------------------------------ the two algorithms

  private void geneticAlgorithm(int step, StepNotes notes) {
    RandomGenerator random = problem.random().stream("evoprompt.parents", step);
    List<String> questions = new ArrayList<>();
    List<Member> mothers = new ArrayList<>();
    for (int i = 0; i < config.population(); i++) {
      Member one = parent(random);
      Member two = parent(random); // may be the same
      mothers.add(one);
      questions.add(
          ("Follow the steps to make a better prompt.\n"
                  + "1. Cross these two prompts: write a new one that takes parts of both.\n"
                  + "2. Mutate the prompt of step 1, and write the outcome between <prompt> and </prompt>.\n\n"
                  + "%s"
                  + "Prompt 1: %s\nPrompt 2: %s\n")
              .formatted(ANOTHER_TASK_GA, one.text(), two.text()));
    }
    List<Member> all = new ArrayList<>(population);
    all.addAll(children(questions, mothers::get, step, notes));
    all.sort(byScore()); // stable: of equals the older
    population = new ArrayList<>(all.subList(0, Math.min(config.population(), all.size())));
  }

  private Member parent(RandomGenerator random) {
    return switch (config.selection()) {
      case RANDOM -> population.get(random.nextInt(population.size()));
      case TOURNAMENT -> {
        Member a = population.get(random.nextInt(population.size()));
        Member b = population.get(random.nextInt(population.size()));
        yield b.score() > a.score() ? b : a;
      }
      case ROULETTE -> {
        double sum = population.stream().mapToDouble(m -> Math.max(0, m.score())).sum();
        double ball = random.nextDouble() * sum;
        for (Member member : population) {
          ball -= Math.max(0, member.score());
          if (ball < 0) {
            yield member;
          }
        }
        yield population.get(random.nextInt(population.size())); // all scores are 0
      }
    };
  }

  private void differentialEvolution(int step, StepNotes notes) {
    RandomGenerator random = problem.random().stream("evoprompt.parents", step);
    List<String> questions = new ArrayList<>();
    for (Member member : population) {
      List<Member> others = new ArrayList<>(population);
      others.remove(member);
      Member a = others.remove(random.nextInt(others.size()));
      Member b = others.get(random.nextInt(others.size()));
      questions.add(
          ("Follow the steps to make a better prompt.\n"
                  + "1. Find the parts in which prompt 1 and prompt 2 differ.\n"
                  + "2. Mutate these parts.\n"
                  + "3. Combine the mutated parts with prompt 3, leaving out what does not fit.\n"
                  + "4. Cross the outcome with the basic prompt, and write the new prompt between <prompt> and </prompt>.\n\n"
                  + "%s"
                  + "Prompt 1: %s\nPrompt 2: %s\nPrompt 3: %s\nBasic prompt: %s\n")
              .formatted(ANOTHER_TASK_DE, a.text(), b.text(), best.text(), member.text()));
    }
    List<Optional<Member>> trials = trials(questions, i -> population.get(i), step, notes);
    for (int i = 0; i < trials.size(); i++) {
      int place = i;
      trials
          .get(i)
          .filter(trial -> trial.score() > population.get(place).score())
          .ifPresent(trial -> population.set(place, trial));
    }
  }

  private static Comparator<Member> byScore() {
    return Comparator.comparingDouble(Member::score).reversed();
  }

  // ------------------------------------------------------------------ new prompts

  private interface ParentOf {
    Member at(int place);
  }

  private List<Member> children(
      List<String> questions, ParentOf parent, int step, StepNotes notes) {
    List<Member> children = new ArrayList<>();
    trials(questions, parent, step, notes).forEach(trial -> trial.ifPresent(children::add));
    return children;
  }

  /** Asks all questions and scores what comes; what cannot be read is empty. */
  private List<Optional<Member>> trials(
      List<String> questions, ParentOf parent, int step, StepNotes notes) {
    List<Proposer.Question<String>> asked = new ArrayList<>();
    for (int i = 0; i < questions.size(); i++) {
      String edited = parent.at(i).text();
      asked.add(
          Proposer.Question.of(
                  questions.get(i), config.sampling(), problem.sample(step, i), this::read)
              .otherwise(edits -> edits.of(edited)));
    }
    List<String> texts = new ArrayList<>();
    List<String> parents = new ArrayList<>();
    List<Integer> places = new ArrayList<>();
    List<Proposer.Proposal<String>> proposals = problem.proposer().ask(asked);
    for (int i = 0; i < proposals.size(); i++) {
      Optional<String> text = proposals.get(i).value();
      if (text.isEmpty()) {
        notes.skip(parent.at(i).id(), "", proposals.get(i).why());
        continue;
      }
      texts.add(text.get());
      parents.add(parent.at(i).id());
      places.add(i);
    }
    List<Member> scored = score(texts, parents, step, notes, Status.EVALUATED);
    List<Optional<Member>> trials = new ArrayList<>();
    for (int i = 0; i < questions.size(); i++) {
      int at = places.indexOf(i);
      trials.add(at < 0 ? Optional.empty() : Optional.of(scored.get(at)));
    }
    return trials;
  }

  private Optional<String> read(String answer) {
    Optional<String> tagged = Tags.last(answer, TAG);
    return tagged.isEmpty() && config.reference() && !answer.isBlank()
        ? Optional.of(answer.strip())
        : tagged;
  }

  private List<Member> score(
      List<String> texts, List<String> parents, int step, StepNotes notes, Status status) {
    List<InstructionPrompt> prompts = texts.stream().map(InstructionPrompt::of).toList();
    double[] scores = problem.scorer().means(prompts, train);
    int top = notes.offerBest(champion, prompts, scores);
    List<Member> members = new ArrayList<>();
    for (int i = 0; i < scores.length; i++) {
      String id = notes.nextId();
      Member member = new Member(id, texts.get(i), scores[i]);
      members.add(member);
      notes.add(
          id,
          parents.isEmpty() ? "" : parents.get(i),
          prompts.get(i),
          scores[i],
          train.size(),
          i == top ? Status.ACCEPTED : status,
          Map.of());
      if (best == null || member.score() > best.score()) {
        best = member;
      }
    }
    return members;
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object();
    ArrayNode all = json.putArray("population");
    population.forEach(member -> all.add(toJson(member)));
    json.set("best", toJson(best));
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  private static ObjectNode toJson(Member member) {
    ObjectNode json = Json.object().put("id", member.id()).put("text", member.text());
    json.set("score", Json.number(member.score()));
    return json;
  }

  private static Member fromJson(JsonNode json) {
    return new Member(
        json.path("id").asText(), json.path("text").asText(), Json.toDouble(json.path("score")));
  }

  @Override
  public void restore(ObjectNode state) {
    population = new ArrayList<>();
    state.path("population").forEach(member -> population.add(fromJson(member)));
    best = fromJson(state.path("best"));
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}
