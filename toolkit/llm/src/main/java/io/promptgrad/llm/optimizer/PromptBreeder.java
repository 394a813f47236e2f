package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.InstructionPrompt.Demonstration;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.instruction.Rollout;
import io.promptgrad.llm.parse.NumberedList;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * PromptBreeder (Fernando, Banarse, Michalewski, Osindero and Rocktaeschel 2023, arXiv:2309.16797):
 * a population of units, each a task prompt and the mutation prompt that changes it; mutation
 * prompts evolve too.
 *
 * <p>One step is a generation: the units' fitness on fresh examples; random pairs; a mutant of each
 * pair's winner takes the loser's place. The kind of the mutation is drawn uniformly from {@link
 * Operator}; crossover and a new context come on top, now and then.
 *
 * <p>Where this differs from the original: a unit has one task prompt, not a sequence of two;
 * answers come in tags and what cannot be read leaves the loser as it is; the likeness of prompts
 * is the cosine of their word counts and not of an embedding; mutation prompts and thinking styles
 * are our own.
 *
 * <p>Cost of a step: {@code population * examples} calls of the task model, {@code population / 2}
 * of the proposer, half as many again for mutation prompts that change.
 */
public final class PromptBreeder implements Search {

  private static final String TAG = "prompt";
  private static final int MOST_WORKINGS = 3;

  private final PromptProblem problem;
  private final PromptBreederConfig config;
  private final Champion champion;
  private final List<Unit> population = new ArrayList<>();
  private final List<String> lineage = new ArrayList<>(); // the best of each generation

  /** How a winner is mutated (section 3.2). */
  enum Operator {
    /** A new prompt from the description alone. */
    ZERO_ORDER,
    /** The unit's mutation prompt applied to its task prompt. */
    FIRST_ORDER,
    /** One prompt more to a list of the population's, without those that are alike. */
    DISTRIBUTION,
    /** The same, listed from the worst to the best and said to be from the best to the worst. */
    RANKED_DISTRIBUTION,
    /** One prompt more to the list of the best of all generations. */
    LINEAGE,
    /** A new mutation prompt from the description and a thinking style, applied. */
    ZERO_ORDER_HYPER,
    /** The mutation prompt rewritten, and applied. */
    FIRST_ORDER_HYPER,
    /** A prompt guessed from right answers. */
    LAMARCKIAN,
    /** Another unit's prompt, chosen by fitness. */
    CROSSOVER
  }

  /** A unit; {@code workings} are right answers of its own. */
  private record Unit(
      String id,
      String text,
      String mutation,
      List<Demonstration> context,
      List<Demonstration> workings) {

    InstructionPrompt prompt() {
      return new InstructionPrompt(text, context);
    }
  }

  /** A search over instructions. */
  public PromptBreeder(PromptProblem problem, PromptBreederConfig config) {
    this.problem = problem;
    this.config = config;
    this.champion = new Champion(problem);
  }

  @Override
  public String method() {
    return "promptbreeder";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    if (population.isEmpty()) {
      begin(step, notes);
    }

    // 1. Fitness of all on this generation's examples; what they got right is kept.
    List<Example> examples = problem.draw("promptbreeder.examples", step, config.examples());
    double[] fitness = new double[population.size()];
    for (int u = 0; u < fitness.length; u++) {
      Unit unit = population.get(u);
      List<Rollout> rollouts = problem.scorer().rollouts(unit.prompt(), examples);
      fitness[u] = PromptScorer.mean(rollouts.stream().map(Rollout::outcome).toList());
      population.set(u, withWorkings(unit, examples, rollouts));
    }
    int best = 0;
    for (int u = 0; u < fitness.length; u++) {
      best = fitness[u] > fitness[best] ? u : best;
      notes.add(
          notes.nextId(),
          population.get(u).id(),
          population.get(u).prompt(),
          fitness[u],
          examples.size(),
          Status.INCUMBENT,
          Map.of("mutation", population.get(u).mutation()));
    }
    notes.measure(champion, population.get(best).prompt(), fitness[best]);
    lineage.add(population.get(best).text());

    // 2. Random pairs: a mutant of the winner takes the loser's place.
    RandomGenerator random = problem.random().stream("promptbreeder.pairs", step);
    int[] order = RandomSource.permutation(population.size(), random);
    List<Unit> before = List.copyOf(population);
    for (int pair = 0; pair < order.length / 2; pair++) {
      int a = order[2 * pair];
      int b = order[2 * pair + 1];
      int winner = fitness[b] > fitness[a] ? b : a;
      int loser = winner == a ? b : a;
      Operator operator = Operator.values()[random.nextInt(Operator.values().length)];
      Optional<Unit> mutant = mutate(before, fitness, winner, operator, step, pair, random, notes);
      if (mutant.isPresent()) {
        Unit child = crossed(mutant.get(), before, fitness, random);
        population.set(loser, child);
        notes.add(
            child.id(),
            before.get(winner).id(),
            child.prompt(),
            Double.NaN,
            0,
            Status.ACCEPTED,
            Map.of("operator", operator.name().toLowerCase(Locale.ROOT)));
      }
    }
    return notes.report(fitness[best], problem.calls());
  }

