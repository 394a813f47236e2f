package io.promptgrad.gradient.coordinate;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.gradient.trigger.Ranking;
import io.promptgrad.gradient.trigger.TriggerGradient;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Greedy coordinate gradient (Zou, Wang, Carlini, Nasr, Kolter and Fredrikson 2023,
 * arXiv:2307.15043, Algorithm 1) and what others made of it: MAC, I-GCG, Faster-GCG, ACG, GCG++ and
 * nanoGCG are choices in {@link GcgConfig}, each a part of the step below.
 *
 * <p>One step: the gradient of the loss at the trigger's one-hot encoding; at every position the k
 * tokens that promise the lowest loss; W candidates that each change one position (or some) to one
 * of those; the exact loss of all of them; the best one becomes the trigger, even if it is worse.
 *
 * <p>Where this differs from the programs: equal candidates are scored once; if the filters leave
 * none, the trigger stays for a step instead of an error; the first trigger takes part in the
 * choice of the best. Candidates are drawn on the host, from a table of n x k ids that is the one
 * thing a step copies back besides the losses, because the retokenization filter needs their text.
 *
 * <p>Cost of a step: one forward and backward pass, and W forward passes of what comes behind the
 * first changed position. The seed fixes the candidates. Ties go to the first candidate.
 */
public final class Gcg implements Search {

  /**
   * Probe sampling (Zhao et al. 2024, arXiv:2403.01251): a small draft model scores all candidates,
   * the model itself only a random part and those that the draft likes; how many depends on how
   * well the two agree. Approximate.
   *
   * @param draft the same problem on another model of the same vocabulary
   * @param size candidates that both score; 0: a sixteenth of them
   * @param reduction R: at no agreement 1 / R of the candidates are scored by the model itself
   */
  public record Probe(TriggerProblem draft, int size, double reduction) {

    /** Sizes as in the paper. */
    public static Probe of(TriggerProblem draft) {
      return new Probe(draft, 0, 8);
    }
  }

  private final String method;
  private final TriggerProblem problem;
  private final GcgConfig config;
  private final Optional<Probe> probe;
  private final RandomSource random;
  private final Track track;
  private final Tokenizer tokenizer;
  private final Visited visited = new Visited();
  private final List<Entry> buffer = new ArrayList<>(); // best first; one entry if there is none
  private TriggerGradient momentum;
  private double lastLoss = Double.POSITIVE_INFINITY;
  private float[] squares; // of the word vectors, once they are needed

  private record Entry(int[] trigger, double loss) {}

  /** By the name {@code gcg}. */
  public Gcg(TriggerProblem problem, GcgConfig config, RandomSource random) {
    this("gcg", problem, config, Optional.empty(), random);
  }

  /**
   * @param method the name in configurations and traces
   * @param probe scores candidates by a draft model first
   */
  public Gcg(
      String method,
      TriggerProblem problem,
      GcgConfig config,
      Optional<Probe> probe,
      RandomSource random) {
    this.method = method;
    this.problem = problem;
    this.config = config;
    this.probe = probe;
    this.random = random;
    int[] start = problem.start(random);
    this.track = new Track(problem, start, config.devEvery());
    this.tokenizer = problem.models().get(0).model().tokenizer();
    buffer.add(new Entry(start, Double.POSITIVE_INFINITY));
  }

  @Override
  public String method() {
    return method;
  }

  // ------------------------------------------------------------------ the algorithm

  @Override
  public StepReport step(int step) {
    track.begin();
    long evaluations = 0;
    if (step == 1) {
      evaluations += fillBuffer();
    }
    int[] current = buffer.get(0).trigger();

    // 1. The gradient, steadied by the one before (MAC).
    TriggerGradient gradient = problem.gradient(current, step);
    if (config.momentum() > 0) {
      TriggerGradient now = gradient.normalised();
      gradient =
          momentum == null ? now : momentum.mixed(config.momentum(), now, 1 - config.momentum());
      momentum = gradient;
    }

    // 2. The k tokens at each position that promise most.
    int[][] table =
        config.distance() > 0
            ? byGradientAndDistance(gradient, current)
            : gradient.promising(problem.filter(), config.topK());

    // 3. Candidates.
    List<int[]> candidates = candidates(current, table, step);
    boolean first = step == 1 && buffer.get(0).loss() == Double.POSITIVE_INFINITY;
    if (first || config.acceptance() instanceof GcgConfig.Acceptance.IfBetter) {
      candidates.add(0, current); // to compare with, on the same sample
    }
    if (candidates.isEmpty()) {
      return track.end(step, List.of(), -1, buffer.get(0).loss(), 0, evaluations);
    }

    // 4. Their losses.
    List<Track.Tried> tried = new ArrayList<>(score(candidates, current, step));
    evaluations += scored(tried) * examples;
    if (config.merge() > 0) {
      List<int[]> best =
          tried.stream()
              .filter(one -> !Double.isNaN(one.loss()) && one.trigger() != current)
              .sorted(Comparator.comparingDouble(Track.Tried::loss))
              .limit(config.merge())
              .map(Track.Tried::trigger)
              .toList();
      List<int[]> merged = allowed(Proposal.merge(current, best));
      if (!merged.isEmpty()) {
        List<Track.Tried> more = Track.tried(merged, problem.losses(merged, current, step));
        evaluations += (long) more.size() * examples;
        tried.addAll(more);
      }
    }
    if (config.skipsVisited()) {
      tried.forEach(one -> visited.add(one.trigger()));
    }

    // 5. The best one is gone on from.
    int winner = winner(tried, current, first);
    int next = accept(tried, winner, step);
    double loss = next >= 0 ? tried.get(next).loss() : buffer.get(0).loss();
    return track.end(step, tried, next, loss, examples, evaluations);
  }

