package io.promptgrad.bandit;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Thompson sampling: each round draws a mean for every arm from its posterior Beta(1 + sum, 1 + n -
 * sum) and plays those with the largest draws (Thompson 1933; Agrawal and Goyal 2012). Rewards are
 * in [0, 1]; one that is neither 0 nor 1 counts as that share of a success.
 *
 * @param prompts arms of a round
 * @param examples of a round
 * @param evaluations most evaluations; the first round is played in any case
 */
public record Thompson(int prompts, int examples, int evaluations) implements Bandit {

  /** Checks the ranges. */
  public Thompson {
    if (prompts < 1 || examples < 1) {
      throw new IllegalArgumentException(
          "rounds of %d prompts on %d examples".formatted(prompts, examples));
    }
  }

  @Override
  public Optional<Round> next(Arms arms, RandomGenerator random) {
    List<Integer> live = arms.live();
    int share = Math.min(prompts, live.size());
    if (arms.rounds() > 0 && arms.evaluations() + (long) share * examples > evaluations) {
      return Optional.empty();
    }
    double[] draws = new double[arms.size()];
    Arrays.setAll(draws, arm -> beta(arms, arm, random));
    return Optional.of(
        new Round(
            live.stream()
                .sorted(Comparator.<Integer>comparingDouble(arm -> draws[arm]).reversed())
                .limit(share)
                .toList(),
            examples));
  }

  private static double beta(Arms arms, int arm, RandomGenerator random) {
    double sum = arms.sum(arm);
    if (!(sum >= 0 && sum <= arms.n(arm))) {
      throw new IllegalArgumentException(
          "rewards of arm %d sum to %s on %d examples; Thompson sampling needs rewards in [0, 1]"
              .formatted(arm, sum, arms.n(arm)));
    }
    double successes = gamma(1 + sum, random);
    double failures = gamma(1 + arms.n(arm) - sum, random);
    return successes / (successes + failures);
  }

  /** A draw from Gamma(shape, 1), shape at least 1 (Marsaglia and Tsang 2000). */
  private static double gamma(double shape, RandomGenerator random) {
    double d = shape - 1.0 / 3;
    double c = 1 / Math.sqrt(9 * d);
    while (true) {
      double x = random.nextGaussian();
      double v = Math.pow(1 + c * x, 3);
      double u = 1 - random.nextDouble(); // in (0, 1]
      if (v > 0 && Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
        return d * v;
      }
    }
  }
}
