package io.promptgrad.llm.optimizer;

import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Finds the best of several prompts with a limited number of evaluations (best-arm identification,
 * ProTeGi section 2.3 and appendix). All prompts of a round see the same examples.
 *
 * @param kind the algorithm
 * @param evaluations B, most evaluations of one selection
 * @param examples examples of a round, for the algorithms with upper confidence bounds
 * @param prompts prompts of a round, for those and for sampled successive rejects
 * @param c how much an unsure score counts, for those
 */
record BestArms(Kind kind, int evaluations, int examples, int prompts, double c) {

  /** An algorithm. */
  enum Kind {
    /** Every prompt gets the same share. */
    BRUTE_FORCE,
    /** {@code mean + c * sqrt(ln t / N)}, t being the round (Auer et al. 2002). */
    UCB,
    /** {@code mean + c * sqrt(c / N)} (Audibert and Bubeck 2010). */
    UCB_E,
    /** Successive rejects (Audibert and Bubeck 2010): the worst is dropped in each phase. */
    SUCCESSIVE_REJECTS,
    /** The same with a sample of the prompts evaluated in each phase: those seen least. */
    SAMPLED_SUCCESSIVE_REJECTS,
    /** Drops all prompts below the mean in each round (after Karnin et al. 2013). */
    SUCCESSIVE_HALVING
  }

  /** A prompt's place and what is known of it. */
  record Arm(int place, double mean, int n) {}

  /** Fewest examples of a phase, so that no prompt is dropped on next to nothing. */
  private static final int FEWEST = 4;

  /**
   * Selects.
   *
   * @param best how many to select
   * @return the best ones, best first; of equals the earlier
   */
  List<Arm> select(
      PromptProblem problem, List<InstructionPrompt> arms, int best, String draw, int step) {
    List<List<Outcome>> seen = new ArrayList<>();
    arms.forEach(arm -> seen.add(new ArrayList<>()));
    Rounds rounds = new Rounds(problem, arms, seen, draw, step);
    List<Integer> live = new ArrayList<>(IntStream.range(0, arms.size()).boxed().toList());
    switch (kind) {
      case BRUTE_FORCE -> rounds.play(live, Math.max(1, evaluations / arms.size()));
      case UCB, UCB_E -> bounds(rounds, live);
      case SUCCESSIVE_REJECTS, SAMPLED_SUCCESSIVE_REJECTS -> rejects(rounds, live, best);
      case SUCCESSIVE_HALVING -> halving(rounds, live, best);
    }
    return live.stream()
        .map(place -> new Arm(place, rounds.mean(place), seen.get(place).size()))
        .filter(arm -> arm.n() > 0)
        .sorted(Comparator.comparingDouble(Arm::mean).reversed())
        .limit(best)
        .toList();
  }

  private void bounds(Rounds rounds, List<Integer> arms) {
    int t = 1;
    int spent = 0;
    int share = Math.min(prompts, arms.size());
    while (spent + share * examples <= evaluations || t == 1) {
      int round = t;
      List<Integer> chosen =
          t == 1
              ? rounds.some(arms, share)
              : arms.stream()
                  .sorted(Comparator.comparingDouble(arm -> -bound(rounds, arm, round)))
                  .limit(share)
                  .toList();
      spent += rounds.play(chosen, examples);
      t++;
    }
  }

  private double bound(Rounds rounds, int arm, int t) {
    int n = rounds.n(arm);
    if (n == 0) {
      return Double.POSITIVE_INFINITY;
    }
    double width = kind == Kind.UCB ? Math.sqrt(Math.log(t) / n) : Math.sqrt(c / n);
    return rounds.mean(arm) + c * width;
  }

