package io.promptgrad.bandit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/** Choices of the algorithms, worked out by hand. */
class BanditTest {

  private static final RandomGenerator ANY = new RandomSource(0).stream("bandit", 0);

  /** Arms that have seen these rewards, each in a round of its own. */
  private static Arms after(double[]... rewards) {
    Arms arms = new Arms(rewards.length);
    for (int arm = 0; arm < rewards.length; arm++) {
      if (rewards[arm].length > 0) {
        arms.add(
            new Bandit.Round(List.of(arm), rewards[arm].length), new double[][] {rewards[arm]});
      }
    }
    return arms;
  }

  private static double[] some(int ones, int zeros) {
    double[] rewards = new double[ones + zeros];
    Arrays.fill(rewards, 0, ones, 1);
    return rewards;
  }

  // ------------------------------------------------------------------ upper bounds

  @Test
  void ape_afterSomeRounds_addsTheWidthOfAllExamples() {
    UpperBound ape = new UpperBound(UpperBound.Formula.APE, 1, 5, 1, Integer.MAX_VALUE, 9);
    Arms arms = after(some(6, 4), some(1, 1), new double[0]);
    // N = 12: 6/10.001 + sqrt(ln 12 / 10.001) = 0.59994 + 0.49847
    assertThat(ape.bound(arms, 0)).isCloseTo(1.09841, within(1e-5));
    // 1/2.001 + sqrt(ln 12 / 2.001) = 0.49975 + 1.11437
    assertThat(ape.bound(arms, 1)).isCloseTo(1.61437 - 0.00025, within(1e-4));
    // never seen: sqrt(ln 12 / 0.001) = 49.85
    assertThat(ape.bound(arms, 2)).isCloseTo(49.8483, within(1e-3));
    assertThat(ape.next(arms, ANY).orElseThrow()).isEqualTo(new Bandit.Round(List.of(2), 5));
  }

  @Test
  void ape_equalBounds_takesTheHigherNumbers() {
    UpperBound ape = new UpperBound(UpperBound.Formula.APE, 2, 5, 1, Integer.MAX_VALUE, 9);
    Arms arms = after(some(1, 1), some(1, 1), some(1, 1));
    assertThat(ape.next(arms, ANY).orElseThrow().arms()).containsExactly(2, 1);
  }

  @Test
  void rounds_equalBounds_takesTheLowerNumbers() {
    UpperBound ucb = new UpperBound(UpperBound.Formula.ROUNDS, 2, 5, 1, 1000, 99);
    Arms arms = after(some(1, 1), some(1, 1), some(1, 1));
    assertThat(ucb.next(arms, ANY).orElseThrow().arms()).containsExactly(0, 1);
    // three rounds are done, so this is round 4: 0.5 + sqrt(ln 4 / 2)
    assertThat(ucb.bound(arms, 0)).isCloseTo(0.5 + Math.sqrt(Math.log(4) / 2), within(1e-12));
  }

  @Test
  void ucbE_anyRound_countsItsOwnExamplesOnly() {
    UpperBound ucbE = new UpperBound(UpperBound.Formula.UCB_E, 1, 5, 2, 1000, 99);
    Arms arms = after(some(8, 0), some(0, 2));
    assertThat(ucbE.bound(arms, 0)).isCloseTo(1 + 2 * Math.sqrt(2.0 / 8), within(1e-12)); // 2
    assertThat(ucbE.bound(arms, 1)).isCloseTo(0 + 2 * Math.sqrt(2.0 / 2), within(1e-12)); // 2
    assertThat(ucbE.next(arms, ANY).orElseThrow().arms()).containsExactly(0);
  }

  @Test
  void upperBound_budgetOrRoundsSpent_ends() {
    Arms arms = after(some(5, 0), some(5, 0));
    assertThat(new UpperBound(UpperBound.Formula.ROUNDS, 2, 5, 1, 19, 99).next(arms, ANY))
        .isEmpty();
    assertThat(new UpperBound(UpperBound.Formula.ROUNDS, 2, 5, 1, 20, 99).next(arms, ANY))
        .isPresent();
    assertThat(new UpperBound(UpperBound.Formula.APE, 2, 5, 1, 1000, 2).next(arms, ANY)).isEmpty();
  }

  @Test
  void ape_itsOwnSettings_playsFiveRoundsOfFiftyPromptsOnFifty() {
    List<Integer> sizes = new ArrayList<>();
    Arms arms =
        Arms.play(
            UpperBound.ape(),
            60,
            (chosen, n, round) -> {
              sizes.add(chosen.size() * n);
              return new double[chosen.size()][n];
            },
            round -> new RandomSource(3).stream("arms", round));
    assertThat(sizes).containsExactly(2500, 2500, 2500, 2500, 2500);
    assertThat(arms.evaluations()).isEqualTo(12500);
  }

  // ------------------------------------------------------------------ rejects

