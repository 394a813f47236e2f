package io.promptgrad.gradient.coordinate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.relaxed.FluentPrompt;
import io.promptgrad.gradient.relaxed.Gbda;
import io.promptgrad.gradient.relaxed.Pez;
import io.promptgrad.gradient.trigger.ClozeProblem;
import io.promptgrad.gradient.trigger.Fluency;
import io.promptgrad.gradient.trigger.LossIncrease;
import io.promptgrad.gradient.trigger.Perplexity;
import io.promptgrad.gradient.trigger.TargetProblem;
import io.promptgrad.gradient.trigger.TargetText;
import io.promptgrad.gradient.trigger.TransferEvaluation;
import io.promptgrad.gradient.trigger.TriggerLoss;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TargetLoss;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What all methods promise, and what each finds where the best trigger is known. */
class DiscreteMethodsTest {

  @TempDir static Path folder;
  static LanguageModel causal;
  static LanguageModel masked;

  private static final int FIRST = 5; // 50 ordinary words, behind the special tokens
  private static final int WORDS = 50;

  @BeforeAll
  static void load() {
    causal = TinyModels.causal(folder.resolve("causal"));
    masked = TinyModels.masked(folder.resolve("masked"));
  }

  @AfterAll
  static void close() {
    causal.close();
    masked.close();
  }

  private static TokenFilter filter(LanguageModel model) {
    int vocabulary = model.spec().vocabulary();
    int[] banned =
        IntStream.range(0, vocabulary).filter(id -> id < FIRST || id >= FIRST + WORDS).toArray();
    return TokenFilter.ofIds(banned, vocabulary);
  }

  /** The film was [two tokens], so -> great. */
  private static TargetProblem target(int slots, TargetLoss loss) {
    int[] start = new int[slots];
    Arrays.fill(start, FIRST + 7);
    return new TargetProblem(
        List.of(causal),
        List.of(
            new TargetText("the film was ", " , so", "very good"),
            new TargetText("a book", " is", "very fine")),
        List.of(),
        start,
        loss,
        filter(causal),
        TriggerLoss.Reuse.FIRST_DIFFERENCE);
  }

  private static TargetProblem target(int slots) {
    return target(slots, new TargetLoss.CrossEntropy());
  }

  private static ClozeProblem cloze(LanguageModel model, int slots) {
    String template = "{sentence} " + "[T] ".repeat(slots) + "[P]";
    Verbalizer words =
        Verbalizer.parse(Map.of("negative", List.of("bad"), "positive", List.of("good")));
    return new ClozeProblem(
        model,
        TinyModels.task(48, 24, 8),
        new Cloze(model, PromptTemplate.parse(template), words),
        ClozeProblem.Objective.LABEL_LIKELIHOOD,
        new ClozeProblem.Sampling(48, 48, true),
        TokenFilter.of(
            model.tokenizer(),
            model.spec().vocabulary(),
            List.of(TokenFilter.Rule.SPECIAL),
            new int[0]),
        new Accuracy(),
        new RandomSource(4));
  }

  private static GcgConfig small(GcgConfig config) {
    return config.withWidth(32, 16).withRetokenization(Retokenization.ANY);
  }

