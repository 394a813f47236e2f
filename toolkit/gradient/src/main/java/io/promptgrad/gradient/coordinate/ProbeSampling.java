package io.promptgrad.gradient.coordinate;

import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;

/**
 * Probe sampling (Zhao et al. 2024, arXiv:2403.01251, Algorithm 1).
 *
 * <p>If the two models' ranks cannot be compared (all losses equal), nothing is trusted: as many
 * candidates are scored as at no agreement, which is what the authors' program does and nanoGCG
 * refuses.
 */
final class ProbeSampling {

  private ProbeSampling() {}

  /**
   * @param tried all candidates; the loss of those that the model itself did not score is NaN
   * @param examples behind each loss
   */
  record Result(List<Track.Tried> tried, int examples) {}

  static Result run(
      TriggerProblem problem,
      Gcg.Probe probe,
      List<int[]> candidates,
      int[] current,
      int step,
      RandomGenerator random) {
    int width = candidates.size();
    double[] draft = probe.draft().losses(candidates, current, step).values();

    // 1. Both models on a few candidates: how well do they agree?
    int size = probe.size() > 0 ? Math.min(probe.size(), width) : width / 16;
    int[] probed = Arrays.copyOf(RandomSource.permutation(width, random), Math.max(2, size));
    TriggerProblem.Losses known = losses(problem, candidates, probed, current, step);
    double[] exact = known.values();
    double[] drafted = Arrays.stream(probed).mapToDouble(c -> draft[c]).toArray();
    double rho = spearman(exact, drafted);
    double agreement = Double.isNaN(rho) ? 0 : (1 + rho) / 2;

    // 2. The less they agree, the more of the draft's favourites are scored exactly.
    int kept = (int) ((1 - agreement) * width / probe.reduction());
    kept = Math.max(1, Math.min(width, kept));
    int[] favourites =
        Arrays.stream(ranked(draft)).limit(kept).mapToInt(Integer::intValue).toArray();
    Set<Integer> both = new LinkedHashSet<>();
    for (int c : favourites) {
      both.add(c);
    }
    double[] values = new double[width];
    Arrays.fill(values, Double.NaN);
    boolean[] solved = new boolean[width];
    for (int i = 0; i < probed.length; i++) {
      values[probed[i]] = exact[i];
      solved[probed[i]] = known.solved()[i];
      both.remove(probed[i]); // known already
    }
    int[] rest = both.stream().mapToInt(Integer::intValue).toArray();
    if (rest.length > 0) {
      TriggerProblem.Losses losses = losses(problem, candidates, rest, current, step);
      for (int i = 0; i < rest.length; i++) {
        values[rest[i]] = losses.values()[i];
        solved[rest[i]] = losses.solved()[i];
      }
    }
    List<Track.Tried> tried = new ArrayList<>();
    for (int c = 0; c < width; c++) {
      Map<String, Object> details = new LinkedHashMap<>();
      details.put("draft_loss", draft[c]);
      if (c == 0) {
        details.put("agreement", agreement);
        details.put("scored_exactly", probed.length + rest.length);
      }
      tried.add(new Track.Tried(candidates.get(c), values[c], solved[c], details));
    }
    return new Result(tried, known.examples());
  }

  private static TriggerProblem.Losses losses(
      TriggerProblem problem, List<int[]> candidates, int[] which, int[] current, int step) {
    List<int[]> some = Arrays.stream(which).mapToObj(candidates::get).toList();
    return problem.losses(some, current, step);
  }

  private static Integer[] ranked(double[] values) {
    Integer[] order = new Integer[values.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> Double.compare(values[a], values[b])); // stable
    return order;
  }

  /** Rank correlation, with mean ranks for equal values; NaN if one side has no order. */
  static double spearman(double[] a, double[] b) {
    double[] x = ranks(a);
    double[] y = ranks(b);
    double mean = (a.length + 1) / 2.0;
    double xy = 0;
    double xx = 0;
    double yy = 0;
    for (int i = 0; i < x.length; i++) {
      xy += (x[i] - mean) * (y[i] - mean);
      xx += (x[i] - mean) * (x[i] - mean);
      yy += (y[i] - mean) * (y[i] - mean);
    }
    return xy / Math.sqrt(xx * yy);
  }

  private static double[] ranks(double[] values) {
    Integer[] order = ranked(values);
    double[] ranks = new double[values.length];
    for (int i = 0; i < order.length; ) {
      int j = i;
      while (j < order.length && values[order[j]] == values[order[i]]) {
        j++;
      }
      for (int k = i; k < j; k++) {
        ranks[order[k]] = (i + j + 1) / 2.0;
      }
      i = j;
    }
    return ranks;
  }
}
