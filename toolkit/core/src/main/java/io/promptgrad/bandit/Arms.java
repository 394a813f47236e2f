package io.promptgrad.bandit;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** What is known of some arms: rewards so far, rounds, and which are still in the race. */
public final class Arms {

  /** Plays arms. */
  public interface Play {

    /**
     * Evaluates arms on fresh examples, the same for all of them.
     *
     * @param arms their numbers
     * @param examples how many are wanted; fewer may come back if there are no more
     * @param round number of the round, from 0
     * @return rewards [arms][examples], higher is better
     */
    double[][] rewards(List<Integer> arms, int examples, int round);
  }

  private final int[] seen;
  private final double[] sums;
  private final double[] lastMeans; // of each arm's last round
  private final List<Integer> live = new ArrayList<>();
  private int rounds;
  private int examples;
  private int evaluations;

  /** Arms 0 to {@code size - 1}, of which nothing is known. */
  public Arms(int size) {
    if (size < 1) {
      throw new IllegalArgumentException(size + " arms");
    }
    seen = new int[size];
    sums = new double[size];
    lastMeans = new double[size];
    IntStream.range(0, size).forEach(live::add);
  }

  /**
   * Plays as an algorithm says until it has finished.
   *
   * @param random gives the generator of each round
   */
  public static Arms play(Bandit bandit, int size, Play play, IntFunction<RandomGenerator> random) {
    Arms arms = new Arms(size);
    while (true) {
      Optional<Bandit.Round> next = bandit.next(arms, random.apply(arms.rounds));
      if (next.isEmpty()) {
        return arms;
      }
      Bandit.Round round = next.get();
      arms.add(round, play.rewards(round.arms(), round.examples(), arms.rounds));
    }
  }

  /** Takes the rewards of a round [arms of the round][examples]. */
  public void add(Bandit.Round round, double[][] rewards) {
    if (rewards.length != round.arms().size()) {
      throw new IllegalArgumentException(
          rewards.length + " rows of rewards for " + round.arms().size() + " arms");
    }
    for (int i = 0; i < rewards.length; i++) {
      int arm = round.arms().get(i);
      double sum = 0;
      for (double reward : rewards[i]) {
        sum += reward;
        sums[arm] += reward;
      }
      seen[arm] += rewards[i].length;
      evaluations += rewards[i].length;
      lastMeans[arm] = sum / rewards[i].length;
    }
    rounds++;
    examples += round.examples();
  }

  /** Number of arms, dropped ones included. */
  public int size() {
    return seen.length;
  }

  /** The arms in the race, in their order. */
  public List<Integer> live() {
    return List.copyOf(live);
  }

  /** Takes an arm out of the race. */
  void drop(Integer arm) {
    live.remove(arm);
  }

  /** Examples that an arm has seen. */
  public int n(int arm) {
    return seen[arm];
  }

  /** Sum of an arm's rewards. */
  public double sum(int arm) {
    return sums[arm];
  }

  /** Mean of an arm's rewards; NaN before the first. */
  public double mean(int arm) {
    return sums[arm] / seen[arm];
  }

  /** Mean of the rewards of the last round that an arm took part in. */
  double lastMean(int arm) {
    return lastMeans[arm];
  }

  /** Rounds played. */
  public int rounds() {
    return rounds;
  }

  /** Examples of all rounds so far. */
  int examples() {
    return examples;
  }

  /** Evaluations so far: one is one arm on one example. */
  public int evaluations() {
    return evaluations;
  }

  /**
   * The best arms by their means among those in the race that were played, best first; of equals
   * the earlier.
   */
  public List<Integer> best(int count) {
    return live.stream()
        .filter(arm -> seen[arm] > 0)
        .sorted(Comparator.<Integer>comparingDouble(this::mean).reversed())
        .limit(count)
        .toList();
  }
}
