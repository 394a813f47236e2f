package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * GEPA, genetic-Pareto reflective prompt evolution (Agrawal et al. 2025, arXiv:2507.19457,
 * algorithms 1 to 4).
 *
 * <p>All candidates ever accepted are kept, with their value on every dev example. One step: a
 * parent is drawn among those that are best on some example; it is run on a minibatch of train; the
 * proposer reflects on what happened and writes one component anew; if the child's sum on the same
 * minibatch is strictly greater it is run on all of dev and joins the candidates. With {@link
 * GepaConfig#merges} a step may instead join two candidates that changed different components of a
 * common ancestor.
 *
 * <p>Where this differs from the original: the reflection is shown the candidate's rejected
 * children; a proposal that copies a row of words from the minibatch is left out; empty texts and
 * replies without a fence are asked for again. Only the frontier by examples is there.
 *
 * <p>The result is the candidate with the best mean on dev, the earliest of equals. Cost of step 1:
 * dev; of every other: two minibatches of task calls and one call of the proposer for each
 * component, and dev for each child that is accepted. The seed fixes parents and minibatches.
 */
public final class Gepa implements Search {

  private final PromptProblem problem;
  private final TextProgram program;
  private final Map<String, String> seed;
  private final GepaConfig config;
  private final List<Example> dev;
  private final Minibatches minibatches;
  private final List<GepaMember> members = new ArrayList<>();
  private int merged;
  private boolean mutationAccepted; // in the step before: a merge may be due

  /** A search over one instruction. */
  public Gepa(PromptProblem problem, GepaConfig config) {
    this(
        problem,
        TextProgram.instruction(problem),
        Map.of("instruction", problem.seeds().get(0).instruction()),
        config);
  }

  /**
   * A search over the texts of a program.
   *
   * @param seed the components' texts to begin with; their order is that in which they are changed
   */
  public Gepa(
      PromptProblem problem, TextProgram program, Map<String, String> seed, GepaConfig config) {
    this.problem = problem;
    this.program = program;
    this.seed = new LinkedHashMap<>(seed);
    this.config = config;
    List<Example> train = problem.task().train();
    boolean onDev = problem.selection() == PromptProblem.Selection.DEV;
    this.dev = onDev ? problem.task().dev() : train;
    this.minibatches =
        new Minibatches(train, config.minibatch(), problem.random(), "gepa.minibatch");
  }

  @Override
  public String method() {
    return "gepa";
  }

  @Override
  public StepReport step(int step) {
    Report report = new Report(step);
    if (members.isEmpty()) {
      double[] values = values(program.run(seed, dev));
      members.add(new GepaMember(step + ".0", seed, List.of(), values, 0, new HashMap<>()));
      report.add(
          step + ".0", "", seed, members.get(0).mean(), dev.size(), Status.INCUMBENT, "seed");
    }
    boolean mergeDue = mutationAccepted && merged < config.merges();
    mutationAccepted = false;
    if (!(mergeDue && merge(step, report))) {
      mutate(step, report);
    }
    return report.done();
  }

  // ------------------------------------------------------------------ mutation by reflection

  private void mutate(int step, Report report) {
    RandomGenerator random = problem.random().stream("gepa.parent", step);
    int p = parent(random);
    GepaMember parent = members.get(p);
    List<Example> minibatch = minibatches.next();
    List<TextProgram.Run> runs = program.run(parent.texts(), minibatch);
    double[] before = values(runs);
    report.add(
        step + ".1",
        parent.id(),
        parent.texts(),
        mean(before),
        before.length,
        Status.INCUMBENT,
        "parent");
    if (Arrays.stream(before).allMatch(value -> value >= config.perfect())) {
      return; // nothing to learn here
    }

    List<String> names = List.copyOf(parent.texts().keySet());
    List<String> chosen =
        config.allComponents() ? names : List.of(names.get(parent.nextComponent() % names.size()));
    int next = (parent.nextComponent() + 1) % names.size();
    members.set(p, parent.withNextComponent(next));
    Map<String, String> texts = new LinkedHashMap<>(parent.texts());
    for (int c = 0; c < chosen.size(); c++) {
      Optional<String> text = reflect(parent, chosen.get(c), runs, step, c, report);
      if (text.isEmpty()) {
        return;
      }
      texts.put(chosen.get(c), text.get());
    }

    double[] after = values(program.run(texts, minibatch));
    boolean accepted = Arrays.stream(after).sum() > Arrays.stream(before).sum();
    report.add(
        step + ".2",
        parent.id(),
        texts,
        mean(after),
        after.length,
        accepted ? Status.ACCEPTED : Status.EVALUATED,
        "reflection");
    if (accepted) {
      join(step + ".2", texts, List.of(p), next, report);
      mutationAccepted = true;
    } else {
      chosen.forEach(name -> parent.reject(name, texts.get(name), config.remembered()));
    }
  }

  private void join(
      String id, Map<String, String> texts, List<Integer> parents, int next, Report report) {
    double bestBefore = members.get(bestMember()).mean();
    double[] values = values(program.run(texts, dev));
    members.add(new GepaMember(id, texts, parents, values, next, new HashMap<>()));
    report.dev = OptionalDouble.of(mean(values));
    report.newBest = mean(values) > bestBefore;
  }

  /** Asks for another text of a component; empty, with a note why, if none can be used. */
  private Optional<String> reflect(
      GepaMember parent,
      String component,
      List<TextProgram.Run> runs,
      int step,
      int number,
      Report report) {
    String current = parent.texts().get(component);
    List<TextProgram.Use> uses =
        runs.stream().map(run -> run.records().get(component)).filter(Objects::nonNull).toList();
    GepaReflection reflection = new GepaReflection(current, uses, parent.rejected(component));
    Proposer.Proposal<String> proposal =
        problem
            .proposer()
            .ask(
                Proposer.Question.of(
                        reflection.question(),
                        config.sampling(),
                        problem.sample(step, number),
                        answer -> GepaReflection.read(answer, config.reference()))
                    .otherwise(edits -> edits.of(current)));
    if (proposal.value().isEmpty()) {
      report.skip(parent.id(), "", proposal.why());
      return Optional.empty();
    }
    String text = proposal.value().get();
    if (text.equals(current)) {
      report.skip(parent.id(), text, "the same as before");
      return Optional.empty();
    }
    if (copies(text, reflection.inputs(), current, config.copied())) {
      report.skip(parent.id(), text, "it copies " + config.copied() + " words from the examples");
      return Optional.empty();
    }
    return proposal.value();
  }

  /** Whether n words in a row of the text stand in the examples and not in the parent. */
  static boolean copies(String text, String examples, String parent, int n) {
    String[] words = text.strip().split("\\s+");
    String from = " " + String.join(" ", examples.strip().split("\\s+")) + " ";
    String had = " " + String.join(" ", parent.strip().split("\\s+")) + " ";
    for (int i = 0; n > 0 && i + n <= words.length; i++) {
      String row = " " + String.join(" ", Arrays.asList(words).subList(i, i + n)) + " ";
      if (from.contains(row) && !had.contains(row)) {
        return true;
      }
    }
    return false;
  }

  // ------------------------------------------------------------------ whom to choose

  private int parent(RandomGenerator random) {
    return switch (config.parents()) {
      case PARETO -> onFront(members.size(), random);
      case TOP_K_PARETO -> onFront(config.topK(), random);
      case BEST -> bestMember();
      case EPSILON_GREEDY ->
          random.nextDouble() < config.epsilon() ? random.nextInt(members.size()) : bestMember();
    };
  }

  /** Draws a candidate of the reduced front, as often as there are examples that it is best on. */
  private int onFront(int best, RandomGenerator random) {
    List<List<Integer>> fronts = fronts(best);
    List<Integer> live = nonDominated(fronts);
    List<Integer> tickets = fronts.stream().flatMap(List::stream).filter(live::contains).toList();
    return tickets.get(random.nextInt(tickets.size()));
  }

  /** For each dev example the candidates that are best on it, among those with the best means. */
  private List<List<Integer>> fronts(int best) {
    List<Integer> among =
        IntStream.range(0, members.size())
            .boxed()
            .sorted(Comparator.comparingDouble(m -> -members.get(m).mean()))
            .limit(best)
            .toList();
    List<List<Integer>> fronts = new ArrayList<>();
    for (int e = 0; e < dev.size(); e++) {
      int example = e;
      double most =
          among.stream().mapToDouble(m -> members.get(m).values()[example]).max().orElseThrow();
      fronts.add(
          among.stream().filter(m -> members.get(m).values()[example] == most).sorted().toList());
    }
    return fronts;
  }

  private List<Integer> nonDominated(List<List<Integer>> fronts) {
    return nonDominated(fronts, members.stream().mapToDouble(GepaMember::mean).toArray());
  }

  /** Takes out, worst mean first, whoever has another live one beside it on each of its fronts. */
  static List<Integer> nonDominated(List<List<Integer>> fronts, double[] means) {
    List<Integer> live =
        new ArrayList<>(
            fronts.stream()
                .flatMap(List::stream)
                .distinct()
                .sorted(Comparator.comparingDouble((Integer m) -> means[m]).thenComparing(m -> m))
                .toList());
    boolean changed = true;
    while (changed) {
      changed = false;
      for (Integer m : List.copyOf(live)) {
        boolean dominated =
            fronts.stream()
                .filter(front -> front.contains(m))
                .allMatch(front -> front.stream().anyMatch(o -> !o.equals(m) && live.contains(o)));
        if (dominated) {
          live.remove(m);
          changed = true;
          break;
        }
      }
    }
    return live;
  }

  // ------------------------------------------------------------------ merge

  /** Joins two candidates of the front; returns whether there was a pair to try. */
  private boolean merge(int step, Report report) {
    RandomGenerator random = problem.random().stream("gepa.merge", step);
    Optional<GepaMerge.Attempt> attempt =
        new GepaMerge(members, random).draw(nonDominated(fronts(members.size())));
    if (attempt.isEmpty()) {
      return false;
    }
    GepaMember a = members.get(attempt.get().a());
    GepaMember b = members.get(attempt.get().b());
    Map<String, String> texts = attempt.get().texts();
    List<Integer> check = attempt.get().check();
    double[] values = values(program.run(texts, check.stream().map(dev::get).toList()));
    boolean accepted = Arrays.stream(values).sum() >= Math.max(a.sum(check), b.sum(check));
    report.add(
        step + ".3",
        a.id(),
        texts,
        mean(values),
        values.length,
        accepted ? Status.ACCEPTED : Status.EVALUATED,
        "merge with " + b.id());
    if (accepted) {
      List<Integer> parents = List.of(attempt.get().a(), attempt.get().b());
      join(step + ".3", texts, parents, Math.max(a.nextComponent(), b.nextComponent()), report);
      merged++;
    }
    return true;
  }

  // ------------------------------------------------------------------ small things

  private static double[] values(List<TextProgram.Run> runs) {
    return runs.stream().mapToDouble(run -> run.rollout().outcome().value()).toArray();
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }

  private int bestMember() {
    int best = 0;
    for (int m = 1; m < members.size(); m++) {
      best = members.get(m).mean() > members.get(best).mean() ? m : best;
    }
    return best;
  }

  @Override
  public Best best() {
    if (members.isEmpty()) {
      return new Best(program.prompt(seed), Double.NaN, 0);
    }
    GepaMember best = members.get(bestMember());
    int step = Integer.parseInt(best.id().substring(0, best.id().indexOf('.')));
    boolean isSeed = best.parents().isEmpty();
    return new Best(program.prompt(best.texts()), best.mean(), isSeed ? 0 : step);
  }

  /** What the trace keeps of a step. */
  private final class Report {

    private final int step;
    private final List<Candidate> candidates = new ArrayList<>();
    private OptionalDouble dev = OptionalDouble.empty();
    private boolean newBest;

    Report(int step) {
      this.step = step;
    }

    void add(
        String id,
        String parent,
        Map<String, String> texts,
        double score,
        int n,
        Status status,
        String how) {
      candidates.add(
          new Candidate(
              id,
              parent,
              program.prompt(texts).text(),
              new int[0],
              score,
              n,
              status,
              Map.of("how", how)));
    }

    void skip(String parent, String text, String why) {
      candidates.add(
          new Candidate(
              step + ".2",
              parent,
              text,
              new int[0],
              Double.NaN,
              0,
              Status.SKIPPED,
              Map.of("why", why)));
    }

    StepReport done() {
      return new StepReport(
          candidates, members.get(bestMember()).mean(), dev, newBest, problem.calls().takeCost());
    }
  }

  // ------------------------------------------------------------------ state

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object();
    ArrayNode all = json.putArray("members");
    members.forEach(member -> all.add(member.toJson()));
    minibatches.save(json);
    json.put("merged", merged).put("mutation_accepted", mutationAccepted);
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    members.clear();
    state.path("members").forEach(member -> members.add(GepaMember.fromJson(member)));
    minibatches.restore(state);
    merged = state.path("merged").asInt();
    mutationAccepted = state.path("mutation_accepted").asBoolean();
    problem.restoreCalls(state.path("calls"));
  }
}
