package io.promptgrad.bandit;

import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Every arm gets the same share, in one round.
 *
 * @param evaluations most evaluations; every arm sees one example at least
 */
public record Uniform(int evaluations) implements Bandit {

  @Override
  public Optional<Round> next(Arms arms, RandomGenerator random) {
    return arms.rounds() > 0
        ? Optional.empty()
        : Optional.of(new Round(arms.live(), Math.max(1, evaluations / arms.size())));
  }
}
