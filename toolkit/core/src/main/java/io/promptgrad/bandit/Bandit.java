package io.promptgrad.bandit;

import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/** An algorithm that says which arms to play next, from what is known of them. */
public sealed interface Bandit
    permits Uniform, UpperBound, SuccessiveRejects, SuccessiveHalving, Thompson {

  /**
   * What is played in one round.
   *
   * @param arms in ascending or descending promise, each once
   * @param examples how many fresh examples each of them sees, the same for all
   */
  record Round(List<Integer> arms, int examples) {

    /** Copies the list. */
    public Round {
      arms = List.copyOf(arms);
    }
  }

  /**
   * Returns the next round; empty when the algorithm has finished. Arms that are out of the race
   * are dropped from {@code arms} here.
   *
   * @param random of this round alone
   */
  Optional<Round> next(Arms arms, RandomGenerator random);
}
