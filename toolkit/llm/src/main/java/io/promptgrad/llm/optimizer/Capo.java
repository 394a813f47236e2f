package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.client.Usage;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.InstructionPrompt.Demonstration;
import io.promptgrad.llm.instruction.Rollout;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * CAPO, cost-aware prompt optimization (Zehle, Schlager, Heiss and Feurer 2025, arXiv:2504.16005,
 * algorithm 1): a genetic algorithm over instructions with demonstrations, in which prompts race
 * against each other and long ones pay.
 *
 * <p>Step 1 makes the first population: the prompts to begin with, varied where they are few, with
 * 0 to {@code mostShots} demonstrations each. Each further step: children by crossover (the
 * proposer joins two instructions; demonstrations come from the union of both, their mean number)
 * and mutation (the proposer rewrites it; one demonstration more, one less, or the same number);
 * then a race of old and new on one block of examples after the other. A prompt is out when as many
 * rivals as shall survive are better than it by a paired t-test. What counts is the value of an
 * example less {@code lengthPenalty * tokens / longest}, the longest prompt of the first population
 * being 1.
 *
 * <p>A demonstration's answer is what the task model itself said, reasoning included, where that
 * was right, and the label else. Tokens are guessed as one for four bytes. Blocks are shuffled for
 * each race by the seed. The result is measured on dev without the penalty.
 *
 * <p>Cost of a step: 2 * crossovers calls of the proposer, and of the task model at most {@code
 * mostBlocks * block} for each prompt, most of which the cache has.
 */
public final class Capo implements Search {

  private static final String TAG = "prompt";

  private final PromptProblem problem;
  private final CapoConfig config;
  private final Champion champion;
  private List<Member> population = new ArrayList<>(); // best first
  private long longest; // tokens of the longest prompt of the first population

  private record Member(String id, InstructionPrompt prompt) {}

  /** A search over instructions with demonstrations. */
  public Capo(PromptProblem problem, CapoConfig config) {
    this.problem = problem;
    this.config = config;
    this.champion = new Champion(problem);
  }

  @Override
  public String method() {
    return "capo";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    List<Member> contestants = new ArrayList<>(population);
    List<Member> parents = new ArrayList<>(); // of the new ones, in their order
    int old = contestants.size();
    if (population.isEmpty()) {
      contestants.addAll(firstPopulation(step, notes));
      longest = contestants.stream().mapToLong(m -> tokens(m.prompt())).max().orElseThrow();
    } else {
      contestants.addAll(children(step, notes, parents));
    }
    Race race = race(contestants, step);
    population = new ArrayList<>(race.survivors().stream().map(contestants::get).toList());
    for (int i = 0; i < contestants.size(); i++) {
      boolean lives = race.survivors().contains(i);
      Member member = contestants.get(i);
      notes.add(
          i < old ? notes.nextId() : member.id(),
          i < old ? member.id() : parents.isEmpty() ? "" : parents.get(i - old).id(),
          member.prompt(),
          race.means()[i],
          race.seen()[i],
          !lives ? Status.PRUNED : i < old ? Status.INCUMBENT : Status.ACCEPTED,
          Map.of("tokens", tokens(member.prompt())));
    }
    int first = race.survivors().get(0);
    notes.measure(champion, contestants.get(first).prompt(), race.means()[first]);
    return notes.report(race.means()[first], problem.calls());
  }

  // ------------------------------------------------------------------ new prompts

  private List<Member> firstPopulation(int step, StepNotes notes) {
    List<String> texts =
        new ArrayList<>(
            problem.seeds().stream()
                .map(InstructionPrompt::instruction)
                .distinct()
                .limit(config.population())
                .toList());
    int given = texts.size();
    List<Proposer.Question<String>> questions = new ArrayList<>();
    for (int i = given; i < config.population(); i++) {
      questions.add(
          question(
              "Write another instruction for the same task as this one, as different in its words as you like. Write it between <prompt> and </prompt>.\n\nInstruction: "
                  + texts.get(i % given),
              step,
              i,
              texts.get(i % given)));
    }
    ask(questions, notes).forEach(text -> text.ifPresent(texts::add));
    RandomGenerator random = problem.random().stream("capo.shots", step);
    List<Member> members = new ArrayList<>();
    for (String text : texts) {
      int shots = config.mostShots() == 0 ? 0 : random.nextInt(config.mostShots() + 1);
      List<Demonstration> shown = demonstrations(text, shots, Set.of(), random);
      members.add(new Member(notes.nextId(), new InstructionPrompt(text, shown)));
    }
    return members;
  }

