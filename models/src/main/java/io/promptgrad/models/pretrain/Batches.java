package io.promptgrad.models.pretrain;

import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The batches of a pretraining run: windows of the token stream at random places, with the
 * predictions that the objective asks for. A step's batch follows from the seed and the step's
 * number alone, so that a resumed run sees what an uninterrupted one would.
 *
 * <p>In the first part of the training, and in every fourth step after it, windows are a quarter as
 * long and four times as many: near words teach more than far ones at first, and the model is used
 * on single sentences as well as on paragraphs.
 */
final class Batches {

  /** Tokens and what is predicted; every prediction counts alike. */
  record Batch(TokenBatch tokens, Targets targets) {}

  private static final double SHORT_AT_FIRST = 0.4;
  private static final int SHORT_EVERY = 4;
  private static final int SHORTER = 4;
  private static final double MASKED_SHARE = 0.2;
  private static final int BEGIN = 0;

  private final EncodedCorpus corpus;
  private final PretrainingPlan plan;
  private final boolean masked;
  private final int specials;
  private final int end;
  private final int maskId;
  private final double[] cumulativeWeight;

  Batches(EncodedCorpus corpus, PretrainingPlan plan) {
    this.corpus = corpus;
    this.plan = plan;
    this.masked = corpus.description().objective() == TokenizerSettings.Objective.MASKED;
    this.end = corpus.description().separator();
    this.specials = masked ? 4 : 2; // <s> <pad> </s> <unk>, or <s> </s>
    this.maskId = corpus.description().vocab() - 1;
    List<EncodedCorpus.Range> sources = corpus.description().train().sources();
    this.cumulativeWeight = new double[sources.size()];
    double sum = 0;
    for (int i = 0; i < sources.size(); i++) {
      sum += sources.get(i).tokens() * sources.get(i).weight();
      cumulativeWeight[i] = sum;
    }
  }

  /** The batch of a training step. */
  Batch training(int step) {
    SplittableRandom random = new SplittableRandom(mix(plan.seed(), step));
    boolean isShort = step < SHORT_AT_FIRST * plan.steps() || step % SHORT_EVERY == SHORT_EVERY - 1;
    int length = isShort ? plan.length() / SHORTER : plan.length();
    int windows = isShort ? plan.windows() * SHORTER : plan.windows();
    int[][] rows = new int[windows][];
    for (int row = 0; row < windows; row++) {
      double place = random.nextDouble() * cumulativeWeight[cumulativeWeight.length - 1];
      int chosen = 0;
      while (cumulativeWeight[chosen] <= place) {
        chosen++;
      }
      EncodedCorpus.Range source = corpus.description().train().sources().get(chosen);
      int inside = Math.toIntExact(Math.min(length - 2, source.tokens()));
      long first = source.first() + random.nextLong(source.tokens() - inside + 1);
      rows[row] = window(inside, first, true);
    }
    return batch(rows, random);
  }

  /** Held-out windows, evenly spread over the held-out text: the same at every call. */
  List<Batch> heldOut() {
    long tokens = corpus.description().heldOut().tokens();
    int inside = plan.length() - 2;
    List<Batch> batches = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(mix(plan.seed(), -1));
    for (int first = 0; first < plan.heldOutWindows(); first += plan.windows()) {
      int[][] rows = new int[Math.min(plan.windows(), plan.heldOutWindows() - first)][];
      for (int row = 0; row < rows.length; row++) {
        long start = (tokens - inside) * (first + row) / plan.heldOutWindows();
        rows[row] = window(inside, start, false);
      }
      batches.add(batch(rows, random));
    }
    return batches;
  }

  /** {@code <s>}, then tokens of the stream, then {@code </s>}. */
  private int[] window(int inside, long first, boolean training) {
    int[] ids = new int[inside + 2];
    ids[0] = BEGIN;
    for (int i = 0; i < inside; i++) {
      ids[i + 1] = training ? corpus.trainToken(first + i) : corpus.heldOutToken(first + i);
    }
    ids[inside + 1] = end;
    return ids;
  }

  private Batch batch(int[][] rows, SplittableRandom random) {
    TokenBatch tokens = TokenBatch.of(Arrays.asList(rows), end);
    return masked ? masked(tokens, random) : causal(tokens);
  }

  /**
   * BERT's masking: each token that is no special one is chosen with probability 0.2 (BERT: 0.15; a
   * short training profits from more predictions per token); of the chosen 80 % are masked, 10 %
   * replaced by a random token, 10 % left; the original is predicted.
   */
  private Batch masked(TokenBatch tokens, SplittableRandom random) {
    int[] ids = tokens.ids().clone();
    List<Integer> at = new ArrayList<>();
    List<Integer> wanted = new ArrayList<>();
    for (int i = 0; i < ids.length; i++) {
      if (tokens.mask()[i] == 0 || ids[i] < specials || random.nextDouble() >= MASKED_SHARE) {
        continue;
      }
      at.add(i);
      wanted.add(ids[i]);
      double what = random.nextDouble();
      if (what < 0.8) {
        ids[i] = maskId;
      } else if (what < 0.9) {
        ids[i] = specials + random.nextInt(maskId - specials);
      }
    }
    TokenBatch corrupted =
        new TokenBatch(
            tokens.rows(), tokens.length(), ids, tokens.mask(), tokens.positions(), new int[0]);
    return new Batch(corrupted, Targets.mean(array(at), array(wanted)));
  }

  /**
   * Every next token, but what follows the end of a document, and but the window's own end, which
   * stands where the text was merely cut.
   */
  private Batch causal(TokenBatch tokens) {
    List<Integer> at = new ArrayList<>();
    List<Integer> wanted = new ArrayList<>();
    for (int row = 0; row < tokens.rows(); row++) {
      for (int column = 0; column + 2 < tokens.length(); column++) {
        int i = tokens.index(row, column);
        if (tokens.mask()[i + 1] != 0 && tokens.ids()[i] != end) {
          at.add(i);
          wanted.add(tokens.ids()[i + 1]);
        }
      }
    }
    return new Batch(tokens, Targets.mean(array(at), array(wanted)));
  }

  private static int[] array(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  /** One seed for each step (the finalizer of SplitMix64). */
  static long mix(long seed, long step) {
    long z = seed * 0x9E3779B97F4A7C15L + step + 1;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
