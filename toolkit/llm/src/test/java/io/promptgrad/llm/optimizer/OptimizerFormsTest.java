package io.promptgrad.llm.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.Rollout;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.metric.Outcome;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The less usual forms of the optimizers, and what their {@code reference} settings do. */
class OptimizerFormsTest {

  private static final OproConfig OPRO =
      OproConfig.defaults().withSamples(1, SimulatedTask.drawing());

  private static List<String> texts(StepReport report, Candidate.Status status) {
    return report.candidates().stream()
        .filter(candidate -> candidate.status() == status)
        .map(Candidate::text)
        .toList();
  }

  private static List<String> scored(StepReport report) {
    return report.candidates().stream().filter(c -> c.n() > 0).map(Candidate::text).toList();
  }

  // ------------------------------------------------------------------ OPRO

  /** The whole history, low scores too, as a list that the model goes on with. */
  @Test
  void opro_list_showsTheWholeHistoryAndReadsUpToTheClosingTag() {
    try (KnownTask known =
        new KnownTask(List.of("right 5", "right 2"), List.of("right 9</TEXT>\nand more"))) {
      OproConfig config = OPRO.withForm(OproConfig.Form.LIST, "INS").withTrajectory(1, 0.3, true);
      StepReport report = new Opro(known.problem, config).step(1);
      assertThat(known.metaPrompts.get(0))
          .contains(
              "Precision: 20 <TEXT>right 2</TEXT>\nPrecision: 50 <TEXT>right 5</TEXT>\nPrecision: 100 <TEXT>")
          .endsWith("<TEXT>");
      assertThat(scored(report)).containsExactly("right 5", "right 2", "Right 9");
    }
  }

  @Test
  void opro_brackets_readsTheFirstPairThatIsNotEmpty() {
    try (KnownTask known =
        new KnownTask(
            List.of("right 5"), List.of("nothing", "it is []", "Take [right 9] or [x]"))) {
      StepReport report =
          new Opro(known.problem, OPRO.withForm(OproConfig.Form.BRACKETS, "INS")).step(1);
      assertThat(known.metaPrompts).hasSize(3);
      assertThat(known.metaPrompts.get(0)).endsWith("Write it in square brackets.");
      assertThat(scored(report)).containsExactly("right 5", "Right 9");
    }
  }

  /** The original scores an empty instruction where it found no brackets. */
  @Test
  void opro_bracketsOfTheReference_scoreTheEmptyInstruction() {
    try (KnownTask known = new KnownTask(List.of("right 5"), List.of("nothing"))) {
      OproConfig config = OPRO.withForm(OproConfig.Form.BRACKETS, "INS").withReference(true);
      StepReport report = new Opro(known.problem, config).step(1);
      assertThat(known.metaPrompts).hasSize(1);
      assertThat(scored(report)).containsExactly("right 5", "");
    }
  }

  /** INS anywhere; a beginning that is proposed again; a tag that was never opened. */
  @ParameterizedTest
  @CsvSource({
    "false, <INS>right 9 INSTRUCTION</INS>, true",
    "true, <INS>right 9 INSTRUCTION</INS>, false",
    "false, <INS>right 5</INS>, false",
    "true, <INS>right 5</INS>, true",
    "false, right 9</INS>, false",
    "true, right 9</INS>, true",
  })
  void opro_reference_keepsTheOriginalsDefects(boolean reference, String answer, boolean scored) {
    try (KnownTask known = new KnownTask(List.of("Right 5"), List.of(answer))) {
      StepReport report = new Opro(known.problem, OPRO.withReference(reference)).step(1);
      assertThat(scored(report)).hasSize(scored ? 2 : 1);
    }
  }

  // ------------------------------------------------------------------ APE

  private static final ApeConfig APE =
      ApeConfig.defaults().withGeneration(1, 2, 2, SimulatedTask.drawing()).withEvaluation(4);

  @Test
  void ape_reverse_hasTheGapBeforeTheExamples() {
    try (KnownTask known = new KnownTask(List.of("right 1"), List.of("<INS>right 8</INS>"))) {
      new Ape(known.problem, APE.withMode(ApeConfig.Mode.REVERSE)).step(1);
      String asked = known.metaPrompts.get(0);
      assertThat(asked.indexOf("told: [...]"))
          .isPositive()
          .isLessThan(asked.indexOf("Input: number"));
      assertThat(asked).contains("Output: yes").doesNotContain("The instruction was:");
    }
    try (KnownTask known = new KnownTask(List.of("right 1"), List.of("<INS>right 8</INS>"))) {
      new Ape(known.problem, APE).step(1);
      assertThat(known.metaPrompts.get(0)).endsWith("The instruction was:").doesNotContain("[...]");
    }
  }

