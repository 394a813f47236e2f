package io.promptgrad.gradient.discrete;

import ai.djl.Device;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelScorer.Row;
import io.promptgrad.gradient.cloze.LabelTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Scores candidate triggers against the current one on the same examples, as few forward passes as
 * the answer needs.
 *
 * <p>Rows (candidate, example) share batches of similar length. With accuracy as the objective,
 * candidates are dropped as soon as they cannot win any more, which changes no choice: a candidate
 * is out once (right so far + examples left) does not exceed the current trigger's count, or cannot
 * reach what another candidate already has. Examples that the current trigger gets wrong, or only
 * just right, come first: candidates fail soonest there.
 *
 * <p>Successive halving (Jamieson and Talwalkar 2016) is an option that does change choices: after
 * each rung only the better part of the candidates goes on to more examples.
 */
public final class CandidateRace {

  /** What counts. */
  public enum Objective {
    /** Examples whose gold label beats every other label strictly; a tie is an error. */
    ACCURACY,
    /** Sum of the log-probabilities of the gold tokens, over the whole vocabulary. */
    LOG_PROBABILITY,
    /** Sum of the log-probabilities of the gold labels, among the labels. */
    LABEL_LIKELIHOOD
  }

  /**
   * How much of the scoring is saved.
   *
   * @param prunes whether candidates that cannot win are dropped (accuracy only)
   * @param roundTokens about how many tokens are scored between two looks at who can still win
   * @param halving of how many candidates one survives a rung; 0 for no halving
   * @param rungs shares of the examples after which candidates are halved, rising, below 1
   */
  public record Options(boolean prunes, int roundTokens, int halving, double[] rungs) {

    private static final int CPU_ROUND = 2048;
    private static final int GPU_ROUND = 65536;

    /** Every candidate is scored on every example, all at once. */
    public static Options plain() {
      return new Options(false, Integer.MAX_VALUE, 0, new double[0]);
    }

    /** Candidates that cannot win are dropped, which changes no choice; rounds suit the device. */
    public static Options exact(Device device) {
      return new Options(true, device.isGpu() ? GPU_ROUND : CPU_ROUND, 0, new double[0]);
    }

    /** The same with pruning on or off. */
    public Options withPruning(boolean on) {
      return new Options(on, roundTokens, halving, rungs);
    }

    /** The same with one of {@code factor} candidates surviving 1/16 and 1/4 of the examples. */
    public Options withHalving(int factor) {
      double[] shares = factor == 0 ? new double[0] : new double[] {1.0 / 16, 1.0 / 4};
      return new Options(prunes, roundTokens, factor, shares);
    }
  }

  /**
   * What came out.
   *
   * @param current score of the current trigger on all examples
   * @param scores of the candidates, on the examples that each was scored on
   * @param seen number of those examples
   * @param finished whether a candidate was scored on all examples
   * @param winner index of the candidate that beats the current trigger, the first with the largest
   *     score; -1 if none does
   * @param evaluations rows scored
   */
  public record Result(
      double current,
      double[] scores,
      int[] seen,
      boolean[] finished,
      int winner,
      long evaluations) {}

  private final LabelScorer scorer;
  private final LabelTokens labels;
  private final Objective objective;
  private final Options options;

  /** A race by these rules; {@code labels} may be null unless the objective is accuracy. */
  public CandidateRace(
      LabelScorer scorer, LabelTokens labels, Objective objective, Options options) {
    this.scorer = scorer;
    this.labels = labels;
    this.objective = objective;
    this.options = options;
  }

  /**
   * Finds the candidate that beats the current trigger by most, if one does.
   *
   * @param current the trigger to beat; null: every candidate beats it
   * @param candidates in order of preference: of equal ones the first wins
   */
  public Result run(List<ClozeExample> examples, int[] current, List<int[]> candidates) {
    double[] currentValues =
        current == null
            ? null
            : values(examples, all(examples.size()), List.of(current), new int[] {0})[0];
    double target = current == null ? Double.NEGATIVE_INFINITY : count(currentValues);
    boolean[] alive = new boolean[candidates.size()];
    Arrays.fill(alive, true);
    double[] scores = new double[candidates.size()];
    int[] seen = new int[candidates.size()];
    int[] order = order(examples.size(), currentValues);
    long evaluations = current == null ? 0 : examples.size();
    int done = 0;
    while (done < order.length && any(alive)) {
      int[] racing = indices(alive);
      int end = Math.min(nextRung(done, order.length), done + roundSize(examples, racing.length));
      int[] round = Arrays.copyOfRange(order, done, end);
      double[][] values = values(examples, round, candidates, racing);
      for (int r = 0; r < racing.length; r++) {
        scores[racing[r]] += count(values[r]);
        seen[racing[r]] += round.length;
      }
      evaluations += (long) racing.length * round.length;
      done = end;
      if (options.prunes() && objective == Objective.ACCURACY) {
        prune(alive, scores, order.length - done, target);
      }
      if (isRung(done, order.length)) {
        halve(alive, scores);
      }
    }
    boolean[] finished = new boolean[candidates.size()];
    int winner = -1;
    for (int c = 0; c < scores.length; c++) {
      finished[c] = seen[c] == examples.size();
      if (finished[c] && scores[c] > target && (winner < 0 || scores[c] > scores[winner])) {
        winner = c;
      }
    }
    return new Result(target, scores, seen, finished, winner, evaluations);
  }