  private List<Member> children(int step, StepNotes notes, List<Member> parents) {
    RandomGenerator random = problem.random().stream("capo.parents", step);
    List<Member> mothers = new ArrayList<>();
    List<Member> fathers = new ArrayList<>();
    List<Proposer.Question<String>> crossing = new ArrayList<>();
    for (int c = 0; c < config.crossovers(); c++) {
      int[] order = RandomSource.permutation(population.size(), random);
      mothers.add(population.get(order[0]));
      fathers.add(population.get(order[Math.min(1, order.length - 1)]));
      crossing.add(
          question(
              "Merge these two instructions for one task into a single one that has what is good in both. Write it between <prompt> and </prompt>.\n\nInstruction 1: %s\nInstruction 2: %s"
                  .formatted(
                      mothers.get(c).prompt().instruction(), fathers.get(c).prompt().instruction()),
              step,
              c,
              mothers.get(c).prompt().instruction()));
    }
    List<Optional<String>> crossed = ask(crossing, notes);
    List<Integer> places = new ArrayList<>();
    List<Proposer.Question<String>> mutating = new ArrayList<>();
    for (int c = 0; c < config.crossovers(); c++) {
      if (crossed.get(c).isPresent()) {
        places.add(c);
        mutating.add(
            question(
                "Rewrite this instruction so that it works better: say it more precisely, or in another way. Write it between <prompt> and </prompt>.\n\nInstruction: "
                    + crossed.get(c).get(),
                step,
                1000 + c,
                crossed.get(c).get()));
      }
    }
    List<Optional<String>> mutated = ask(mutating, notes);
    List<Member> children = new ArrayList<>();
    for (int i = 0; i < places.size(); i++) {
      if (mutated.get(i).isEmpty()) {
        continue;
      }
      String text = mutated.get(i).get();
      Member mother = mothers.get(places.get(i));
      List<Demonstration> shown = crossedShots(mother, fathers.get(places.get(i)), text, random);
      InstructionPrompt child = new InstructionPrompt(text, shown);
      if (population.stream().noneMatch(member -> member.prompt().equals(child))) {
        children.add(new Member(notes.nextId(), child));
        parents.add(mother);
      }
    }
    return children;
  }

  /** Some of both parents' demonstrations, as many as they have on average, one more or less. */
  private List<Demonstration> crossedShots(
      Member mother, Member father, String text, RandomGenerator random) {
    Set<Demonstration> union = new LinkedHashSet<>(mother.prompt().demonstrations());
    union.addAll(father.prompt().demonstrations());
    int mean =
        (mother.prompt().demonstrations().size() + father.prompt().demonstrations().size()) / 2;
    List<Demonstration> all = List.copyOf(union);
    int[] order = RandomSource.permutation(all.size(), random);
    List<Demonstration> shown =
        new ArrayList<>(
            IntStream.range(0, Math.min(mean, order.length))
                .mapToObj(i -> all.get(order[i]))
                .toList());
    int change = random.nextInt(3) - 1;
    if (change < 0 && !shown.isEmpty()) {
      shown.remove(random.nextInt(shown.size()));
    } else if (change > 0 && shown.size() < config.mostShots()) {
      shown.addAll(demonstrations(text, 1, Set.copyOf(shown), random));
    }
    return shown;
  }

  /** Training examples with the task model's own answers where they are right. */
  private List<Demonstration> demonstrations(
      String instruction, int n, Set<Demonstration> except, RandomGenerator random) {
    Set<String> known = new LinkedHashSet<>(except.stream().map(Demonstration::question).toList());
    List<Example> examples = new ArrayList<>();
    for (int i : RandomSource.permutation(problem.task().train().size(), random)) {
      Example example = problem.task().train().get(i);
      if (examples.size() < n && known.add(problem.layout().question(example))) {
        examples.add(example);
      }
    }
    if (examples.isEmpty()) {
      return List.of();
    }
    List<Rollout> rollouts = problem.scorer().rollouts(InstructionPrompt.of(instruction), examples);
    List<Demonstration> shown = new ArrayList<>();
    for (int i = 0; i < examples.size(); i++) {
      boolean right = rollouts.get(i).outcome().value() >= 1 && !rollouts.get(i).output().isBlank();
      shown.add(
          new Demonstration(
              problem.layout().question(examples.get(i)),
              right ? rollouts.get(i).output().strip() : examples.get(i).label()));
    }
    return shown;
  }