  /** Whole answers without tags, and each instruction on examples of its own. */
  @Test
  void ape_reference_takesAnswersWholeAndScoresEachOnItsOwn() {
    // Four instructions that are right on the same examples.
    List<String> answers = List.of("right 5 a", "right 5 b", "right 5 c", "right 5 d");
    ApeConfig four = APE.withGeneration(1, 2, 4, SimulatedTask.drawing());
    try (KnownTask known = new KnownTask(List.of("right 5"), answers)) {
      StepReport report = new Ape(known.problem, four.withReference(true)).step(1);
      assertThat(known.metaPrompts.get(0)).doesNotContain("<INS>");
      assertThat(scored(report)).containsAll(answers);
      assertThat(report.candidates().stream().map(Candidate::score).distinct().count())
          .isGreaterThan(1);
    }
    try (KnownTask known =
        new KnownTask(
            List.of("right 5"), answers.stream().map(text -> "<INS>" + text + "</INS>").toList())) {
      StepReport report = new Ape(known.problem, four).step(1);
      assertThat(report.candidates().stream().map(Candidate::score).distinct().count())
          .isEqualTo(1);
    }
  }

  // ------------------------------------------------------------------ EvoPrompt, ProTeGi,
  // generator

  @ParameterizedTest
  @CsvSource({"false, 0", "true, 1"})
  void evoPrompt_reference_takesAnAnswerWithoutTagsWhole(boolean reference, int children) {
    try (KnownTask known = new KnownTask(List.of("right 5"), List.of(" right 7 "))) {
      EvoPromptConfig config =
          EvoPromptConfig.defaults(EvoPromptConfig.Variant.GA)
              .withPopulation(2, SimulatedTask.drawing())
              .withReference(reference);
      StepReport report = new EvoPrompt(known.problem, config).step(1);
      assertThat(scored(report)).hasSize(1 + children);
    }
  }

  /** Nothing was wrong, and the original asks for a reason all the same. */
  @ParameterizedTest
  @CsvSource({"false, 0", "true, 2"})
  void protegi_reference_asksForReasonsWithoutErrors(boolean reference, int reasons) {
    try (KnownTask known = new KnownTask(List.of("right 10"), List.of("<START>right 3<END>"))) {
      ProTeGiConfig small =
          ProTeGiConfig.defaults()
              .withBeam(1, 10)
              .withExpansion(2, 1, 4, SimulatedTask.drawing())
              .withSelector(ProTeGiConfig.Selector.BRUTE_FORCE, 100, 10, 4);
      ProTeGiConfig config =
          new ProTeGiConfig(
              small.beam(),
              small.minibatch(),
              small.gradients(),
              small.errors(),
              small.paraphrases(),
              small.expansion(),
              false,
              small.selector(),
              small.evaluations(),
              small.examples(),
              small.prompts(),
              small.c(),
              small.sampling(),
              reference);
      new ProTeGi(known.problem, config).step(1);
      assertThat(known.metaPrompts.stream().filter(m -> m.contains("Give one reason")))
          .hasSize(reasons);
    }
  }

  @ParameterizedTest
  @CsvSource({"false, right 7", "true, '<prompt>New prompt: right 7</prompt>'"})
  void promptGenerator_reference_takesTheAnswerAsItIs(boolean reference, String expected) {
    try (KnownTask known =
        new KnownTask(List.of("right 5"), List.of("<prompt>New prompt: right 7</prompt>"))) {
      PromptGeneratorConfig config =
          new PromptGeneratorConfig(
              PromptGeneratorConfig.Strategy.RANDOM, 4, 10, 0, SimulatedTask.drawing(), reference);
      StepReport report = new AutomatedPromptGenerator(known.problem, config).step(1);
      assertThat(scored(report)).containsExactly("right 5", expected);
    }
  }

