package io.promptgrad.llm.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.StepReport;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What single methods do, by hand. */
class OptimizerDetailsTest {

  @Test
  void opro_metaPrompt_listsTheBestInAscendingOrderWithWholeHundredths() {
    try (KnownTask known =
        new KnownTask(
            List.of("right 5", "right 2", "right 8", "right 4"), List.of("<INS>right 9</INS>"))) {
      Opro opro =
          new Opro(
              known.problem,
              OproConfig.defaults()
                  .withSamples(1, SimulatedTask.drawing())
                  .withTrajectory(2, 0.3, true)
                  .withExemplars(1, OproConfig.Strategy.MOST_WRONG));
      StepReport report = opro.step(1);
      String meta = known.metaPrompts.get(0);
      // 0.2 is below the threshold; of the others the two best, worst first.
      assertThat(meta).contains("text:\nright 5\nscore:\n50\n\ntext:\nright 8\nscore:\n80\n");
      assertThat(meta).doesNotContain("right 4").doesNotContain("right 2");
      // Both instructions shown get "number 8" and "number 9" wrong: one of the two is shown.
      assertThat(meta).containsPattern("input:\n<INS>\nnumber [89]\noutput:\nyes");
      assertThat(opro.best().prompt().text()).isEqualTo("Right 9");
      assertThat(opro.best().dev()).isNaN(); // chosen on train
      assertThat(report.candidates()).hasSize(5);
    }
  }

  /** The original cuts to the last 20 first, so that low scores among them leave holes. */
  @Test
  void opro_reference_cutsBeforeItDropsLowScores() {
    try (KnownTask known =
        new KnownTask(List.of("right 2", "right 3", "right 1"), List.of("<INS>right 9</INS>"))) {
      new Opro(
              known.problem,
              OproConfig.defaults()
                  .withSamples(1, SimulatedTask.drawing())
                  .withTrajectory(2, 0.3, false)
                  .withReference(true))
          .step(1);
      assertThat(known.metaPrompts.get(0))
          .contains("right 3\nscore:\n0.300")
          .doesNotContain("right 2");
    }
  }

  @Test
  void opro_unreadableAnswers_areAskedForAgainThenSkippedAndNeverScored() {
    try (KnownTask known =
        new KnownTask(List.of("right 5"), List.of("no tag", "<INS></INS>", "no tag"))) {
      StepReport report =
          new Opro(known.problem, OproConfig.defaults().withSamples(2, SimulatedTask.drawing()))
              .step(1);
      assertThat(known.metaPrompts).hasSize(6); // three attempts for each of two
      assertThat(report.candidates())
          .extracting(Candidate::status)
          .containsExactly(
              Candidate.Status.ACCEPTED, Candidate.Status.SKIPPED, Candidate.Status.SKIPPED);
      assertThat(report.cost().evaluations()).isEqualTo(10); // the seed alone
      assertThat(known.problem.proposer().readableShare()).isZero();
    }
  }

  @Test
  void opro_polish_byHand() {
    assertThat(Opro.polished("  **think** first ")).isEqualTo("Think first");
    assertThat(Opro.polished("**")).isEmpty();
  }

  @Test
  void evoPrompt_de_replacesOnlyByStrictlyBetter() {
    try (KnownTask known =
        new KnownTask(
            List.of("right 5", "right 4", "right 3", "right 2"),
            List.of("<prompt>right 3</prompt>"))) {
      EvoPrompt search =
          new EvoPrompt(
              known.problem,
              EvoPromptConfig.defaults(EvoPromptConfig.Variant.DE)
                  .withPopulation(4, SimulatedTask.drawing()));
      search.step(1); // two best of four, and two paraphrases: 5, 4, 3, 3
      assertThat(search.step(2).score()).isCloseTo((0.5 + 0.4 + 0.3 + 0.3) / 4, within(1e-12));
      assertThat(known.metaPrompts.subList(2, known.metaPrompts.size()))
          .allSatisfy(meta -> assertThat(meta).contains("Prompt 3: right 5"))
          .anySatisfy(meta -> assertThat(meta).endsWith("Basic prompt: right 5\n"));
    }
  }