  private Proposer.Question<String> question(String text, int step, int number, String parent) {
    return Proposer.Question.of(
            text, config.sampling(), problem.sample(step, number), answer -> Tags.last(answer, TAG))
        .otherwise(edits -> edits.of(parent));
  }

  private List<Optional<String>> ask(List<Proposer.Question<String>> questions, StepNotes notes) {
    List<Optional<String>> texts = new ArrayList<>();
    for (Proposer.Proposal<String> proposal : problem.proposer().ask(questions)) {
      if (proposal.value().isEmpty()) {
        notes.skip("", "", proposal.why());
      }
      texts.add(proposal.value());
    }
    return texts;
  }

  private static long tokens(InstructionPrompt prompt) {
    return Usage.guess(prompt.text().getBytes(StandardCharsets.UTF_8).length);
  }

  // ------------------------------------------------------------------ the race

  /** Survivors, best first, and for every contestant the mean value and the examples behind it. */
  private record Race(List<Integer> survivors, double[] means, int[] seen) {}

  private Race race(List<Member> contestants, int step) {
    int[] order =
        RandomSource.permutation(
            problem.task().train().size(), problem.random().stream("capo.blocks", step));
    int blocks = Math.max(1, Math.min(config.mostBlocks(), order.length / config.block()));
    double[][] values = new double[contestants.size()][0];
    List<Integer> live = new ArrayList<>(IntStream.range(0, contestants.size()).boxed().toList());
    for (int b = 0; b < blocks && (b == 0 || live.size() > config.population()); b++) {
      List<Example> block =
          IntStream.range(b * config.block(), Math.min(order.length, (b + 1) * config.block()))
              .mapToObj(i -> problem.task().train().get(order[i]))
              .toList();
      List<List<Outcome>> outcomes =
          problem
              .scorer()
              .outcomes(live.stream().map(i -> contestants.get(i).prompt()).toList(), block);
      for (int i = 0; i < live.size(); i++) {
        double[] before = values[live.get(i)];
        double[] all = Arrays.copyOf(before, before.length + block.size());
        for (int e = 0; e < block.size(); e++) {
          all[before.length + e] = outcomes.get(i).get(e).value();
        }
        values[live.get(i)] = all;
      }
      live.removeAll(beaten(contestants, live, values));
    }
    live.sort(
        Comparator.comparingDouble((Integer i) -> -penalized(contestants, values, i))
            .thenComparing(i -> i));
    double[] means = new double[contestants.size()];
    for (int i = 0; i < means.length; i++) {
      means[i] = Arrays.stream(values[i]).average().orElse(Double.NaN);
    }
    List<Integer> survivors = live.subList(0, Math.min(config.population(), live.size()));
    return new Race(
        List.copyOf(survivors), means, Arrays.stream(values).mapToInt(v -> v.length).toArray());
  }

  /** Those whom at least as many rivals beat as shall survive. */
  private List<Integer> beaten(List<Member> contestants, List<Integer> live, double[][] values) {
    List<Integer> beaten = new ArrayList<>();
    for (Integer i : live) {
      double[] own = less(values[i], penalty(contestants.get(i)));
      long rivals =
          live.stream()
              .filter(
                  j ->
                      !j.equals(i)
                          && PairedTest.better(less(values[j], penalty(contestants.get(j))), own)
                              < config.alpha())
              .count();
      if (rivals >= config.population()) {
        beaten.add(i);
      }
    }
    return beaten;
  }

  private double penalized(List<Member> contestants, double[][] values, int i) {
    return Arrays.stream(values[i]).average().orElse(Double.NEGATIVE_INFINITY)
        - penalty(contestants.get(i));
  }

  private double penalty(Member member) {
    return config.lengthPenalty() * tokens(member.prompt()) / longest;
  }

  private static double[] less(double[] values, double penalty) {
    return Arrays.stream(values).map(value -> value - penalty).toArray();
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object().put("longest", longest);
    ArrayNode all = json.putArray("population");
    for (Member member : population) {
      all.addObject().put("id", member.id()).set("prompt", member.prompt().toJson());
    }
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    longest = state.path("longest").asLong();
    population = new ArrayList<>();
    for (JsonNode one : state.path("population")) {
      population.add(
          new Member(one.path("id").asText(), InstructionPrompt.fromJson(one.path("prompt"))));
    }
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}
