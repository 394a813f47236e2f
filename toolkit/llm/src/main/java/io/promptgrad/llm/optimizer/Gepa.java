package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.parse.Fences;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
  private final List<Example> train;
  private final List<Example> dev;
  private final List<Member> members = new ArrayList<>();
  private final int[] used; // how often each training example was in a minibatch
  private List<Integer> epoch = new ArrayList<>(); // what is left of it
  private int epochs;
  private int merged;
  private boolean mutationAccepted; // in the step before: a merge may be due

  /** A candidate; {@code values} are by dev example, {@code rejected} texts of its children. */
  private record Member(
      String id,
      Map<String, String> texts,
      List<Integer> parents,
      double[] values,
      int nextComponent,
      List<String> rejected) {

    double mean() {
      return Arrays.stream(values).average().orElseThrow();
    }
  }

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
    this.train = problem.task().train();
    boolean onDev = problem.selection() == PromptProblem.Selection.DEV;
    this.dev = onDev ? problem.task().dev() : train;
    this.used = new int[train.size()];
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
      members.add(new Member(step + ".0", seed, List.of(), values, 0, new ArrayList<>()));
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
    Member parent = members.get(p);
    List<Example> minibatch = minibatch();
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
    members.set(
        p,
        new Member(
            parent.id(),
            parent.texts(),
            parent.parents(),
            parent.values(),
            next,
            parent.rejected()));
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
      chosen.forEach(name -> remember(parent.rejected(), texts.get(name)));
    }
  }

  private void remember(List<String> rejected, String text) {
    rejected.remove(text);
    rejected.add(text);
    while (rejected.size() > config.remembered()) {
      rejected.remove(0);
    }
  }

  private void join(
      String id, Map<String, String> texts, List<Integer> parents, int next, Report report) {
    double bestBefore = members.get(bestMember()).mean();
    double[] values = values(program.run(texts, dev));
    members.add(new Member(id, texts, parents, values, next, new ArrayList<>()));
    report.dev = OptionalDouble.of(mean(values));
    report.newBest = mean(values) > bestBefore;
  }

  private Optional<String> reflect(
      Member parent,
      String component,
      List<TextProgram.Run> runs,
      int step,
      int number,
      Report report) {
    StringBuilder examples = new StringBuilder();
    StringBuilder inputs = new StringBuilder();
    for (int i = 0; i < runs.size(); i++) {
      TextProgram.Use record = runs.get(i).records().get(component);
      if (record != null) {
        inputs.append(record.inputs()).append('\n');
        examples.append(
            "# Example %d\n## Inputs\n%s\n\n## Generated Outputs\n%s\n\n## Feedback\n%s\n\n"
                .formatted(i + 1, record.inputs(), record.output(), record.feedback()));
      }
    }
    StringBuilder rejected = new StringBuilder();
    for (String text : parent.rejected()) {
      rejected.append("```\n").append(text).append("\n```\n");
    }
    String question =
        "An assistant was given these instructions for a task:\n```\n%s\n```\n\nHere are examples of what it was given, what it wrote, and feedback on that:\n```\n%s```\n\n%sWrite new instructions for the assistant. Work out from the inputs what the task is and what its inputs look like. Read the feedback: keep every fact about this kind of task that the assistant may not know, and every way of going about it that worked. Do not repeat the examples themselves. Write the new instructions between triple backticks."
            .formatted(
                parent.texts().get(component),
                examples.toString(),
                rejected.isEmpty()
                    ? ""
                    : "These new instructions were tried and were no better, so write others:\n"
                        + rejected
                        + "\n");
    Proposer.Proposal<String> proposal =
        problem
            .proposer()
            .ask(
                Proposer.Question.of(
                        question, config.sampling(), problem.sample(step, number), this::read)
                    .otherwise(edits -> edits.of(parent.texts().get(component))));
    if (proposal.value().isEmpty()) {
      report.skip(parent.id(), "", proposal.why());
      return Optional.empty();
    }
    String text = proposal.value().get();
    if (text.equals(parent.texts().get(component))) {
      report.skip(parent.id(), text, "the same as before");
      return Optional.empty();
    }
    if (copies(text, inputs.toString(), parent.texts().get(component), config.copied())) {
      report.skip(parent.id(), text, "it copies " + config.copied() + " words from the examples");
      return Optional.empty();
    }
    return proposal.value();
  }

  private Optional<String> read(String answer) {
    Optional<String> fenced = Fences.outermost(answer);
    return fenced.isEmpty() && config.reference() && !answer.isBlank()
        ? Optional.of(answer.strip())
        : fenced;
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
    return nonDominated(fronts, members.stream().mapToDouble(Member::mean).toArray());
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

  /** The next examples of a shuffled epoch, which is filled up with those used least. */
  private List<Example> minibatch() {
    int size = Math.min(config.minibatch(), train.size());
    if (epoch.size() < size) {
      epoch = new ArrayList<>();
      for (int i :
          RandomSource.permutation(
              train.size(), problem.random().stream("gepa.minibatch", epochs++))) {
        epoch.add(i);
      }
      int[] times = used.clone();
      while (epoch.size() % size != 0) {
        int least = 0;
        for (int i = 0; i < times.length; i++) {
          least = times[i] < times[least] ? i : least;
        }
        times[least]++;
        epoch.add(least);
      }
    }
    List<Example> batch = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      int place = epoch.remove(0);
      used[place]++;
      batch.add(train.get(place));
    }
    return batch;
  }

  // ------------------------------------------------------------------ merge

  /** Joins two candidates of the front; returns whether there was a pair to try. */
  private boolean merge(int step, Report report) {
    RandomGenerator random = problem.random().stream("gepa.merge", step);
    List<Integer> live = nonDominated(fronts(members.size()));
    for (int attempt = 0; attempt < 10 && live.size() > 1; attempt++) {
      int a = live.get(random.nextInt(live.size()));
      int b = live.get(random.nextInt(live.size()));
      Optional<Map<String, String>> texts = a == b ? Optional.empty() : joined(a, b, random);
      if (texts.isEmpty() || members.stream().anyMatch(m -> m.texts().equals(texts.get()))) {
        continue;
      }
      List<Integer> check = check(a, b, random);
      double[] values = values(program.run(texts.get(), check.stream().map(dev::get).toList()));
      double needed = Math.max(sum(members.get(a), check), sum(members.get(b), check));
      boolean accepted = Arrays.stream(values).sum() >= needed;
      report.add(
          step + ".3",
          members.get(a).id(),
          texts.get(),
          mean(values),
          values.length,
          accepted ? Status.ACCEPTED : Status.EVALUATED,
          "merge with " + members.get(b).id());
      if (accepted) {
        int next = Math.max(members.get(a).nextComponent(), members.get(b).nextComponent());
        join(step + ".3", texts.get(), List.of(a, b), next, report);
        merged++;
      }
      return true;
    }
    return false;
  }

  /** The texts of both, where exactly one changed something of a common ancestor's. */
  private Optional<Map<String, String>> joined(int a, int b, RandomGenerator random) {
    List<Integer> ofA = ancestors(a);
    List<Integer> ofB = ancestors(b);
    if (ofA.contains(b) || ofB.contains(a)) {
      return Optional.empty();
    }
    double worse = Math.min(members.get(a).mean(), members.get(b).mean());
    List<Integer> common =
        ofA.stream()
            .filter(ofB::contains)
            .filter(old -> members.get(old).mean() <= worse)
            .filter(old -> someChangedInOne(old, a, b))
            .toList();
    if (common.isEmpty()) {
      return Optional.empty();
    }
    Member old = members.get(common.get(random.nextInt(common.size())));
    Member one = members.get(a);
    Member two = members.get(b);
    Map<String, String> texts = new LinkedHashMap<>();
    for (String name : old.texts().keySet()) {
      boolean inOne = !one.texts().get(name).equals(old.texts().get(name));
      boolean inTwo = !two.texts().get(name).equals(old.texts().get(name));
      Member from = inOne && inTwo ? (two.mean() > one.mean() ? two : one) : inTwo ? two : one;
      texts.put(name, from.texts().get(name));
    }
    return Optional.of(texts);
  }

  private boolean someChangedInOne(int old, int a, int b) {
    return members.get(old).texts().entrySet().stream()
        .anyMatch(
            text ->
                members.get(a).texts().get(text.getKey()).equals(text.getValue())
                    != members.get(b).texts().get(text.getKey()).equals(text.getValue()));
  }

  private List<Integer> ancestors(int member) {
    List<Integer> all = new ArrayList<>();
    for (int parent : members.get(member).parents()) {
      all.add(parent);
      all.addAll(ancestors(parent));
    }
    return all.stream().distinct().sorted().toList();
  }

  /** Five dev examples: two that a won, two that b won, the rest ties, as far as there are. */
  private List<Integer> check(int a, int b, RandomGenerator random) {
    double[] one = members.get(a).values();
    double[] two = members.get(b).values();
    int[] order = RandomSource.permutation(dev.size(), random);
    List<Integer> chosen = new ArrayList<>();
    take(chosen, Arrays.stream(order).filter(e -> one[e] > two[e]), 2);
    take(chosen, Arrays.stream(order).filter(e -> one[e] < two[e]), 4);
    take(chosen, Arrays.stream(order).filter(e -> one[e] == two[e]), 5);
    take(chosen, Arrays.stream(order).filter(e -> !chosen.contains(e)), 5);
    return chosen;
  }

  private static void take(List<Integer> chosen, IntStream from, int upTo) {
    from.boxed().toList().stream().limit(Math.max(0, upTo - chosen.size())).forEach(chosen::add);
  }

  private static double sum(Member member, List<Integer> examples) {
    return examples.stream().mapToDouble(e -> member.values()[e]).sum();
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
    Member best = members.get(bestMember());
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
    for (Member member : members) {
      ObjectNode one = all.addObject().put("id", member.id());
      ObjectNode texts = one.putObject("texts");
      member.texts().forEach(texts::put);
      one.set("parents", Json.array(member.parents().stream().mapToInt(p -> p).toArray()));
      ArrayNode values = one.putArray("values");
      Arrays.stream(member.values()).forEach(value -> values.add(Json.number(value)));
      one.put("next", member.nextComponent());
      ArrayNode rejected = one.putArray("rejected");
      member.rejected().forEach(rejected::add);
    }
    json.set("used", Json.array(used));
    json.set("epoch", Json.array(epoch.stream().mapToInt(i -> i).toArray()));
    json.put("epochs", epochs).put("merged", merged).put("mutation_accepted", mutationAccepted);
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    members.clear();
    for (JsonNode one : state.path("members")) {
      Map<String, String> texts = new LinkedHashMap<>();
      one.path("texts").properties().forEach(t -> texts.put(t.getKey(), t.getValue().asText()));
      List<Double> values = new ArrayList<>();
      one.path("values").forEach(value -> values.add(Json.toDouble(value)));
      List<String> rejected = new ArrayList<>();
      one.path("rejected").forEach(text -> rejected.add(text.asText()));
      members.add(
          new Member(
              one.path("id").asText(),
              texts,
              Arrays.stream(Json.ints(one.path("parents"))).boxed().toList(),
              values.stream().mapToDouble(v -> v).toArray(),
              one.path("next").asInt(),
              rejected));
    }
    System.arraycopy(Json.ints(state.path("used")), 0, used, 0, used.length);
    epoch = new ArrayList<>(Arrays.stream(Json.ints(state.path("epoch"))).boxed().toList());
    epochs = state.path("epochs").asInt();
    merged = state.path("merged").asInt();
    mutationAccepted = state.path("mutation_accepted").asBoolean();
    problem.restoreCalls(state.path("calls"));
  }
}