  /** The original shows the best and the worst rows, whatever is asked for. */
  @Test
  void promptGenerator_referenceWithRandomRows_showsBestAndWorst() {
    Set<String> shown = new TreeSet<>();
    for (boolean reference : new boolean[] {true, false}) {
      try (KnownTask known =
          new KnownTask(List.of("right 5"), List.of("<prompt>right 7</prompt>"))) {
        PromptGeneratorConfig config =
            new PromptGeneratorConfig(
                reference
                    ? PromptGeneratorConfig.Strategy.RANDOM
                    : PromptGeneratorConfig.Strategy.BEST_WORST,
                2,
                10,
                0,
                SimulatedTask.drawing(),
                reference);
        new AutomatedPromptGenerator(known.problem, config).step(1);
        shown.add(known.metaPrompts.get(0));
      }
    }
    assertThat(shown).hasSize(1);
  }

  // ------------------------------------------------------------------ GEPA

  private static GepaConfig gepa(GepaConfig.Parents parents, double epsilon, int merges) {
    GepaConfig config = GepaConfig.defaults().withMinibatch(10, SimulatedTask.drawing());
    return new GepaConfig(
        config.minibatch(),
        config.perfect(),
        parents,
        epsilon,
        1,
        false,
        merges,
        config.sampling(),
        config.remembered(),
        config.copied(),
        false);
  }

  @ParameterizedTest
  @CsvSource({"false, false", "true, true"})
  void gepa_reference_takesAReplyWithoutAFenceWhole(boolean reference, boolean read) {
    try (KnownTask known = new KnownTask(List.of("right 5"), List.of("right 7"))) {
      GepaConfig config = gepa(GepaConfig.Parents.BEST, 0, 0);
      GepaConfig as =
          new GepaConfig(
              10, 1, config.parents(), 0, 1, false, 0, config.sampling(), 3, 12, reference);
      StepReport report = new Gepa(known.problem, as).step(1);
      assertThat(texts(report, Candidate.Status.ACCEPTED).contains("right 7")).isEqualTo(read);
    }
  }

  /**
   * Every candidate is better than the one before on all that it had right, so there is one front.
   */
  @ParameterizedTest
  @CsvSource({
    "PARETO, 0, true",
    "BEST, 0, true",
    "TOP_K_PARETO, 0, true",
    "EPSILON_GREEDY, 0, true",
    "EPSILON_GREEDY, 1, false",
  })
  void gepa_parents_areTheBestUnlessChanceDecides(
      GepaConfig.Parents parents, double epsilon, boolean alwaysBest) {
    List<String> answers = new ArrayList<>();
    for (int right = 3; right < 9; right++) {
      answers.add("```\nright " + right + "\n```");
    }
    answers.add("```\nright 0\n```");
    try (KnownTask known = new KnownTask(List.of("right 2"), answers)) {
      Gepa gepa = new Gepa(known.problem, gepa(parents, epsilon, 0));
      boolean best = true;
      for (int step = 1; step <= 14; step++) {
        String before = step == 1 ? "right 2" : gepa.best().prompt().text();
        StepReport report = gepa.step(step);
        String parent =
            report.candidates().stream()
                .filter(c -> "parent".equals(c.details().get("how")))
                .map(Candidate::text)
                .findFirst()
                .orElseThrow();
        best &= parent.equals(before);
      }
      assertThat(best).isEqualTo(alwaysBest);
    }
  }

  /**
   * Two parts of a program; each is good or bad, and each half of the examples needs one of them.
   */
  private record Halves(List<Map<String, String>> ran) implements TextProgram {

    @Override
    public List<Run> run(Map<String, String> texts, List<Example> examples) {
      ran.add(Map.copyOf(texts));
      List<Run> runs = new ArrayList<>();
      for (Example example : examples) {
        int number = Integer.parseInt(example.id().substring(2));
        String needed = number % 2 == 0 ? "even" : "odd";
        boolean right = texts.get(needed).equals("good");
        Outcome outcome =
            Outcome.classified(example.id(), "yes", right ? "yes" : "no", 0, Map.of());
        Use use = new Use(example.text(), outcome.predicted(), "");
        runs.add(new Run(Rollout.of(outcome, ""), Map.of("even", use, "odd", use)));
      }
      return runs;
    }

    @Override
    public Prompt prompt(Map<String, String> texts) {
      return InstructionPrompt.of(texts.get("even") + " " + texts.get("odd"));
    }
  }