  /**
   * For accuracy the margin (log-probability of the gold label minus the best other), else the
   * log-probability: [candidates of {@code which}][examples of {@code where}].
   */
  private double[][] values(
      List<ClozeExample> examples, int[] where, List<int[]> triggers, int[] which) {
    List<Row> rows = new ArrayList<>(where.length * which.length);
    List<int[]> answers = new ArrayList<>();
    for (int c : which) {
      for (int e : where) {
        rows.add(Row.of(examples.get(e), triggers.get(c)));
        answers.add(examples.get(e).goldTokens());
      }
    }
    double[][] values = new double[which.length][where.length];
    if (objective == Objective.LOG_PROBABILITY) {
      double[] logs = scorer.logProbabilities(rows, answers);
      for (int i = 0; i < logs.length; i++) {
        values[i / where.length][i % where.length] = logs[i];
      }
      return values;
    }
    double[][] scores = scorer.scores(rows, labels);
    for (int i = 0; i < scores.length; i++) {
      int gold = examples.get(where[i % where.length]).gold();
      values[i / where.length][i % where.length] =
          objective == Objective.ACCURACY
              ? margin(scores[i], gold)
              : logLikelihood(scores[i], gold);
    }
    return values;
  }

  /** Log of the gold label's share among all labels. */
  static double logLikelihood(double[] scores, int gold) {
    double sum = 0;
    for (double score : scores) {
      sum += Math.exp(score - scores[gold]);
    }
    return -Math.log(sum);
  }

  /** Score of the gold label minus the best other one. */
  static double margin(double[] scores, int gold) {
    double other = Double.NEGATIVE_INFINITY;
    for (int c = 0; c < scores.length; c++) {
      if (c != gold) {
        other = Math.max(other, scores[c]);
      }
    }
    return scores[gold] - other;
  }

  /** Right answers, or the sum of the log-probabilities. */
  private double count(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += objective == Objective.ACCURACY ? (value > 0 ? 1 : 0) : value;
    }
    return sum;
  }

  /** Smallest margin first; with halving the given (random) order, which is a fair sample. */
  private int[] order(int n, double[] currentValues) {
    if (objective != Objective.ACCURACY
        || currentValues == null
        || !options.prunes()
        || options.halving() > 0) {
      return all(n);
    }
    return java.util.stream.IntStream.range(0, n)
        .boxed()
        .sorted(Comparator.comparingDouble(e -> currentValues[e]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private int roundSize(List<ClozeExample> examples, int racing) {
    long tokens = 0;
    for (ClozeExample example : examples) {
      tokens += example.length();
    }
    double perExample = (double) tokens / examples.size() * racing;
    return (int) Math.max(1, Math.min(examples.size(), options.roundTokens() / perExample));
  }

  private static void prune(boolean[] alive, double[] scores, int left, double target) {
    int leader = -1;
    for (int c = 0; c < alive.length; c++) {
      if (alive[c] && (leader < 0 || scores[c] > scores[leader])) {
        leader = c;
      }
    }
    for (int c = 0; c < alive.length; c++) {
      if (!alive[c]) {
        continue;
      }
      double best = scores[c] + left;
      boolean cannotBeatCurrent = best <= target;
      boolean cannotBeatLeader =
          c != leader && (best < scores[leader] || (best == scores[leader] && leader < c));
      if (cannotBeatCurrent || cannotBeatLeader) {
        alive[c] = false;
      }
    }
  }

  private int nextRung(int done, int n) {
    for (double rung : options.rungs()) {
      int at = (int) Math.ceil(rung * n);
      if (at > done) {
        return at;
      }
    }
    return n;
  }

  private boolean isRung(int done, int n) {
    for (double rung : options.rungs()) {
      if ((int) Math.ceil(rung * n) == done && done < n) {
        return true;
      }
    }
    return false;
  }

  private void halve(boolean[] alive, double[] scores) {
    if (options.halving() < 2) {
      return;
    }
    int[] racing = indices(alive);
    int kept = (racing.length + options.halving() - 1) / options.halving();
    Integer[] byScore = new Integer[racing.length];
    Arrays.setAll(byScore, i -> racing[i]);
    Arrays.sort(
        byScore, Comparator.<Integer>comparingDouble(c -> -scores[c]).thenComparing(c -> c));
    for (int i = kept; i < byScore.length; i++) {
      alive[byScore[i]] = false;
    }
  }

  private static boolean any(boolean[] flags) {
    for (boolean flag : flags) {
      if (flag) {
        return true;
      }
    }
    return false;
  }

  private static int[] indices(boolean[] flags) {
    return java.util.stream.IntStream.range(0, flags.length).filter(i -> flags[i]).toArray();
  }

  private static int[] all(int n) {
    return java.util.stream.IntStream.range(0, n).toArray();
  }
}
