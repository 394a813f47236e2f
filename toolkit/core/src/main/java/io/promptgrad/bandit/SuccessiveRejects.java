package io.promptgrad.bandit;

import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Drops the worst arm after each phase (Audibert and Bubeck 2010). Phase k brings each arm to
 * {@code n_k = (B - K) / ((K + 1 - k) (1/2 + sum of 1/i for i = 2..K))} examples.
 *
 * @param form whose K and whose comparison
 * @param evaluations B, what the selection is to cost
 * @param best how many shall be left
 * @param prompts arms of a phase; if there are more, those that have seen least are played
 */
public record SuccessiveRejects(Form form, int evaluations, int best, int prompts)
    implements Bandit {

  /** Where the paper and a program differ. */
  public enum Form {
    /**
     * K is the number of arms, so that B is kept. The last one of the lowest mean of all rounds is
     * dropped. {@code n_k} counts what was really played.
     */
    PAPER,
    /**
     * The program of ProTeGi: K is the number of arms to drop, so that more than B is spent. The
     * first one of the lowest mean of the last round alone is dropped.
     */
    PROTEGI
  }

  /** Fewest examples of a phase, so that no arm is dropped on next to nothing. */
  private static final int FEWEST = 4;

  /** Checks the ranges. */
  public SuccessiveRejects {
    if (best < 1 || prompts < 1) {
      throw new IllegalArgumentException(
          "%d arms shall be left, %d play at a time".formatted(best, prompts));
    }
  }

  /** All arms play in each phase. */
  public SuccessiveRejects(Form form, int evaluations, int best) {
    this(form, evaluations, best, Integer.MAX_VALUE);
  }

  @Override
  public Optional<Round> next(Arms arms, RandomGenerator random) {
    int phase = arms.rounds() + 1;
    if (phase > 1 && arms.live().size() > best) {
      arms.drop(worst(arms));
    }
    List<Integer> live = arms.live();
    if (phase > 1 && live.size() <= best) {
      return Optional.empty();
    }
    int k = form == Form.PAPER ? arms.size() : Math.max(1, arms.size() - best);
    double more =
        form == Form.PAPER
            ? (int) upTo(k, phase) - arms.examples()
            : upTo(k, phase) - (phase == 1 ? 0 : upTo(k, phase - 1));
    return Optional.of(
        new Round(
            prompts < live.size() ? leastSeen(arms, live, random) : live,
            Math.max(FEWEST, (int) more)));
  }

  /** n_k, not rounded. */
  private double upTo(int k, int phase) {
    double harmonic = 0.5;
    for (int i = 2; i <= k; i++) {
      harmonic += 1.0 / i;
    }
    return (evaluations - k) / ((k + 1 - phase) * harmonic);
  }

  /** Those with the fewest examples, in random order where they have as many. */
  private List<Integer> leastSeen(Arms arms, List<Integer> live, RandomGenerator random) {
    List<Integer> all = new ArrayList<>();
    IntStream.of(RandomSource.permutation(live.size(), random)).forEach(i -> all.add(live.get(i)));
    all.sort(Comparator.comparingInt(arms::n));
    return all.subList(0, prompts).stream().sorted().toList();
  }

  private Integer worst(Arms arms) {
    Integer worst = null;
    for (Integer arm : arms.live()) {
      boolean lower =
          arms.n(arm) > 0
              && (worst == null
                  || (form == Form.PAPER
                      ? arms.mean(arm) <= arms.mean(worst)
                      : arms.lastMean(arm) < arms.lastMean(worst)));
      worst = lower ? arm : worst;
    }
    return worst;
  }
}