  /**
   * Phase k brings each prompt to n_k = (B - K) / ((K + 1 - k) (1/2 + sum_{i=2..K} 1/i)) examples,
   * K being the number of prompts, and drops the worst, until as many are left as shall be
   * selected. ProTeGi's program takes for K the number to drop, and so evaluates more than B.
   */
  private void rejects(Rounds rounds, List<Integer> live, int best) {
    int k = live.size();
    double harmonic = 0.5;
    for (int i = 2; i <= k; i++) {
      harmonic += 1.0 / i;
    }
    int before = 0;
    for (int phase = 1; phase == 1 || live.size() > best; phase++) {
      int upTo = (int) ((evaluations - k) / ((k + 1 - phase) * harmonic));
      int more = Math.max(FEWEST, upTo - before);
      before += more;
      rounds.play(
          kind == Kind.SUCCESSIVE_REJECTS
              ? live
              : rounds.leastSeen(live, Math.min(prompts, live.size())),
          more);
      if (live.size() > best) {
        live.remove(worst(rounds, live));
      }
    }
  }

  /** The last one of the lowest mean among those that were evaluated. */
  private static Integer worst(Rounds rounds, List<Integer> live) {
    Integer worst = null;
    for (Integer arm : live) {
      if (rounds.n(arm) > 0 && (worst == null || rounds.mean(arm) <= rounds.mean(worst))) {
        worst = arm;
      }
    }
    return worst;
  }

  private void halving(Rounds rounds, List<Integer> live, int best) {
    int phases = Math.max(1, (int) Math.ceil(Math.log((double) live.size() / best) / Math.log(2)));
    for (int phase = 0; phase < phases && (phase == 0 || live.size() > best); phase++) {
      rounds.play(live, Math.max(FEWEST, evaluations / phases / live.size()));
      double mean = live.stream().mapToDouble(rounds::mean).average().orElseThrow();
      List<Integer> dropped =
          live.stream()
              .filter(arm -> rounds.mean(arm) < mean)
              .sorted(Comparator.comparingDouble(rounds::mean))
              .limit(Math.max(0, live.size() - best))
              .toList();
      live.removeAll(dropped);
    }
  }

  /** Rounds of evaluations, each with fresh examples. */
  private static final class Rounds {

    private final PromptProblem problem;
    private final List<InstructionPrompt> arms;
    private final List<List<Outcome>> seen;
    private final String draw;
    private final int step;
    private int number;

    Rounds(
        PromptProblem problem,
        List<InstructionPrompt> arms,
        List<List<Outcome>> seen,
        String draw,
        int step) {
      this.problem = problem;
      this.arms = arms;
      this.seen = seen;
      this.draw = draw;
      this.step = step;
    }

    int play(List<Integer> chosen, int n) {
      List<Example> examples = problem.draw(draw + "." + step, number++, n);
      List<List<Outcome>> outcomes =
          problem.scorer().outcomes(chosen.stream().map(arms::get).toList(), examples);
      for (int i = 0; i < chosen.size(); i++) {
        seen.get(chosen.get(i)).addAll(outcomes.get(i));
      }
      return chosen.size() * examples.size();
    }

    List<Integer> some(List<Integer> from, int n) {
      RandomGenerator random = problem.random().stream(draw + ".arms." + step, number);
      int[] order = RandomSource.permutation(from.size(), random);
      return IntStream.range(0, n).map(i -> order[i]).sorted().mapToObj(from::get).toList();
    }

    /** Those with the fewest examples, in random order where they have as many. */
    List<Integer> leastSeen(List<Integer> from, int n) {
      List<Integer> all = new ArrayList<>();
      RandomGenerator random = problem.random().stream(draw + ".arms." + step, number);
      IntStream.of(RandomSource.permutation(from.size(), random))
          .forEach(i -> all.add(from.get(i)));
      all.sort(Comparator.comparingInt(this::n));
      return all.subList(0, n).stream().sorted().toList();
    }

    int n(int arm) {
      return seen.get(arm).size();
    }

    double mean(int arm) {
      return PromptScorer.mean(seen.get(arm));
    }
  }
}