  /**
   * One child of the seed has the even half, another the odd one; a merge has both. That needs the
   * seed to be the parent twice, which some seeds of the random numbers make happen.
   */
  @Test
  void gepa_merge_joinsWhatTwoChildrenOfOneParentLearnt() {
    int merged = 0;
    for (int seed = 0; seed < 12; seed++) {
      try (KnownTask known = new KnownTask(List.of("x"), List.of("```\ngood\n```"))) {
        PromptProblem problem = withSeed(known.problem, seed);
        Map<String, String> start = new LinkedHashMap<>();
        start.put("even", "bad");
        start.put("odd", "bad");
        Gepa gepa =
            new Gepa(
                problem,
                new Halves(new ArrayList<>()),
                start,
                gepa(GepaConfig.Parents.EPSILON_GREEDY, 1, 5));
        List<Candidate> merges = new ArrayList<>();
        for (int step = 1; step <= 4; step++) {
          gepa.step(step).candidates().stream()
              .filter(c -> String.valueOf(c.details().get("how")).startsWith("merge with"))
              .forEach(merges::add);
        }
        for (Candidate merge : merges) {
          merged++;
          assertThat(merge.text()).isEqualTo("good good");
          assertThat(merge.status()).isEqualTo(Candidate.Status.ACCEPTED);
          assertThat(merge.n()).isEqualTo(5); // of dev, before all of it
          assertThat(gepa.best().prompt().text()).isEqualTo("good good");
          assertThat(gepa.best().dev()).isEqualTo(1);
        }
      }
    }
    assertThat(merged).isPositive();
  }

  @Test
  void gepa_noMerges_neverMerges() {
    for (int seed = 0; seed < 12; seed++) {
      try (KnownTask known = new KnownTask(List.of("x"), List.of("```\ngood\n```"))) {
        Map<String, String> start = new LinkedHashMap<>();
        start.put("even", "bad");
        start.put("odd", "bad");
        Search gepa =
            new Gepa(
                withSeed(known.problem, seed),
                new Halves(new ArrayList<>()),
                start,
                gepa(GepaConfig.Parents.EPSILON_GREEDY, 1, 0));
        for (int step = 1; step <= 4; step++) {
          assertThat(gepa.step(step).candidates())
              .noneMatch(c -> String.valueOf(c.details().get("how")).startsWith("merge"));
        }
      }
    }
  }

  @Test
  void gepa_paragraphs_areComponentsOfOneInstruction() {
    Map<String, String> parts = TextProgram.paragraphs("One.\nStill one.\n \n\nTwo.\n");
    assertThat(parts)
        .containsExactly(entry("paragraph 1", "One.\nStill one."), entry("paragraph 2", "Two."));
    assertThatThrownBy(() -> TextProgram.paragraphs("One.\nStill one."))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("one paragraph");

    try (KnownTask known = new KnownTask(List.of("x"), List.of("```\nright 2\n```"))) {
      TextProgram program = TextProgram.instruction(known.problem);
      Gepa gepa =
          new Gepa(
              known.problem,
              program,
              TextProgram.paragraphs("right 1\n\nas ever"),
              gepa(GepaConfig.Parents.BEST, 0, 0));
      gepa.step(1); // "right 2" in place of "right 1"
      assertThat(gepa.best().prompt().text()).isEqualTo("right 2\n\nas ever");
      StepReport report = gepa.step(2); // the other paragraph's turn: "right 2right 2", 22 of 10
      assertThat(gepa.best().prompt().text()).isEqualTo("right 2\n\nright 2");
      assertThat(known.metaPrompts.get(1)).contains("```\nas ever\n```").doesNotContain("right 2");
      assertThat(report.candidates()).hasSize(2);
    }
  }

  /** A rejected text of one component says nothing about another one. */
  @Test
  void gepa_rejectedTexts_areShownForTheirComponentOnly() {
    try (KnownTask known = new KnownTask(List.of("x"), List.of("```\nworse\n```"))) {
      Gepa gepa =
          new Gepa(
              known.problem,
              TextProgram.instruction(known.problem),
              TextProgram.paragraphs("right 5\n\nas ever"),
              gepa(GepaConfig.Parents.BEST, 0, 0));
      gepa.step(1); // "worse" for the first paragraph is rejected
      gepa.step(2);
      gepa.step(3);
      assertThat(known.metaPrompts.get(1)).doesNotContain("worse");
      assertThat(known.metaPrompts.get(2)).contains("```\nworse\n```");
    }
  }

  private static PromptProblem withSeed(PromptProblem problem, int seed) {
    return new PromptProblem(
        problem.calls(),
        problem.scorer(),
        problem.proposer(),
        problem.task(),
        problem.layout(),
        problem.seeds(),
        problem.selection(),
        new RandomSource(seed));
  }
}
