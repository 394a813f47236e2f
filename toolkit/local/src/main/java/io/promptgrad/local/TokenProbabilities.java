package io.promptgrad.local;

import ai.djl.ndarray.NDManager;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Log-probabilities of given tokens, many texts in a forward. Texts that differ only in their last
 * token, as those of labels of one token do, are one row.
 */
final class TokenProbabilities {

  private final LanguageModel model;
  private final MicroBatches batches;

  /**
   * A text.
   *
   * @param ids all its tokens, at least 2
   * @param from the first one that is asked for, at least 1
   */
  record Sequence(int[] ids, int from) {}

  TokenProbabilities(LanguageModel model) {
    this.model = model;
    this.batches = MicroBatches.forModel(model);
  }

  /** Returns the natural-log probabilities of each sequence's tokens, by list and sequence. */
  List<List<double[]>> of(List<List<Sequence>> lists) {
    List<Sequence> all = lists.stream().flatMap(List::stream).toList();
    // What the model reads: all tokens but the last. Equal rows are read once.
    Map<List<Integer>, List<Integer>> readers = new LinkedHashMap<>();
    for (int s = 0; s < all.size(); s++) {
      int[] ids = all.get(s).ids();
      List<Integer> row = Arrays.stream(ids, 0, ids.length - 1).boxed().toList();
      readers.computeIfAbsent(row, unused -> new ArrayList<>()).add(s);
    }
    List<int[]> rows =
        readers.keySet().stream().map(row -> row.stream().mapToInt(i -> i).toArray()).toList();
    List<List<Integer>> sequencesOf = List.copyOf(readers.values());
    double[][] scores = new double[all.size()][];
    int[] lengths = rows.stream().mapToInt(row -> row.length).toArray();
    batches.run(
        model,
        lengths,
        (replica, group) -> {
          TokenBatch batch = TokenBatch.of(Arrays.stream(group).mapToObj(rows::get).toList(), 0);
          List<Integer> places = new ArrayList<>();
          List<Integer> tokens = new ArrayList<>();
          for (int r = 0; r < group.length; r++) {
            for (int s : sequencesOf.get(group[r])) {
              Sequence sequence = all.get(s);
              for (int t = sequence.from(); t < sequence.ids().length; t++) {
                places.add(batch.index(r, t - 1)); // a token is predicted by the one before
                tokens.add(sequence.ids()[t]);
              }
            }
          }
          float[] losses;
          try (NDManager scope = replica.newScope()) {
            Targets targets = Targets.mean(ints(places), ints(tokens));
            losses = replica.losses(scope, batch, targets).toFloatArray();
          }
          int at = 0;
          for (int row : group) {
            for (int s : sequencesOf.get(row)) {
              double[] own = new double[all.get(s).ids().length - all.get(s).from()];
              for (int t = 0; t < own.length; t++) {
                own[t] = -losses[at++];
              }
              scores[s] = own;
            }
          }
        });
    List<List<double[]>> byList = new ArrayList<>();
    int next = 0;
    for (List<Sequence> list : lists) {
      byList.add(List.of(Arrays.copyOfRange(scores, next, next + list.size())));
      next += list.size();
    }
    return byList;
  }

  private static int[] ints(List<Integer> values) {
    return values.stream().mapToInt(i -> i).toArray();
  }
}