  private void begin(int step, StepNotes notes) {
    RandomGenerator random = problem.random().stream("promptbreeder.begin", step);
    List<String> mutations = new ArrayList<>();
    List<Proposer.Question<String>> questions = new ArrayList<>();
    List<String> seeds = problem.seeds().stream().map(InstructionPrompt::instruction).toList();
    for (int u = 0; u < config.population(); u++) {
      mutations.add(one(config.mutationPrompts(), random));
      if (u >= seeds.size()) {
        String seed = seeds.get(u % seeds.size());
        questions.add(
            question(
                "%s\n%s\nWrite an instruction for this task.\n\nInstruction so far: %s"
                    .formatted(
                        mutations.get(u) + " " + one(config.thinkingStyles(), random),
                        config.description(),
                        seed),
                step,
                u,
                edits -> edits.of(seed)));
      }
    }
    List<Proposer.Proposal<String>> proposals = problem.proposer().ask(questions);
    for (int u = 0; u < config.population(); u++) {
      String text = seeds.get(u % seeds.size());
      if (u >= seeds.size()) {
        Proposer.Proposal<String> proposal = proposals.get(u - seeds.size());
        if (proposal.value().isEmpty()) {
          notes.skip("", "", proposal.why()); // it begins as its seed
        }
        text = proposal.value().orElse(text);
      }
      population.add(new Unit(notes.nextId(), text, mutations.get(u), List.of(), List.of()));
    }
  }

  private static Unit withWorkings(Unit unit, List<Example> examples, List<Rollout> rollouts) {
    List<Demonstration> workings = new ArrayList<>();
    for (int e = 0; e < examples.size() && workings.size() < MOST_WORKINGS; e++) {
      Rollout rollout = rollouts.get(e);
      if (rollout.outcome().value() >= 1 && !rollout.output().isBlank()) {
        workings.add(new Demonstration(examples.get(e).text(), rollout.output().strip()));
      }
    }
    return new Unit(unit.id(), unit.text(), unit.mutation(), unit.context(), workings);
  }

  // ------------------------------------------------------------------ the nine operators

  private Optional<Unit> mutate(
      List<Unit> units,
      double[] fitness,
      int winner,
      Operator operator,
      int step,
      int pair,
      RandomGenerator random,
      StepNotes notes) {
    Unit parent = units.get(winner);
    String mutation = parent.mutation();
    if (operator == Operator.CROSSOVER) {
      return Optional.of(
          child(notes.nextId(), units.get(byFitness(fitness, random)).text(), parent));
    }
    if (operator == Operator.ZERO_ORDER_HYPER || operator == Operator.FIRST_ORDER_HYPER) {
      String wish =
          operator == Operator.ZERO_ORDER_HYPER
              ? config.description()
                  + "\n"
                  + one(config.thinkingStyles(), random)
                  + "\nWrite one sentence that tells somebody how to change an instruction for this task so that it becomes better."
              : "Summarize and improve this sentence, which tells somebody how to change an instruction: "
                  + mutation;
      Proposer.Proposal<String> rewritten =
          problem
              .proposer()
              .ask(question(wish, step, 20_000 + pair, edits -> Optional.of(parent.mutation())));
      if (rewritten.value().isEmpty()) {
        notes.skip(parent.id(), "", rewritten.why());
        return Optional.empty();
      }
      mutation = rewritten.value().get();
    }
    String wish =
        switch (operator) {
          case ZERO_ORDER -> config.description() + "\nWrite a hint for whoever has to do this.";
          case FIRST_ORDER, ZERO_ORDER_HYPER, FIRST_ORDER_HYPER ->
              mutation + "\n\nInstruction: " + parent.text() + "\nInstruction changed:";
          case DISTRIBUTION ->
              "Go on with this list with one instruction more:\n"
                  + list(shuffled(different(units, fitness), random));
          case RANKED_DISTRIBUTION ->
              "Go on with this list with one instruction more. It is in descending order of quality: the first is the best.\nA better one than \"%s\" is wanted.\n%s"
                  .formatted(parent.text(), list(different(units, fitness)));
          case LINEAGE ->
              "Go on with this list with one instruction more. It is in ascending order of quality.\n"
                  + list(lineage);
          case LAMARCKIAN ->
              "A friend was given an instruction and wrote these answers, all of them right:\n\n%s\nWhat was the instruction? It may have been like this one: %s"
                  .formatted(shown(parent.workings()), parent.text());
          case CROSSOVER -> throw new IllegalStateException("Crossover asks nobody.");
        };
    Proposer.Proposal<String> proposal =
        problem
            .proposer()
            .ask(question(wish, step, 10_000 + pair, edits -> edits.of(parent.text())));
    if (proposal.value().isEmpty()) {
      notes.skip(parent.id(), "", proposal.why());
      return Optional.empty();
    }
    Unit child = child(notes.nextId(), proposal.value().get(), parent);
    return Optional.of(
        new Unit(child.id(), child.text(), mutation, child.context(), child.workings()));
  }