  /** Every method by its name, on a problem, with a seed. */
  static Map<String, BiFunction<TriggerProblem, Long, Search>> methods() {
    Map<String, BiFunction<TriggerProblem, Long, Search>> all = new LinkedHashMap<>();
    Map<String, GcgConfig> gcg = new LinkedHashMap<>();
    gcg.put("gcg-original", GcgConfig.original());
    gcg.put("gcg-nanogcg", GcgConfig.nanogcg());
    gcg.put("gcg-fast", GcgConfig.fast());
    gcg.put("mac", GcgConfig.mac());
    gcg.put("i-gcg", GcgConfig.iGcg());
    gcg.put("faster-gcg", GcgConfig.fasterGcg());
    gcg.put("acg", GcgConfig.acg(4, 10).withStop(false));
    gcg.put("gcg++", GcgConfig.gcgPlusPlus());
    gcg.forEach(
        (name, config) ->
            all.put(name, (p, seed) -> new Gcg(p, small(config), new RandomSource(seed))));
    all.put(
        "gcg-annealed",
        (p, seed) ->
            new Gcg(
                p,
                small(GcgConfig.original()).withAcceptance(new GcgConfig.Acceptance.Annealed(20)),
                new RandomSource(seed)));
    all.put(
        "gcg-if-better",
        (p, seed) ->
            new Gcg(
                p,
                small(GcgConfig.nanogcg()).withAcceptance(new GcgConfig.Acceptance.IfBetter()),
                new RandomSource(seed)));
    all.put(
        "universal-triggers",
        (p, seed) ->
            new UniversalTriggers(
                p, new UniversalTriggers.Config(10, 2, 5), new RandomSource(seed)));
    all.put("arca", (p, seed) -> new Arca(p, new Arca.Config(16, 5), new RandomSource(seed)));
    all.put("pez", (p, seed) -> new Pez(p, new Pez.Config(0.5, 0, 5), new RandomSource(seed)));
    all.put(
        "gbda",
        (p, seed) -> new Gbda(p, new Gbda.Config(6, 1, 0.3, 1, 4, 5), new RandomSource(seed)));
    all.put(
        "fluent-prompt",
        (p, seed) ->
            new FluentPrompt(
                p, new FluentPrompt.Config(1, 0.3, 0.03, 40, 5), new RandomSource(seed)));
    all.put("random", (p, seed) -> new RandomSearch(p, 32, 5, new RandomSource(seed)));
    return all;
  }

  private static List<StepReport> steps(Search search, int from, int to) {
    List<StepReport> reports = new ArrayList<>();
    for (int step = from; step <= to; step++) {
      reports.add(search.step(step));
    }
    return reports;
  }

  @Test
  void step_sameSeed_sameTrace_andResumedAsUninterrupted() {
    methods()
        .forEach(
            (name, method) -> {
              for (TriggerProblem problem : List.of(target(4), cloze(masked, 3))) {
                Search whole = method.apply(problem, 1L);
                List<StepReport> trace = steps(whole, 1, 6);
                Search begun = method.apply(problem, 1L);
                assertThat(steps(begun, 1, 3).equals(trace.subList(0, 3))).as(name).isTrue();
                ObjectNode saved = begun.save().deepCopy();
                Search resumed = method.apply(problem, 1L);
                resumed.restore(saved);
                assertThat(steps(resumed, 4, 6).equals(trace.subList(3, 6))).as(name).isTrue();
                assertThat(resumed.best()).as(name).isEqualTo(whole.best());
              }
            });
  }

  @Test
  void step_everyMethodOnEveryModel_improvesOnItsStart() {
    methods()
        .forEach(
            (name, method) -> {
              for (TriggerProblem problem :
                  List.of(target(4), cloze(masked, 3), cloze(causal, 3))) {
                Search search = method.apply(problem, 2L);
                int[] start = problem.start(new RandomSource(2));
                double first = problem.losses(List.of(start), start, 1).values()[0];
                double best = Double.POSITIVE_INFINITY;
                for (StepReport report : steps(search, 1, 12)) {
                  for (Candidate candidate : report.candidates()) {
                    best = Math.min(best, -candidate.score());
                    for (int id : candidate.tokenIds()) {
                      assertThat(problem.filter().allows(id)).isTrue();
                    }
                  }
                  assertThat(report.cost().forwardTokens()).isPositive();
                }
                assertThat(best).as(name).isLessThan(first);
              }
            });
  }

  /** The losses in the trace are those of whole sequences, one by one. */
  @Test
  void step_tracedLosses_areTrue() {
    methods()
        .forEach(
            (name, method) -> {
              TargetProblem problem = target(4);
              Search search = method.apply(problem, 5L);
              for (StepReport report : steps(search, 1, 3)) {
                for (Candidate candidate : report.candidates()) {
                  int[] ids = candidate.tokenIds();
                  double alone = problem.losses(List.of(ids), ids, 9).values()[0];
                  assertThat(-candidate.score()).as(name).isCloseTo(alone, within(1e-4));
                }
              }
            });
  }