  @Test
  void successiveRejects_ofThePaper_keepsTheBudget() {
    // K = 4, 1/2 + 1/2 + 1/3 + 1/4 = 19/12; (104 - 4) / (19/12 * {4, 3, 2}) = 15.8, 21.05, 31.6
    SuccessiveRejects rejects = new SuccessiveRejects(SuccessiveRejects.Form.PAPER, 104, 1);
    List<String> played = new ArrayList<>();
    Arms arms =
        Arms.play(
            rejects,
            4,
            (chosen, n, round) -> {
              played.add(chosen + " x " + n);
              return constant(chosen, n, 0.2, 0.9, 0.4, 0.2);
            },
            round -> ANY);
    // Arms 0 and 3 tie for the lowest mean: the later one goes first.
    assertThat(played).containsExactly("[0, 1, 2, 3] x 15", "[0, 1, 2] x 6", "[1, 2] x 10");
    assertThat(arms.best(2)).containsExactly(1);
    assertThat(arms.evaluations()).isEqualTo(60 + 18 + 20).isLessThanOrEqualTo(104);
  }

  @Test
  void successiveRejects_ofTheProgram_countsTheDroppedAndTheLastRoundOnly() {
    // K = 4 - 1 = 3, 1/2 + 1/2 + 1/3 = 4/3; n = (43 - 3) / (4/3 * {3, 2, 1}) = 10, 15, 30
    SuccessiveRejects rejects = new SuccessiveRejects(SuccessiveRejects.Form.PROTEGI, 43, 1);
    List<String> played = new ArrayList<>();
    Arms arms =
        Arms.play(
            rejects,
            4,
            (chosen, n, round) -> {
              played.add(chosen + " x " + n);
              // In round 0 arms 0 and 3 tie: the first goes. In round 1 arm 1, best so far, is
              // lowest.
              return round == 0
                  ? constant(chosen, n, 0.2, 0.9, 0.4, 0.2)
                  : constant(chosen, n, 0, 0.1, 0.4, 0.2);
            },
            round -> ANY);
    assertThat(played).containsExactly("[0, 1, 2, 3] x 10", "[1, 2, 3] x 5", "[2, 3] x 15");
    assertThat(arms.live()).containsExactly(2);
  }

  private static double[][] constant(List<Integer> chosen, int n, double... means) {
    double[][] rewards = new double[chosen.size()][n];
    for (int i = 0; i < rewards.length; i++) {
      Arrays.fill(rewards[i], means[chosen.get(i)]);
    }
    return rewards;
  }

  @Test
  void successiveHalving_eachPhase_dropsWhatIsBelowTheMean() {
    List<String> played = new ArrayList<>();
    Arms arms =
        Arms.play(
            new SuccessiveHalving(80, 1),
            4,
            (chosen, n, round) -> {
              played.add(chosen + " x " + n);
              return constant(chosen, n, 0.1, 0.9, 0.8, 0.2);
            },
            round -> ANY);
    assertThat(played).containsExactly("[0, 1, 2, 3] x 10", "[1, 2] x 20");
    assertThat(arms.best(3)).containsExactly(1);
  }

  // ------------------------------------------------------------------ Thompson

  @Test
  void thompson_playsInProportionToTheChanceOfBeingBest() {
    Thompson thompson = new Thompson(1, 1, 10_000);
    // Beta(3, 1) against Beta(1, 1): P(x < y) for x ~ Beta(3,1) is E[1 - y... ] = 1 - E[y^3] with
    // the
    // roles changed: P(arm 1 larger) = E[(U)^3] = 1/4.
    Arms arms = after(some(2, 0), new double[0]);
    int second = 0;
    for (int i = 0; i < 4000; i++) {
      RandomGenerator random = new RandomSource(7).stream("thompson", i);
      second += thompson.next(arms, random).orElseThrow().arms().get(0);
    }
    assertThat(second / 4000.0).isCloseTo(0.25, within(0.03));
  }

  @Test
  void thompson_withABudget_spendsMostOnTheBestArm() {
    Arms arms =
        Arms.play(
            new Thompson(1, 5, 400),
            5,
            (chosen, n, round) -> constant(chosen, n, 0.1, 0.2, 0.9, 0.3, 0.2),
            round -> new RandomSource(1).stream("arms", round));
    assertThat(arms.evaluations()).isEqualTo(400);
    assertThat(arms.best(1)).containsExactly(2);
    assertThat(arms.n(2)).isGreaterThan(300);
  }

  @Test
  void thompson_rewardsOutsideZeroAndOne_refused() {
    Arms arms = after(new double[] {3}, new double[] {0});
    assertThatThrownBy(() -> new Thompson(1, 1, 10).next(arms, ANY))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("rewards in [0, 1]");
  }

  @Test
  void uniform_once_givesEveryArmItsShare() {
    assertThat(new Uniform(10).next(new Arms(3), ANY))
        .contains(new Bandit.Round(List.of(0, 1, 2), 3));
    assertThat(new Uniform(10).next(after(some(1, 0)), ANY)).isEmpty();
  }
}
