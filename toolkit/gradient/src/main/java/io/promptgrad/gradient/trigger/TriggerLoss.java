package io.promptgrad.gradient.trigger;

import ai.djl.ndarray.NDManager;
import io.promptgrad.gradient.cloze.FilledBatch;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.TargetLoss;
import io.promptgrad.lm.TargetScores;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The loss of triggers in sequences, and its gradient: the one thing that every method of discrete
 * search asks for.
 *
 * <p>All (trigger, sequence) pairs share batches of similar length, and the head works at the
 * wanted places alone. Where a causal model reads from left to right, what stands before the
 * trigger is computed once for all, and of the triggers of one call, which mostly differ from the
 * current one at few places, only what comes behind the first difference: sorted by it they share
 * the keys and values of the current one. That changes no loss but in the last digits; {@link
 * Reuse#NONE} turns it off. Equal triggers are scored once.
 *
 * <p>Used by one thread. Caches live on the model's devices, until {@link #close} or the model's.
 */
public final class TriggerLoss implements AutoCloseable {

  /** What of earlier computations is used again. */
  public enum Reuse {
    /** Nothing: every sequence is computed from its first token. */
    NONE,
    /** Keys and values of what stands before the trigger, as nanoGCG does. */
    PREFIX,
    /** Those, and the current trigger's before the first place where another differs from it. */
    FIRST_DIFFERENCE
  }

  private final LanguageModel model;
  private final TargetLoss loss;
  private final int[] among;
  private final Reuse reuse;
  private final SearchModel.Others others;
  private final MicroBatches scoring;
  private final MicroBatches differentiating; // a gradient needs several times the memory
  private final PrefixCaches prefixes;

  /**
   * @param among probabilities are among these tokens only; null: the whole vocabulary
   */
  public TriggerLoss(LanguageModel model, TargetLoss loss, int[] among, Reuse reuse) {
    this.model = model;
    this.loss = loss;
    this.among = among;
    this.others =
        loss instanceof TargetLoss.Hinge ? SearchModel.Others.ALL : SearchModel.Others.IF_LARGER;
    boolean causal = model.spec().objective() == Objective.CAUSAL && !model.spec().encoderDecoder();
    this.reuse = causal ? reuse : Reuse.NONE;
    this.scoring = MicroBatches.forModel(model);
    this.differentiating = MicroBatches.forModel(model);
    this.prefixes = new PrefixCaches(model);
  }

  /** The model. */
  public LanguageModel model() {
    return model;
  }

  /**
   * Computes what stands before the triggers now, so that no later call pays for it, and a search
   * that was resumed pays as much in each step as one that was not.
   */
  public void begin(List<TargetSequence> sequences) {
    if (reuse != Reuse.NONE) {
      sequences.forEach(sequence -> prefixes.of(model, sequence));
    }
  }

  /** Drops it, where each step has sequences of its own. */
  public void forget() {
    prefixes.close();
  }

  // ------------------------------------------------------------------ losses

  /**
   * Losses of triggers.
   *
   * @param losses [triggers][sequences]
   * @param said whether the model itself would say exactly the wanted tokens
   */
  public record Scores(double[][] losses, boolean[][] said) {

    /** Mean over the sequences. */
    public double mean(int trigger) {
      return Arrays.stream(losses[trigger]).average().orElseThrow();
    }
  }

  /**
   * Scores triggers in sequences.
   *
   * @param current the trigger that most of the others are like, itself scored or not
   */
  public Scores scores(List<TargetSequence> sequences, List<int[]> triggers, int[] current) {
    Map<Key, Integer> first = new HashMap<>();
    List<int[]> distinct = new ArrayList<>();
    int[] same = new int[triggers.size()];
    for (int c = 0; c < same.length; c++) {
      int[] trigger = triggers.get(c);
      Integer known = first.putIfAbsent(new Key(trigger), distinct.size());
      same[c] = known == null ? distinct.size() : known;
      if (known == null) {
        distinct.add(trigger);
      }
    }
    Scores scores =
        new Scores(
            new double[distinct.size()][sequences.size()],
            new boolean[distinct.size()][sequences.size()]);
    List<Tails> tails = new ArrayList<>();
    long reusing = Long.MAX_VALUE;
    if (reuse != Reuse.NONE) {
      reusing = 0;
      for (TargetSequence sequence : sequences) {
        Tails own = Tails.of(sequence, distinct, current, reuse);
        tails.add(own);
        reusing += scoring.cost(own.lengths()) + own.referenceTokens() + 1;
      }
    }
    if (reusing < scoring.cost(wholeLengths(sequences, distinct.size()))) {
      for (int s = 0; s < sequences.size(); s++) {
        scoreTails(sequences.get(s), s, distinct, tails.get(s), scores);
      }
    } else {
      scoreWhole(sequences, distinct, scores);
    }
    double[][] losses = new double[same.length][];
    boolean[][] said = new boolean[same.length][];
    for (int c = 0; c < same.length; c++) {
      losses[c] = scores.losses()[same[c]];
      said[c] = scores.said()[same[c]];
    }
    return new Scores(losses, said);
  }

  private record Key(int[] ids) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Key that && Arrays.equals(ids, that.ids);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(ids);
    }
  }

  private static int[] wholeLengths(List<TargetSequence> sequences, int triggers) {
    int[] lengths = new int[triggers * sequences.size()];
    Arrays.setAll(lengths, i -> sequences.get(i % sequences.size()).length());
    return lengths;
  }

  /** Every row from its first token; rows are triggers times sequences. */
  private void scoreWhole(List<TargetSequence> sequences, List<int[]> triggers, Scores scores) {
    int n = sequences.size();
    scoring.run(
        model,
        wholeLengths(sequences, triggers.size()),
        (replica, group) -> {
          List<TargetSequence> rows = new ArrayList<>();
          List<int[]> fillings = new ArrayList<>();
          for (int i : group) {
            rows.add(sequences.get(i % n));
            fillings.add(triggers.get(i / n));
          }
          TargetScores found =
              replica
                  .forSearch()
                  .scores(
                      batch(rows, fillings),
                      targets(rows, fillings, null, 0),
                      null,
                      0,
                      among,
                      others);
          int from = 0;
          for (int r = 0; r < group.length; r++) {
            from = put(scores, group[r] / n, group[r] % n, found, from, rows.get(r).at().length);
          }
        });
  }

  /** What is behind the first difference; rows are triggers. */
  private void scoreTails(
      TargetSequence sequence, int s, List<int[]> triggers, Tails tails, Scores scores) {
    Map<LanguageModel, NDManager> scopes = new HashMap<>();
    Map<LanguageModel, SearchModel.Cache> references = new HashMap<>();
    try {
      scoring.run(
          model,
          tails.lengths(),
          (replica, group) -> {
            int length = tails.lengths()[group[group.length - 1]]; // the longest comes last
            int kept = sequence.length() - length;
            SearchModel.Cache cache = null;
            if (kept > 0) {
              synchronized (references) {
                cache = references.get(replica);
                if (cache == null) {
                  NDManager scope = replica.newScope();
                  scopes.put(replica, scope);
                  cache = reference(replica, scope, sequence, tails);
                  references.put(replica, cache);
                }
              }
            }
            List<int[]> rows = new ArrayList<>();
            int[] at = new int[group.length * sequence.at().length];
            int[][] wanted = new int[at.length][];
            for (int r = 0; r < group.length; r++) {
              int[] trigger = triggers.get(group[r]);
              rows.add(Arrays.copyOfRange(sequence.with(trigger), kept, sequence.length()));
              int[][] own = sequence.targets(trigger);
              for (int i = 0; i < own.length; i++) {
                at[r * own.length + i] = r * length + sequence.at()[i] - kept;
                wanted[r * own.length + i] = own[i];
              }
            }
            TokenBatch batch = shifted(TokenBatch.of(rows, model.spec().padId()), kept);
            TargetScores found =
                replica
                    .forSearch()
                    .scores(batch, Targets.mean(at, wanted), cache, kept, among, others);
            int from = 0;
            for (int trigger : group) {
              from = put(scores, trigger, s, found, from, sequence.at().length);
            }
          });
    } finally {
      scopes.values().forEach(NDManager::close);
    }
  }

  private int put(Scores scores, int trigger, int s, TargetScores found, int from, int n) {
    scores.losses()[trigger][s] = loss.of(found, from, from + n);
    scores.said()[trigger][s] = found.said(from, from + n);
    if (Double.isNaN(scores.losses()[trigger][s])) {
      LabelScorer.requireNumbers(found.losses(), "losses");
      LabelScorer.requireNumbers(found.others(), "logits");
    }
    return from + n;
  }

  /** Keys and values of the reference trigger's sequence up to the last first difference. */
  private SearchModel.Cache reference(
      LanguageModel replica, NDManager scope, TargetSequence sequence, Tails tails) {
    SearchModel.Cache prefix = prefixes.of(replica, sequence);
    int begun = prefix == null ? 0 : prefix.tokens();
    if (tails.longestKept() <= begun) {
      return prefix;
    }
    int[] rest = Arrays.copyOfRange(tails.reference(), begun, tails.longestKept());
    TokenBatch batch = shifted(TokenBatch.of(List.of(rest), model.spec().padId()), begun);
    return replica.forSearch().cache(scope, batch, prefix, begun);
  }

  private static TokenBatch shifted(TokenBatch batch, int by) {
    return by == 0
        ? batch
        : batch.withPositions(Arrays.stream(batch.positions()).map(p -> p + by).toArray());
  }

  // ------------------------------------------------------------------ gradients

  /**
   * Gradients at triggers' word vectors.
   *
   * @param values for each trigger the gradient of the weighted sum over the sequences [n * E]
   * @param losses [triggers][sequences], unweighted
   */
  public record Gradients(List<float[]> values, double[][] losses) {

    /** Mean loss of a trigger. */
    public double mean(int trigger) {
      return Arrays.stream(losses[trigger]).average().orElseThrow();
    }
  }

  /** Gradients of the mean loss over the sequences at tokens. */
  public Gradients gradients(List<TargetSequence> sequences, List<int[]> triggers) {
    SearchModel search = model.forSearch();
    int[] ids = triggers.stream().flatMapToInt(Arrays::stream).toArray();
    float[] all = search.vectors(ids);
    int size = all.length / triggers.size();
    List<float[]> vectors = new ArrayList<>();
    for (int from = 0; from < all.length; from += size) {
      vectors.add(Arrays.copyOfRange(all, from, from + size));
    }
    return gradients(sequences, vectors, triggers);
  }

  /**
   * Gradients of the mean loss at any vectors in the triggers' place.
   *
   * @param vectors for each trigger [n * E], row-major
   * @param wanted tokens that sequences that want the trigger itself want; null if there are none
   */
  public Gradients gradients(
      List<TargetSequence> sequences, List<float[]> vectors, List<int[]> wanted) {
    int n = sequences.size();
    int slots = sequences.get(0).slots().length;
    int size = vectors.get(0).length;
    int width = size / slots;
    float[] all = Floats.joined(vectors);
    double[][] losses = new double[vectors.size()][n];
    int[] lengths = wholeLengths(sequences, vectors.size());
    // One sequence stands alone in its batches, which can go on from its beginning.
    int kept =
        n == 1 && reuse != Reuse.NONE
            ? Math.min(sequences.get(0).slots()[0], sequences.get(0).at()[0])
            : 0;
    Arrays.setAll(lengths, i -> lengths[i] - kept);
    float[][] sums = new float[lengths.length][]; // of each group, under its first row
    differentiating.run(
        model,
        lengths,
        (replica, group) -> {
          SearchModel.Cache past = kept > 0 ? prefixes.of(replica, sequences.get(0)) : null;
          List<TargetSequence> rows = new ArrayList<>();
          List<int[]> fillings = new ArrayList<>();
          for (int i : group) {
            rows.add(sequences.get(i % n));
            fillings.add(wanted == null ? new int[slots] : wanted.get(i / n));
          }
          TokenBatch whole = batch(rows, fillings);
          TokenBatch batch = kept == 0 ? whole : shifted(behind(rows, fillings, kept), kept);
          int[] places = new int[group.length * slots];
          int[] which = new int[places.length];
          float[] weights = new float[group.length];
          for (int r = 0; r < group.length; r++) {
            weights[r] = 1f / n;
            for (int t = 0; t < slots; t++) {
              places[r * slots + t] = batch.index(r, rows.get(r).slots()[t] - kept);
              which[r * slots + t] = group[r] / n * slots + t;
            }
          }
          SearchModel.Gradient found =
              replica
                  .forSearch()
                  .gradient(
                      batch,
                      new SearchModel.Vectors(all, places, which),
                      targets(rows, fillings, weights, kept),
                      past,
                      kept,
                      among,
                      loss);
          LabelScorer.requireNumbers(found.vectors(), "gradients");
          int from = 0;
          for (int r = 0; r < group.length; r++) {
            int to = from + rows.get(r).at().length;
            losses[group[r] / n][group[r] % n] = loss.of(found.scores(), from, to);
            from = to;
          }
          sums[group[0]] = found.vectors();
        });
    List<float[]> values = new ArrayList<>();
    for (int k = 0; k < vectors.size(); k++) {
      float[] own = new float[slots * width];
      for (float[] sum : sums) {
        for (int i = 0; sum != null && i < own.length; i++) {
          own[i] += sum[k * size + i];
        }
      }
      values.add(own);
    }
    return new Gradients(values, losses);
  }

  // ------------------------------------------------------------------ batches

  private TokenBatch batch(List<TargetSequence> rows, List<int[]> triggers) {
    List<LabelScorer.Row> filled = new ArrayList<>();
    for (int r = 0; r < rows.size(); r++) {
      TargetSequence row = rows.get(r);
      filled.add(
          new LabelScorer.Row(
              row.with(triggers.get(r)), row.types(), row.at()[0], row.decoderIds()));
    }
    return FilledBatch.of(model, filled).tokens();
  }

  private TokenBatch behind(List<TargetSequence> rows, List<int[]> triggers, int kept) {
    List<int[]> ids = new ArrayList<>();
    for (int r = 0; r < rows.size(); r++) {
      int[] whole = rows.get(r).with(triggers.get(r));
      ids.add(Arrays.copyOfRange(whole, kept, whole.length));
    }
    return TokenBatch.of(ids, model.spec().padId());
  }

  /**
   * @param weights of the rows; null: they do not matter
   * @param kept tokens of every row that are cached
   */
  private Targets targets(
      List<TargetSequence> rows, List<int[]> triggers, float[] weights, int kept) {
    boolean decodes = model.spec().encoderDecoder();
    int width =
        rows.stream()
                .mapToInt(row -> decodes ? row.decoderIds().length : row.length())
                .max()
                .orElseThrow()
            - kept;
    int n = rows.stream().mapToInt(row -> row.at().length).sum();
    int[] at = new int[n];
    int[][] wanted = new int[n][];
    float[] own = new float[n];
    boolean perRow = loss instanceof TargetLoss.Mellowmax;
    int i = 0;
    for (int r = 0; r < rows.size(); r++) {
      TargetSequence row = rows.get(r);
      int[][] targets = row.targets(triggers.get(r));
      for (int p = 0; p < targets.length; p++, i++) {
        at[i] = r * width + row.at()[p] - kept;
        wanted[i] = targets[p];
        own[i] = weights == null ? 1 : perRow ? weights[r] : weights[r] / targets.length;
      }
    }
    return new Targets(at, wanted, own);
  }

  @Override
  public void close() {
    prefixes.close();
  }
}