  /**
   * Two tokens of 50: all 2,500 triggers are scored, so the best one is known. Prints how often and
   * after how many forward tokens each method finds it, over 20 seeds.
   */
  @Test
  @Tag("slow")
  void search_ofTwoTokensAmongFifty_findsTheOptimumThatEnumerationFinds() {
    TargetProblem problem = target(2);
    List<int[]> all = new ArrayList<>();
    for (int i = 0; i < WORDS * WORDS; i++) {
      all.add(new int[] {FIRST + i / WORDS, FIRST + i % WORDS});
    }
    double[] losses = problem.losses(all, all.get(0), 1).values();
    double optimum = Arrays.stream(losses).min().orElseThrow();
    double[] sorted = Arrays.stream(losses).sorted().toArray();
    Map<String, Integer> found = new TreeMap<>();
    System.out.printf(
        "optimum %.4f, median %.4f of 2,500 triggers; 20 seeds, at most 20,000 forward tokens%n",
        optimum, sorted[1250]);
    methods()
        .forEach(
            (name, method) -> {
              List<Long> tokens = new ArrayList<>();
              double reached = 0;
              for (long seed = 0; seed < 20; seed++) {
                Random start = new Random(problem, seed);
                Search search = method.apply(start, seed);
                long used = 0;
                double best = Double.POSITIVE_INFINITY;
                for (int step = 1; step <= 200 && used < 20_000 && best > optimum + 1e-4; step++) {
                  StepReport report = search.step(step);
                  used += report.cost().forwardTokens();
                  for (Candidate candidate : report.candidates()) {
                    best = Math.min(best, -candidate.score());
                  }
                }
                reached += best / 20;
                if (best <= optimum + 1e-4) {
                  tokens.add(used);
                }
              }
              tokens.sort(null);
              found.put(name, tokens.size());
              System.out.printf(
                  "%-20s %2d of 20, median %6s forward tokens, mean loss reached %.4f%n",
                  name,
                  tokens.size(),
                  tokens.isEmpty() ? "-" : tokens.get(tokens.size() / 2),
                  reached);
            });
    for (String name : List.of("gcg-original", "gcg-nanogcg", "gcg-fast", "faster-gcg")) {
      assertThat(found.get(name)).as(name).isGreaterThanOrEqualTo(12);
    }
  }

  @Test
  void search_ofTwoTokensAmongFifty_gcgFindsTheOptimum() {
    TargetProblem problem = target(2);
    List<int[]> all = new ArrayList<>();
    for (int i = 0; i < WORDS * WORDS; i++) {
      all.add(new int[] {FIRST + i / WORDS, FIRST + i % WORDS});
    }
    double optimum = Arrays.stream(problem.losses(all, all.get(0), 1).values()).min().orElseThrow();
    Search search = methods().get("gcg-fast").apply(new Random(problem, 7), 7L);
    double best = Double.POSITIVE_INFINITY;
    for (int step = 1; step <= 100 && best > optimum + 1e-4; step++) {
      for (Candidate candidate : search.step(step).candidates()) {
        best = Math.min(best, -candidate.score());
      }
    }
    assertThat(best).isCloseTo(optimum, within(1e-4));
  }

  /** A problem whose first trigger depends on the seed. */
  private record Random(TriggerProblem problem, long seed) implements TriggerProblem {

    @Override
    public int slots() {
      return problem.slots();
    }

    @Override
    public List<io.promptgrad.lm.SearchModel> models() {
      return problem.models();
    }

    @Override
    public TokenFilter filter() {
      return problem.filter();
    }

    @Override
    public int[] start(RandomSource random) {
      var draws = new RandomSource(seed).stream("start", 0);
      return new int[] {FIRST + draws.nextInt(WORDS), FIRST + draws.nextInt(WORDS)};
    }

    @Override
    public Losses losses(List<int[]> triggers, int[] current, int step) {
      return problem.losses(triggers, current, step);
    }

    @Override
    public List<io.promptgrad.gradient.trigger.TriggerGradient> gradients(
        List<int[]> triggers, int step) {
      return problem.gradients(triggers, step);
    }

    @Override
    public SoftGradients softGradients(List<float[]> vectors, int step) {
      return problem.softGradients(vectors, step);
    }

    @Override
    public boolean hasDev() {
      return problem.hasDev();
    }

    @Override
    public double dev(int[] trigger) {
      return problem.dev(trigger);
    }

    @Override
    public int devSize() {
      return problem.devSize();
    }

    @Override
    public io.promptgrad.prompt.Prompt prompt(int[] trigger) {
      return problem.prompt(trigger);
    }
  }