  private int examples; // behind each loss of the last step

  private static long scored(List<Track.Tried> tried) {
    return tried.stream().filter(one -> !Double.isNaN(one.loss())).count();
  }

  private int winner(List<Track.Tried> tried, int[] current, boolean first) {
    int winner = -1;
    for (int c = 0; c < tried.size(); c++) {
      boolean itself = first && tried.get(c).trigger() == current && tried.size() > 1;
      boolean better =
          winner < 0 || tried.get(c).loss() < tried.get(winner).loss(); // false for NaN
      if (!itself && !Double.isNaN(tried.get(c).loss()) && better) {
        winner = c;
      }
    }
    return winner;
  }

  /** Index of the new current trigger, or -1. */
  private int accept(List<Track.Tried> tried, int winner, int step) {
    Track.Tried best = tried.get(winner);
    if (config.acceptance() instanceof GcgConfig.Acceptance.Annealed annealed) {
      double temperature = Math.max(1 - (step + 1.0) / annealed.steps(), 1e-7);
      double chance = Math.exp(-(best.loss() - lastLoss) / temperature);
      boolean taken =
          best.loss() < lastLoss || random.stream("gcg.anneal", step).nextDouble() < chance;
      lastLoss = best.loss();
      if (!taken) {
        return -1;
      }
    }
    Entry entry = new Entry(best.trigger(), best.loss());
    if (config.buffer() == 0) {
      buffer.set(0, entry);
      return winner;
    }
    boolean known =
        buffer.stream().anyMatch(other -> Arrays.equals(other.trigger(), entry.trigger()));
    Entry worst = buffer.get(buffer.size() - 1);
    if (!known && (buffer.size() < config.buffer() || entry.loss() < worst.loss())) {
      if (buffer.size() >= config.buffer()) {
        buffer.remove(buffer.size() - 1);
      }
      buffer.add(entry);
      buffer.sort(Comparator.comparingDouble(Entry::loss));
    }
    int[] head = buffer.get(0).trigger();
    for (int c = 0; c < tried.size(); c++) {
      if (tried.get(c).trigger() == head) {
        return c;
      }
    }
    return -1;
  }

  // ------------------------------------------------------------------ its parts

  /** nanoGCG begins a buffer with the first trigger and random ones. */
  private long fillBuffer() {
    if (config.buffer() < 2) {
      return 0;
    }
    int[] start = buffer.get(0).trigger();
    RandomGenerator draws = random.stream("gcg.buffer", 0);
    List<int[]> all = new ArrayList<>(List.of(start));
    while (all.size() < config.buffer()) {
      int[] other = new int[start.length];
      for (int t = 0; t < other.length; t++) {
        do {
          other[t] = draws.nextInt(problem.filter().vocabulary());
        } while (!problem.filter().allows(other[t]));
      }
      all.add(other);
    }
    TriggerProblem.Losses losses = problem.losses(all, start, 1);
    buffer.clear();
    for (int c = 0; c < all.size(); c++) {
      buffer.add(new Entry(all.get(c), losses.values()[c]));
    }
    buffer.sort(Comparator.comparingDouble(Entry::loss));
    return (long) all.size() * losses.examples();
  }

  private int replacements(int step) {
    if (config.schedule() == 0) {
      return config.replacements();
    }
    double done = Math.min(1, (step - 1.0) / config.schedule());
    int change = config.lastReplacements() - config.replacements();
    return (int) Math.round(config.replacements() + done * change);
  }

