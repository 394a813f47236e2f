package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
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
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * APE, automatic prompt engineer (Zhou, Muresanu, Han, Paster, Pitis, Chan and Ba 2022,
 * arXiv:2211.01910, algorithm 1): the proposer guesses the instruction from solved examples, many
 * times; all guesses are scored, and the best one is the result.
 *
 * <p>Step 1 generates and scores; each further step is a round of iterative Monte Carlo search
 * (section 3.3): the best share of the instructions is kept, and variants of them are asked for.
 * What the score is depends on the scorer: a {@link io.promptgrad.llm.instruction.LikelihoodScorer}
 * or the task's own accuracy. With a bandit, examples go to the instructions that promise most.
 *
 * <p>Where this differs from the original (undone by {@link ApeConfig#reference}): all instructions
 * are scored on the same examples, so that they can be compared; instructions come in tags, since
 * chat models do not go on with a text. The prompts to begin with take part. Ties go to the earlier
 * instruction, not to the one that is last in the alphabet.
 *
 * <p>Cost of step 1: {@code subsamples * samples} calls of the proposer and {@code evaluation}
 * calls of the task model for each different instruction, or {@code rounds * prompts * examples}
 * with the bandit.
 */
public final class Ape implements Search {

  private static final String TAG = "INS";

  private final PromptProblem problem;
  private final ApeConfig config;
  private final Champion champion;
  private List<Scored> population = new ArrayList<>(); // best first
  private int round; // steps done

  private record Scored(String id, String text, double score, int n) {}

  /** A search over instructions. */
  public Ape(PromptProblem problem, ApeConfig config) {
    this.problem = problem;
    this.config = config;
    this.champion = new Champion(problem);
  }

  @Override
  public String method() {
    return "ape";
  }

  @Override
  public boolean finished() {
    return round > config.resamples();
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    Map<String, String> parents = new LinkedHashMap<>(); // new text to its parent's id
    if (round == 0) {
      problem.seeds().forEach(seed -> parents.put(seed.instruction(), ""));
      generate(step, notes).forEach(text -> parents.putIfAbsent(text, ""));
    } else {
      // Keep the best share, and ask for variants of it.
      int kept = Math.max(1, (int) Math.ceil(config.keep() * population.size()));
      population = new ArrayList<>(population.subList(0, Math.min(kept, population.size())));
      resample(step, notes, parents);
      population.forEach(scored -> parents.remove(scored.text()));
      if (config.bandit().rounds() > 0) {
        // Few examples are luck: those that were kept go through the bandit's rounds again.
        population.forEach(scored -> parents.put(scored.text(), scored.id()));
        population.clear();
      }
    }
    score(step, parents, notes);
    round++;
    return notes.report(population.get(0).score(), problem.calls());
  }

  // ------------------------------------------------------------------ new instructions

  private Set<String> generate(int step, StepNotes notes) {
    List<Proposer.Question<String>> questions = new ArrayList<>();
    for (int s = 0; s < config.subsamples(); s++) {
      RandomGenerator random =
          problem.random().stream("ape.demonstrations", (long) step * 1000 + s);
      int[] order = RandomSource.permutation(problem.task().train().size(), random);
      List<Example> shown =
          IntStream.range(0, Math.min(config.demonstrations(), order.length))
              .mapToObj(i -> problem.task().train().get(order[i]))
              .toList();
      String question = generationPrompt(shown);
      for (int i = 0; i < config.samples(); i++) {
        questions.add(
            Proposer.Question.of(
                    question,
                    config.sampling(),
                    problem.sample(step, s * config.samples() + i),
                    this::read)
                .otherwise(edits -> edits.one(seedTexts())));
      }
    }
    return read(questions, notes);
  }

  private List<String> seedTexts() {
    return problem.seeds().stream().map(InstructionPrompt::instruction).toList();
  }

  private Set<String> read(List<Proposer.Question<String>> questions, StepNotes notes) {
    Set<String> texts = new LinkedHashSet<>();
    for (Proposer.Proposal<String> proposal : problem.proposer().ask(questions)) {
      proposal.value().ifPresentOrElse(texts::add, () -> notes.skip("", "", proposal.why()));
    }
    return texts;
  }

  private void resample(int step, StepNotes notes, Map<String, String> parents) {
    int each = Math.max(1, config.subsamples() * config.samples() / population.size());
    for (int p = 0; p < population.size(); p++) {
      Scored parent = population.get(p);
      String question =
          "Write a variation of the following instruction that keeps its meaning.%s\n\nInstruction: %s\n\nVariation:"
              .formatted(config.reference() ? "" : wantedForm(), parent.text());
      List<Proposer.Question<String>> questions = new ArrayList<>();
      for (int i = 0; i < each; i++) {
        questions.add(
            Proposer.Question.of(
                    question, config.sampling(), problem.sample(step, p * each + i), this::read)
                .otherwise(edits -> edits.of(parent.text())));
      }
      read(questions, notes).forEach(text -> parents.putIfAbsent(text, parent.id()));
    }
  }

  private String generationPrompt(List<Example> shown) {
    StringBuilder pairs = new StringBuilder();
    for (Example example : shown) {
      pairs.append(
          "Input: %s\nOutput: %s\n\n"
              .formatted(problem.layout().question(example), example.label()));
    }
    String wanted = config.reference() ? "" : wantedForm();
    return switch (config.mode()) {
      case FORWARD ->
          "A friend was given an instruction and some inputs. Following the instruction, the friend wrote an output for each input. These are the pairs:\n\n"
              + pairs
              + "What was the instruction?"
              + wanted
              + "\n\nThe instruction was:";
      case REVERSE ->
          "The text below has a gap, marked [...]. Say what belongs there."
              + wanted
              + "\n\nA friend was told: [...]\n\nThese are the inputs, and the outputs that the friend wrote:\n\n"
              + pairs.toString().strip();
    };
  }

  private static String wantedForm() {
    return " Write the instruction alone, between <%s> and </%s>.".formatted(TAG, TAG);
  }

  private Optional<String> read(String answer) {
    if (config.reference()) {
      return answer.isBlank() ? Optional.empty() : Optional.of(answer);
    }
    return Tags.first(answer, TAG);
  }

  // ------------------------------------------------------------------ scores

  private void score(int step, Map<String, String> parents, StepNotes notes) {
    List<String> texts = List.copyOf(parents.keySet());
    List<InstructionPrompt> prompts = texts.stream().map(InstructionPrompt::of).toList();
    List<List<Outcome>> outcomes =
        config.bandit().rounds() > 0 ? bandit(step, prompts) : all(step, prompts);
    double[] scores = outcomes.stream().mapToDouble(PromptScorer::mean).toArray();
    for (int i = 0; i < texts.size(); i++) {
      String id = notes.nextId();
      int n = outcomes.get(i).size();
      Status status = n == 0 ? Status.PRUNED : Status.EVALUATED;
      notes.add(id, parents.get(texts.get(i)), prompts.get(i), scores[i], n, status, Map.of());
      if (n > 0) {
        population.add(new Scored(id, texts.get(i), scores[i], n));
      }
    }
    population.sort(Comparator.comparingDouble(Scored::score).reversed());
    // Scores of different steps need not be of the same examples.
    Scored best = population.get(0);
    notes.measure(champion, InstructionPrompt.of(best.text()), best.score());
  }

  private List<List<Outcome>> all(int step, List<InstructionPrompt> prompts) {
    if (!config.reference()) {
      List<Example> shared = problem.fixedTrain("ape.evaluation", config.evaluation());
      return problem.scorer().outcomes(prompts, shared);
    }
    List<List<Example>> own = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      own.add(problem.draw("ape.evaluation." + step, i, config.evaluation()));
    }
    return problem.scorer().outcomesOnOwn(prompts, own);
  }

  /** Rounds in which the instructions with the highest upper confidence bounds get examples. */
  private List<List<Outcome>> bandit(int step, List<InstructionPrompt> prompts) {
    ApeConfig.Bandit bandit = config.bandit();
    List<List<Outcome>> seen = new ArrayList<>();
    prompts.forEach(prompt -> seen.add(new ArrayList<>()));
    for (int r = 0; r < bandit.rounds(); r++) {
      RandomGenerator random = problem.random().stream("ape.bandit." + step, r);
      int[] first = RandomSource.permutation(prompts.size(), random);
      List<Integer> chosen =
          (r == 0
                  ? IntStream.of(first).boxed()
                  : IntStream.range(0, prompts.size())
                      .boxed()
                      .sorted(Comparator.comparingDouble(i -> -bound(seen, i))))
              .limit(bandit.prompts())
              .toList();
      List<List<Example>> examples = new ArrayList<>();
      for (int place = 0; place < chosen.size(); place++) {
        int many = config.reference() ? place : 0;
        examples.add(problem.draw("ape.examples." + step, r * 10_000L + many, bandit.examples()));
      }
      List<List<Outcome>> outcomes =
          problem.scorer().outcomesOnOwn(chosen.stream().map(prompts::get).toList(), examples);
      for (int place = 0; place < chosen.size(); place++) {
        seen.get(chosen.get(place)).addAll(outcomes.get(place));
      }
    }
    return seen;
  }

  private double bound(List<List<Outcome>> seen, int i) {
    double total = seen.stream().mapToDouble(own -> own.size() + 0.001).sum();
    double n = seen.get(i).size() + 0.001;
    double mean = seen.get(i).stream().mapToDouble(Outcome::value).sum() / n;
    return mean + config.bandit().c() * Math.sqrt(Math.log(total) / n);
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object().put("round", round);
    ArrayNode all = json.putArray("population");
    for (Scored scored : population) {
      ObjectNode one = all.addObject().put("id", scored.id()).put("text", scored.text());
      one.set("score", Json.number(scored.score()));
      one.put("n", scored.n());
    }
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    round = state.path("round").asInt();
    population = new ArrayList<>();
    for (JsonNode one : state.path("population")) {
      population.add(
          new Scored(
              one.path("id").asText(),
              one.path("text").asText(),
              Json.toDouble(one.path("score")),
              one.path("n").asInt()));
    }
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}
