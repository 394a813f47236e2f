package io.promptgrad.bandit;

import io.promptgrad.search.RandomSource;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Plays the arms that could be the best: those with the largest upper confidence bounds. The first
 * round is random.
 *
 * @param formula of the bound
 * @param prompts arms of a round
 * @param examples of a round
 * @param c how much an unsure mean counts
 * @param evaluations most evaluations; the first round is played in any case
 * @param rounds most rounds
 */
public record UpperBound(
    Formula formula, int prompts, int examples, double c, int evaluations, int rounds)
    implements Bandit {

  /** A bound, and which of equal ones is taken. */
  public enum Formula {
    /**
     * {@code sum/n' + c sqrt(ln N / n')}, N being all examples seen by all arms and {@code n' = n +
     * 0.001} (the program of APE, Zhou et al. 2022, arXiv:2211.01910). Of equals the higher number.
     */
    APE,
    /**
     * {@code mean + c sqrt(ln t / n)}, t being the number of the round (the program of ProTeGi,
     * Pryzant et al. 2023, arXiv:2305.03495). Of equals the lower number.
     */
    ROUNDS,
    /** UCB-E: {@code mean + c sqrt(c / n)}, as there (Audibert and Bubeck 2010). */
    UCB_E
  }

  private static final double UNSEEN = 1e-3;

  /** Checks the ranges. */
  public UpperBound {
    if (prompts < 1 || examples < 1 || rounds < 1 || !(c >= 0)) {
      throw new IllegalArgumentException(
          "rounds of %d prompts on %d examples, %d of them, c %s"
              .formatted(prompts, examples, rounds, c));
    }
  }

  /** APE's settings: 5 rounds of 50 prompts on 50 examples, c = 1. */
  public static UpperBound ape() {
    return new UpperBound(Formula.APE, 50, 50, 1, Integer.MAX_VALUE, 5);
  }

  @Override
  public Optional<Round> next(Arms arms, RandomGenerator random) {
    List<Integer> live = arms.live();
    int share = Math.min(prompts, live.size());
    int done = arms.rounds();
    boolean affordable = (long) arms.evaluations() + (long) share * examples <= evaluations;
    if (done == rounds || !(affordable || done == 0)) {
      return Optional.empty();
    }
    if (done == 0) {
      int[] order = RandomSource.permutation(live.size(), random);
      return Optional.of(
          new Round(
              IntStream.range(0, share).map(i -> order[i]).sorted().mapToObj(live::get).toList(),
              examples));
    }
    double[] bounds = new double[arms.size()];
    Arrays.setAll(bounds, arm -> bound(arms, arm));
    Comparator<Integer> order = Comparator.<Integer>comparingDouble(arm -> bounds[arm]).reversed();
    Comparator<Integer> ties = Comparator.naturalOrder();
    return Optional.of(
        new Round(
            live.stream()
                .sorted(order.thenComparing(formula == Formula.APE ? ties.reversed() : ties))
                .limit(share)
                .toList(),
            examples));
  }

  /** The bound of an arm after at least one round. */
  double bound(Arms arms, int arm) {
    if (formula == Formula.APE) {
      double n = arms.n(arm) + UNSEEN;
      return arms.sum(arm) / n + c * Math.sqrt(Math.log(arms.evaluations()) / n);
    }
    int n = arms.n(arm);
    if (n == 0) {
      return Double.POSITIVE_INFINITY;
    }
    double width = formula == Formula.ROUNDS ? Math.log(arms.rounds() + 1) : c;
    return arms.mean(arm) + c * Math.sqrt(width / n);
  }
}