  private List<int[]> candidates(int[] current, int[][] table, int step) {
    int width = (int) Math.ceil(config.width() * config.oversampling());
    List<int[]> drawn =
        Proposal.draw(
            config.draw(),
            current,
            table,
            width,
            Math.min(replacements(step), current.length),
            random.stream("gcg.candidates", step));
    List<int[]> passed = new ArrayList<>(allowed(drawn));
    if (passed.isEmpty()) {
      requireSurvival(current);
    }
    if (config.barsCurrent() || config.skipsVisited()) {
      passed.removeIf(
          candidate ->
              (config.barsCurrent() && Arrays.equals(candidate, current))
                  || (config.skipsVisited() && visited.contains(candidate)));
    }
    return passed.size() > config.width()
        ? new ArrayList<>(passed.subList(0, config.width()))
        : passed;
  }

  /**
   * What differs at one place from a trigger that is not the same tokens when its text is encoded
   * again is not either, as a rule: the search would stand still.
   */
  private void requireSurvival(int[] current) {
    if (config.retokenization().pass(List.of(current), tokenizer).isEmpty()) {
      throw new InvalidInputException(
          "The trigger '%s' does not encode to the same tokens again, and no candidate made from it does; begin with another one, or set retokenization to any."
              .formatted(tokenizer.decode(current)));
    }
  }

  /** Each once, and those alone whose text encodes as it must. */
  private List<int[]> allowed(List<int[]> triggers) {
    Map<List<Integer>, int[]> distinct = new LinkedHashMap<>();
    for (int[] trigger : triggers) {
      distinct.putIfAbsent(Arrays.stream(trigger).boxed().toList(), trigger);
    }
    return config.retokenization().pass(List.copyOf(distinct.values()), tokenizer);
  }

  /** Faster-GCG, equation 4: the normalised gradient, and how far a token is from the current. */
  private int[][] byGradientAndDistance(TriggerGradient gradient, int[] current) {
    SearchModel model = problem.models().get(0);
    if (squares == null) {
      squares = WordVectors.squares(model);
    }
    float[][] products = gradient.normalised().products();
    float[] own = model.products(model.vectors(current));
    int vocabulary = squares.length;
    int[][] table = new int[current.length][];
    for (int t = 0; t < current.length; t++) {
      float[] values = products[t];
      for (int v = 0; v < vocabulary; v++) {
        double square = squares[current[t]] + squares[v] - 2.0 * own[t * vocabulary + v];
        values[v] += (float) (config.distance() * Math.sqrt(Math.max(0, square)));
      }
      values[current[t]] = Float.POSITIVE_INFINITY; // the nearest of all
      table[t] = Ranking.smallest(values, config.topK(), problem.filter());
    }
    return table;
  }

  /** Losses of all candidates, or of those that probe sampling picks. */
  private List<Track.Tried> score(List<int[]> candidates, int[] current, int step) {
    boolean probes = probe.isPresent() && candidates.size() >= 16;
    if (!probes) {
      TriggerProblem.Losses losses = problem.losses(candidates, current, step);
      examples = losses.examples();
      return Track.tried(candidates, losses);
    }
    ProbeSampling.Result picked =
        ProbeSampling.run(
            problem, probe.get(), candidates, current, step, random.stream("gcg.probe", step));
    examples = picked.examples();
    return picked.tried();
  }

  // ------------------------------------------------------------------ state

  @Override
  public boolean finished() {
    return config.stopsWhenSolved() && track.solved();
  }

  @Override
  public Best best() {
    return track.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.set("track", track.save());
    ArrayNode entries = state.putArray("buffer");
    for (Entry entry : buffer) {
      ObjectNode node = entries.addObject();
      node.set("trigger", Json.array(entry.trigger()));
      node.set("loss", Json.number(entry.loss()));
    }
    state.set("last_loss", Json.number(lastLoss));
    if (momentum != null) {
      ArrayNode parts = state.putArray("momentum");
      momentum.parts().forEach(part -> parts.add(Floats.save(part.values())));
    }
    if (config.skipsVisited()) {
      state.put("visited", visited.save());
    }
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    track.restore((ObjectNode) state.path("track"));
    buffer.clear();
    state
        .path("buffer")
        .forEach(
            node ->
                buffer.add(
                    new Entry(Json.ints(node.path("trigger")), Json.toDouble(node.path("loss")))));
    lastLoss = Json.toDouble(state.path("last_loss"));
    if (state.has("momentum")) {
      List<TriggerGradient.Part> parts = new ArrayList<>();
      List<SearchModel> models = problem.models();
      for (int p = 0; p < state.path("momentum").size(); p++) {
        float[] values = Floats.restore(state.path("momentum").path(p).asText());
        parts.add(new TriggerGradient.Part(models.get(p), values));
      }
      momentum = new TriggerGradient(problem.slots(), parts);
    }
    visited.restore(state.path("visited").asText(""));
  }
}