  // ------------------------------------------------------------------ around the methods

  /** One token after the other; each step's choice is the best by loss and reading together. */
  @Test
  void autoDan_writesFromLeftToRight_resumesAndEnds() {
    Function<Long, AutoDan> make =
        seed ->
            new AutoDan(
                DiscreteMethodsTest::target,
                4,
                causal,
                new int[] {FIRST, FIRST + 2, FIRST + 4},
                new AutoDan.Config(20, 3, 5, 0, 3, 5),
                new RandomSource(seed));
    AutoDan whole = make.apply(1L);
    List<StepReport> trace = new ArrayList<>();
    List<Integer> lengths = new ArrayList<>();
    while (!whole.finished()) {
      StepReport report = whole.step(trace.size() + 1);
      trace.add(report);
      lengths.add(report.candidates().get(0).tokenIds().length);
      List<Candidate> taken =
          report.candidates().stream()
              .filter(c -> c.status() == Candidate.Status.ACCEPTED)
              .toList();
      assertThat(taken).hasSize(1);
      int length = taken.get(0).tokenIds().length;
      for (Candidate candidate : report.candidates()) {
        // all but the last token stand
        assertThat(Arrays.copyOf(candidate.tokenIds(), length - 1))
            .isEqualTo(Arrays.copyOf(taken.get(0).tokenIds(), length - 1));
      }
    }
    assertThat(lengths).isSorted().startsWith(1).endsWith(4).contains(2, 3);
    assertThat(trace.size()).isBetween(8, 12);

    AutoDan begun = make.apply(1L);
    steps(begun, 1, 3);
    AutoDan resumed = make.apply(1L);
    resumed.restore(begun.save().deepCopy());
    assertThat(steps(resumed, 4, trace.size()).equals(trace.subList(3, trace.size()))).isTrue();
    assertThat(resumed.best()).isEqualTo(whole.best());
    assertThat(resumed.finished()).isTrue();
  }

  @Test
  void fluency_isTheMeanLogProbabilityOfTheTrigger_andItsGradientAgrees() {
    TargetProblem problem = target(3);
    int[] before = {FIRST, FIRST + 2};
    Fluency fluent = new Fluency(problem, 0.5, causal, before);
    int[] trigger = {FIRST + 9, FIRST + 20, FIRST + 30};
    double sum = 0;
    try (NDManager scope = causal.newScope()) {
      int[] text = {before[0], before[1], trigger[0], trigger[1], trigger[2]};
      TokenBatch batch = TokenBatch.of(List.of(text), 0);
      for (int t = 0; t < 3; t++) {
        float[] logs = causal.logits(scope, batch, new int[] {t + 1}).logSoftmax(1).toFloatArray();
        sum -= logs[trigger[t]] / 3;
      }
    }
    assertThat(fluent.perplexity(trigger)).isCloseTo(Math.exp(sum), within(1e-3 * Math.exp(sum)));
    double plain = problem.losses(List.of(trigger), trigger, 1).values()[0];
    double both = fluent.losses(List.of(trigger), trigger, 1).values()[0];
    assertThat(both).isCloseTo(plain + 0.5 * sum, within(1e-4));

    // with a weight that drowns the task, GCG finds what the model likes to read
    Gcg search =
        new Gcg(
            new Fluency(problem, 100, causal, before),
            small(GcgConfig.original()),
            new RandomSource(1));
    steps(search, 1, 10);
    assertThat(fluent.perplexity(search.best().prompt().tokenIds()))
        .isLessThan(fluent.perplexity(trigger) / 2);
  }

  @Test
  void severalModels_lossesAreAveragedAndGradientsAdded() {
    LanguageModel other = TinyModels.causal(folder.resolve("other"));
    try {
      List<TargetText> texts = List.of(new TargetText("the film was ", "", "good"));
      int[] trigger = {FIRST + 3, FIRST + 4};
      TargetProblem one = problem(List.of(causal), texts, trigger);
      TargetProblem two = problem(List.of(causal, other), texts, trigger);
      // the same weights twice: the same losses, and the same order of tokens
      assertThat(two.losses(List.of(trigger), trigger, 1).values()[0])
          .isCloseTo(one.losses(List.of(trigger), trigger, 1).values()[0], within(1e-5));
      assertThat(two.gradient(trigger, 1).promising(filter(causal), 7))
          .isDeepEqualTo(one.gradient(trigger, 1).promising(filter(causal), 7));
      assertThatThrownBy(() -> new Pez(two, Pez.Config.defaults(), new RandomSource(0)))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("one model");
      TransferEvaluation transfer =
          TransferEvaluation.of(other, texts, causal.tokenizer().decode(trigger));
      assertThat(transfer.meanLoss())
          .isCloseTo(one.losses(List.of(trigger), trigger, 1).values()[0], within(1e-4));
    } finally {
      other.close();
    }
  }

