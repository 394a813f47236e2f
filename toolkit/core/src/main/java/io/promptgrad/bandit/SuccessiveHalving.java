package io.promptgrad.bandit;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Drops all arms below the mean of the live ones in each phase (after Karnin, Koren and Somekh
 * 2013), the lowest first, as long as enough are left; log2(arms / best) phases share the
 * evaluations.
 *
 * @param evaluations most evaluations, as long as four examples a phase are possible
 * @param best how many shall be left
 */
public record SuccessiveHalving(int evaluations, int best) implements Bandit {

  private static final int FEWEST = 4;

  /** Checks the range. */
  public SuccessiveHalving {
    if (best < 1) {
      throw new IllegalArgumentException(best + " arms shall be left");
    }
  }

  @Override
  public Optional<Round> next(Arms arms, RandomGenerator random) {
    int phases = Math.max(1, (int) Math.ceil(Math.log((double) arms.size() / best) / Math.log(2)));
    int done = arms.rounds();
    if (done > 0) {
      dropBelowTheMean(arms);
    }
    List<Integer> live = arms.live();
    return done < phases && (done == 0 || live.size() > best)
        ? Optional.of(new Round(live, Math.max(FEWEST, evaluations / phases / live.size())))
        : Optional.empty();
  }

  private void dropBelowTheMean(Arms arms) {
    List<Integer> live = arms.live();
    double mean = live.stream().mapToDouble(arms::mean).average().orElseThrow();
    live.stream()
        .filter(arm -> arms.mean(arm) < mean)
        .sorted(Comparator.comparingDouble(arms::mean))
        .limit(Math.max(0, live.size() - best))
        .toList()
        .forEach(arms::drop);
  }
}