  @Test
  void evoPrompt_ga_keepsTheBestOfOldAndNew() {
    try (KnownTask known =
        new KnownTask(List.of("right 5", "right 4"), List.of("x <prompt>right 6</prompt>"))) {
      EvoPrompt search =
          new EvoPrompt(
              known.problem,
              EvoPromptConfig.defaults(EvoPromptConfig.Variant.GA)
                  .withPopulation(2, SimulatedTask.drawing()));
      assertThat(search.step(1).score()).isCloseTo((0.5 + 0.6) / 2, within(1e-12));
      assertThat(search.step(2).score()).isCloseTo(0.6, within(1e-12));
    }
  }

  /**
   * Labels a (two examples, one right) and b (one, right): balanced accuracy 3/4. Predictions x, y,
   * y: entropy -(1/3 ln 1/3 + 2/3 ln 2/3) = 0.636514.
   */
  @Test
  void grips_score_byHand() {
    List<Outcome> outcomes =
        List.of(outcome("a", "x", 1), outcome("a", "y", 0), outcome("b", "y", 1));
    assertThat(Grips.score(outcomes, 0)).isCloseTo(0.75, within(1e-12));
    assertThat(Grips.score(outcomes, 0.1)).isCloseTo(0.75 + 0.0636514168, within(1e-9));
  }

  private static Outcome outcome(String gold, String predicted, double value) {
    return new Outcome("e", gold, predicted, value, 0, Map.of(), java.util.Optional.empty());
  }

  @Test
  void proTeGi_between_takesCompletePairsOnly() {
    assertThat(ProTeGi.between("<START>a<END> <START> <END><START>b\n<END> <START>c"))
        .containsExactly("a", "b");
  }

  /**
   * Fronts {0, 1}, {1, 2}, {2}: 0 shares its only front with 1 and goes first (lowest mean); 1 is
   * then alone on the first front, and 2 on the last.
   */
  @Test
  void gepa_nonDominated_byHand() {
    List<List<Integer>> fronts = List.of(List.of(0, 1), List.of(1, 2), List.of(2));
    assertThat(Gepa.nonDominated(fronts, new double[] {0.1, 0.5, 0.6})).containsExactly(1, 2);
    // With means the other way round, 1 goes before 0: it has 0 on one front and 2 on the other.
    assertThat(Gepa.nonDominated(fronts, new double[] {0.5, 0.1, 0.6})).containsExactly(0, 2);
    // Equals on every front: one of them stays.
    assertThat(Gepa.nonDominated(List.of(List.of(0, 1), List.of(0, 1)), new double[] {0.5, 0.5}))
        .hasSize(1);
  }

  @Test
  void gepa_copies_findsRowsOfWordsThatTheParentHasNot() {
    String examples = "the cat sat on\n the mat";
    assertThat(Gepa.copies("Note: the cat sat on it", examples, "", 4)).isTrue();
    assertThat(Gepa.copies("Note: the cat sat", examples, "", 4)).isFalse();
    assertThat(Gepa.copies("the cat sat on", examples, "say the cat sat on", 4)).isFalse();
    assertThat(Gepa.copies("the cat sat on", examples, "", 0)).isFalse();
  }

  @Test
  void promptBreeder_cosine_byHand() {
    // "a a b" and "a c": counts (2, 1, 0) and (1, 0, 1): 2 / sqrt(5 * 2).
    assertThat(PromptBreeder.cosine("A a, b!", "a c")).isCloseTo(2 / Math.sqrt(10), within(1e-12));
    assertThat(PromptBreeder.cosine("", "a")).isZero();
  }

  @Test
  void bestArms_everyKind_findsTheBestWithinItsEvaluations() {
    List<String> texts = List.of("right 1", "right 3", "right 9", "right 2", "right 0", "right 4");
    for (BestArms.Kind kind : BestArms.Kind.values()) {
      try (KnownTask known = new KnownTask(texts, List.of("unused"))) {
        BestArms arms = new BestArms(kind, 120, 5, 3, 1);
        List<BestArms.Arm> best =
            arms.select(
                known.problem, texts.stream().map(InstructionPrompt::of).toList(), 2, "draw", 1);
        assertThat(best).as(kind.toString()).hasSize(2);
        assertThat(best.get(0).place()).as(kind.toString()).isEqualTo(2);
        assertThat(known.calls.takeCost().evaluations())
            .as(kind.toString())
            .isLessThanOrEqualTo(120);
      }
    }
  }
}