  private static TargetProblem problem(
      List<LanguageModel> models, List<TargetText> texts, int[] start) {
    return new TargetProblem(
        models,
        texts,
        List.of(),
        start,
        new TargetLoss.CrossEntropy(),
        filter(causal),
        TriggerLoss.Reuse.FIRST_DIFFERENCE);
  }

  @Test
  void perplexity_ofAText_isThatOfItsTokensAndOfTheWorstWindow() {
    String text = "the film was very good and the book was not so great , it was dull";
    Perplexity found = Perplexity.of(causal, text);
    int[] ids = causal.tokenizer().encode(text);
    double[] logs = new double[ids.length - 1]; // the model has no token that texts begin with
    try (NDManager scope = causal.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(ids), 0);
      for (int t = 1; t < ids.length; t++) {
        float[] row = causal.logits(scope, batch, new int[] {t - 1}).logSoftmax(1).toFloatArray();
        logs[t - 1] = -row[ids[t]];
      }
    }
    double mean = Arrays.stream(logs).average().orElseThrow();
    assertThat(found.whole()).isCloseTo(Math.exp(mean), within(1e-2));
    double worst = 0;
    for (int from = 0; from + 10 <= logs.length; from++) {
      worst = Math.max(worst, Arrays.stream(logs, from, from + 10).average().orElseThrow());
    }
    assertThat(found.worst()).isCloseTo(Math.exp(worst), within(1e-2));
    assertThat(found.passes(found.worst() + 1)).isTrue();
    assertThat(found.passes(found.worst() - 1)).isFalse();
  }

  @Test
  void lossIncrease_isTheOpposite() {
    ClozeProblem problem = cloze(masked, 2);
    LossIncrease opposite = new LossIncrease(problem);
    int[] trigger = problem.start(new RandomSource(1));
    assertThat(opposite.losses(List.of(trigger), trigger, 1).values()[0])
        .isEqualTo(-problem.losses(List.of(trigger), trigger, 1).values()[0]);
    assertThat(opposite.dev(trigger)).isEqualTo(1 - problem.dev(trigger));
    float[] g = problem.gradient(trigger, 1).at(1);
    float[] negated = opposite.gradient(trigger, 1).at(1);
    for (int i = 0; i < g.length; i++) {
      assertThat(negated[i]).isEqualTo(-g[i]);
    }
  }

  @Test
  void target_ofAMaskedModel_isRefused() {
    assertThatThrownBy(
            () ->
                problem(
                    List.of(masked),
                    List.of(new TargetText("the film was ", "", "good")),
                    new int[] {FIRST}))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("left to right");
  }

  /** A piece of a word behind a mark, twice: whatever changes at one place, one of them stays. */
  @Test
  void gcg_startThatItsTextDoesNotGive_isRefusedInsteadOfStandingStill() {
    TargetProblem problem =
        problem(
            List.of(causal),
            List.of(new TargetText("the film was ", "", "good")),
            Stream.of(".", "##s", "!", "##s")
                .mapToInt(token -> causal.tokenizer().id(token).orElseThrow())
                .toArray());
    Gcg search = new Gcg(problem, GcgConfig.nanogcg().withWidth(16, 8), new RandomSource(1));
    assertThatThrownBy(() -> search.step(1))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("does not encode to the same tokens again");
  }

  // ------------------------------------------------------------------ GCG's parts, by hand

  private static List<int[]> draw(GcgConfig.Draw how, int width, int replacements) {
    int[][] table = {{1, 2}, {3, 4}, {5, 6}};
    return Proposal.draw(
        how, new int[] {7, 8, 9}, table, width, replacements, new RandomSource(0).stream("x", 0));
  }

  @Test
  void draw_evenlySpaced_changesPositionFloorOfBTimesNOverW() {
    List<int[]> drawn = draw(GcgConfig.Draw.EVENLY_SPACED, 7, 1);
    int[] positions = {0, 0, 0, 1, 1, 2, 2}; // floor(3 b / 7)
    for (int b = 0; b < 7; b++) {
      for (int t = 0; t < 3; t++) {
        if (t != positions[b]) {
          assertThat(drawn.get(b)[t]).isEqualTo(7 + t);
        } else {
          assertThat(drawn.get(b)[t]).isIn(2 * t + 1, 2 * t + 2);
        }
      }
    }
  }

  @Test
  void draw_random_changesSoManyDistinctPositions() {
    for (int[] candidate : draw(GcgConfig.Draw.RANDOM, 20, 2)) {
      int changed = 0;
      for (int t = 0; t < 3; t++) {
        changed += candidate[t] == 7 + t ? 0 : 1;
      }
      assertThat(changed).isEqualTo(2);
    }
  }

  @Test
  void draw_ranked_takesTheBestOfEveryPositionBeforeTheSecondBest() {
    assertThat(draw(GcgConfig.Draw.RANKED, 5, 1))
        .usingElementComparator(Arrays::compare)
        .containsExactly(
            new int[] {1, 8, 9},
            new int[] {7, 3, 9},
            new int[] {7, 8, 5},
            new int[] {2, 8, 9},
            new int[] {7, 4, 9});
  }

  @Test
  void merge_putsChangesOnTopOfEachOther() {
    List<int[]> best = List.of(new int[] {1, 8, 9}, new int[] {7, 8, 5}, new int[] {2, 8, 9});
    assertThat(Proposal.merge(new int[] {7, 8, 9}, best))
        .usingElementComparator(Arrays::compare)
        .containsExactly(new int[] {1, 8, 9}, new int[] {1, 8, 5}, new int[] {2, 8, 5});
  }

  @Test
  void spearman_byHand() {
    // ranks 1 2 3 4 against 2 1 3 4: 1 - 6 * 2 / (4 * 15) = 0.8
    assertThat(ProbeSampling.spearman(new double[] {0.1, 0.2, 0.3, 0.4}, new double[] {5, 4, 6, 7}))
        .isCloseTo(0.8, within(1e-12));
    assertThat(ProbeSampling.spearman(new double[] {1, 1}, new double[] {1, 2})).isNaN();
  }

  /** With itself as the draft the model agrees fully, and the best of all candidates is found. */
  @Test
  void probe_draftThatAgreesFully_findsTheSameWinnerWithFewExactScores() {
    TargetProblem problem = target(4);
    GcgConfig config = small(GcgConfig.nanogcg()).withWidth(64, 16);
    Gcg plain = new Gcg(problem, config, new RandomSource(3));
    Gcg probing =
        new Gcg("gcg", problem, config, Optional.of(Gcg.Probe.of(target(4))), new RandomSource(3));
    for (int step = 1; step <= 5; step++) {
      StepReport exact = plain.step(step);
      StepReport probed = probing.step(step);
      assertThat(probed.score()).isCloseTo(exact.score(), within(1e-6));
      long scored = probed.candidates().stream().filter(c -> !Double.isNaN(c.score())).count();
      assertThat(scored).isBetween(2L, 8L);
    }
  }

  @Test
  void gcg_nothingPassesTheFilter_staysInsteadOfFailing() {
    TargetProblem problem = target(2);
    GcgConfig config = small(GcgConfig.original()).withVisited(true).withWidth(2000, 50);
    Gcg search = new Gcg(problem, config, new RandomSource(1));
    // all of one position's tokens and then all pairs are used up some day
    for (int step = 1; step <= 40; step++) {
      StepReport report = search.step(step);
      assertThat(report.score()).isFinite();
    }
  }

  @Test
  void hinge_allTargetsWin_isTheMarginAndSolved() {
    TargetProblem problem = target(2, new TargetLoss.Hinge(0.5));
    int[] trigger = {FIRST, FIRST};
    TriggerProblem.Losses losses = problem.losses(List.of(trigger), trigger, 1);
    assertThat(losses.values()[0]).isGreaterThanOrEqualTo(-0.5);
    assertThat(losses.solved()[0]).isFalse();
  }
}