  private static Unit child(String id, String text, Unit parent) {
    return new Unit(id, text, parent.mutation(), parent.context(), parent.workings());
  }

  /** Now and then another unit's prompt by its fitness, and now and then a new context. */
  private Unit crossed(Unit child, List<Unit> units, double[] fitness, RandomGenerator random) {
    boolean swap = random.nextDouble() < config.crossover();
    boolean resample = random.nextDouble() < config.crossover() || child.context().isEmpty();
    String text = swap ? units.get(byFitness(fitness, random)).text() : child.text();
    List<Demonstration> context = child.context();
    if (config.context() > 0 && resample) {
      List<Demonstration> all = child.workings();
      int[] order = RandomSource.permutation(all.size(), random);
      context =
          IntStream.range(0, Math.min(config.context(), order.length))
              .mapToObj(i -> all.get(order[i]))
              .toList();
    }
    return new Unit(child.id(), text, child.mutation(), context, child.workings());
  }

  private static int byFitness(double[] fitness, RandomGenerator random) {
    double sum = 0;
    for (double one : fitness) {
      sum += Math.max(0, one);
    }
    double ball = random.nextDouble() * sum;
    for (int u = 0; u < fitness.length; u++) {
      ball -= Math.max(0, fitness[u]);
      if (ball < 0) {
        return u;
      }
    }
    return random.nextInt(fitness.length);
  }

  /** The population's prompts, worst first, without those that are like an earlier one. */
  private List<String> different(List<Unit> units, double[] fitness) {
    List<String> texts = new ArrayList<>();
    IntStream.range(0, units.size())
        .boxed()
        .sorted(Comparator.comparingDouble(u -> fitness[u]))
        .map(u -> units.get(u).text())
        .filter(text -> texts.stream().allMatch(other -> cosine(text, other) <= config.similar()))
        .forEach(texts::add);
    return texts;
  }

  private static List<String> shuffled(List<String> texts, RandomGenerator random) {
    int[] order = RandomSource.permutation(texts.size(), random);
    return IntStream.of(order).mapToObj(texts::get).toList();
  }

  /** The cosine of two texts' word counts. */
  static double cosine(String a, String b) {
    Map<String, int[]> counts = new HashMap<>();
    count(a, 0, counts);
    count(b, 1, counts);
    double both = 0;
    double first = 0;
    double second = 0;
    for (int[] n : counts.values()) {
      both += (double) n[0] * n[1];
      first += (double) n[0] * n[0];
      second += (double) n[1] * n[1];
    }
    return first == 0 || second == 0 ? 0 : both / Math.sqrt(first * second);
  }

  private static void count(String text, int place, Map<String, int[]> counts) {
    for (String word : text.toLowerCase(Locale.ROOT).split("[^\\p{L}\\p{N}]+")) {
      if (!word.isEmpty()) {
        counts.computeIfAbsent(word, unused -> new int[2])[place]++;
      }
    }
  }

  private static String list(List<String> texts) {
    StringBuilder list = new StringBuilder();
    for (int i = 0; i < texts.size(); i++) {
      list.append(i + 1).append(". ").append(texts.get(i)).append('\n');
    }
    return list.append(texts.size() + 1).append('.').toString();
  }

  private static String shown(List<Demonstration> workings) {
    StringBuilder text = new StringBuilder();
    workings.forEach(w -> text.append("Q: %s\nA: %s\n\n".formatted(w.question(), w.answer())));
    return text.toString();
  }

  private static String one(List<String> from, RandomGenerator random) {
    return from.get(random.nextInt(from.size()));
  }

  private Proposer.Question<String> question(
      String wish, int step, int number, Function<Edits, Optional<String>> otherwise) {
    Function<String, Optional<String>> reader =
        answer -> {
          Optional<String> tagged = Tags.last(answer, TAG);
          // The first hint, where the model wrote a whole list of them.
          return tagged.map(
              text -> {
                List<String> items = NumberedList.items(text);
                return items.size() > 1 && text.strip().startsWith("1") ? items.get(0) : text;
              });
        };
    return Proposer.Question.of(
            wish + "\n\nWrite it between <prompt> and </prompt>.",
            config.sampling(),
            problem.sample(step, number),
            reader)
        .otherwise(otherwise);
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
    for (Unit unit : population) {
      ObjectNode one = all.addObject().put("id", unit.id()).put("mutation", unit.mutation());
      one.set("prompt", unit.prompt().toJson());
      one.set("workings", new InstructionPrompt("", unit.workings()).toJson());
    }
    ArrayNode elders = json.putArray("lineage");
    lineage.forEach(elders::add);
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    population.clear();
    for (JsonNode one : state.path("population")) {
      InstructionPrompt prompt = InstructionPrompt.fromJson(one.path("prompt"));
      population.add(
          new Unit(
              one.path("id").asText(),
              prompt.instruction(),
              one.path("mutation").asText(),
              prompt.demonstrations(),
              InstructionPrompt.fromJson(one.path("workings")).demonstrations()));
    }
    lineage.clear();
    state.path("lineage").forEach(text -> lineage.add(text.asText()));
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}
