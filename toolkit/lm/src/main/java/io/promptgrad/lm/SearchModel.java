package io.promptgrad.lm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.lm.program.Program;
import java.util.BitSet;

/**
 * What searches over tokens ask of a frozen model, each in one native call whose answer is small:
 * scores of wanted tokens behind a cache, gradients at a few vectors, the most promising tokens.
 *
 * <p>Letters as in {@link LanguageModel}. Host arrays go in and come out; only caches stay on the
 * device. Calls from several threads may overlap.
 */
public final class SearchModel {

  /** Logits of so many values at a time fit into a processor's cache; a GPU takes more. */
  private static final int CPU_HEAD = 1 << 21;

  private static final int GPU_HEAD = 1 << 28;

  private final LanguageModel model;
  private final Program program;

  SearchModel(LanguageModel model, Program program) {
    this.model = model;
    this.program = program;
  }

  /** The model. */
  public LanguageModel model() {
    return model;
  }

  /**
   * Keys and values of tokens that sequences begin with.
   *
   * @param keyValues [L, 2, B or 1, key-value heads, P, head width]; for bfloat16 only fit to be
   *     passed back
   * @param mask 1 where a cached token is real [B * P]; null: all are
   */
  public record Cache(NDArray keyValues, byte[] mask) {

    /** P. */
    public int tokens() {
      return Math.toIntExact(keyValues.getShape().get(4));
    }
  }

  /** A use of the first tokens of a cache; none of no cache. */
  private record Kept(NDArray keyValues, byte[] mask, int tokens) {}

  private Kept keep(Cache cache, int tokens, TokenBatch batch) {
    if (tokens == 0) {
      return new Kept(program.nothing(), null, 0);
    }
    if (cache == null || tokens < 0 || tokens > cache.tokens()) {
      throw new IllegalArgumentException(
          "%d tokens of a cache of %d".formatted(tokens, cache == null ? 0 : cache.tokens()));
    }
    if (model.spec().encoderDecoder()) {
      throw new IllegalArgumentException("an encoder-decoder has no cache of its text");
    }
    Inputs.requirePast(cache.keyValues(), batch.rows(), model);
    if (cache.mask() == null || tokens == cache.tokens()) {
      return new Kept(cache.keyValues(), cache.mask(), tokens);
    }
    byte[] mask = new byte[batch.rows() * tokens];
    for (int row = 0; row < batch.rows(); row++) {
      System.arraycopy(cache.mask(), row * cache.tokens(), mask, row * tokens, tokens);
    }
    return new Kept(cache.keyValues(), mask, tokens);
  }

  // ------------------------------------------------------------------ forward

  /**
   * Keys and values of a batch's tokens behind the first tokens of a cache, those included.
   *
   * @param scope gets them
   * @param past what the sequences begin with, or null
   * @param kept how many of its tokens
   */
  public Cache cache(NDManager scope, TokenBatch batch, Cache past, int kept) {
    Kept before = keep(past, kept, batch);
    try (NDManager step = model.newScope()) {
      Inputs in = Inputs.of(program, model.spec(), step, batch, kept, before.mask());
      NDArray all =
          program
              .call(
                  scope,
                  "cache",
                  in.ids(),
                  in.mask(),
                  in.types(),
                  in.positions(),
                  before.keyValues(),
                  Weights.hostInts(step, kept))
              .singletonOrThrow();
      model.countForward(batch.tokens());
      return new Cache(all, joined(before, batch));
    }
  }

  private static byte[] joined(Kept before, TokenBatch batch) {
    if (before.mask() == null && batch.full()) {
      return null;
    }
    int width = before.tokens() + batch.length();
    byte[] mask = new byte[batch.rows() * width];
    for (int row = 0; row < batch.rows(); row++) {
      for (int i = 0; i < before.tokens(); i++) {
        mask[row * width + i] =
            before.mask() == null ? 1 : before.mask()[row * before.tokens() + i];
      }
      System.arraycopy(
          batch.mask(), batch.index(row, 0), mask, row * width + before.tokens(), batch.length());
    }
    return mask;
  }

  /** Which of the largest logits of tokens that are no targets are wanted. */
  public enum Others {
    /** None: all are 0. */
    NONE,
    /**
     * Those that are larger than the targets'; the others are -inf. Nearly free. A token as likely
     * as the target, to the last bit, is not seen.
     */
    IF_LARGER,
    /** All. */
    ALL
  }

  /**
   * Scores of the targets of sequences that go on behind the first tokens of a cache.
   *
   * @param batch the tokens behind them; its positions go on from theirs
   * @param targets the weights are not used
   * @param past what the sequences begin with, or null
   * @param kept how many of its tokens
   * @param among probabilities are among these tokens only; null: the whole vocabulary
   * @param others which of the largest other logits are wanted
   */
  public TargetScores scores(
      TokenBatch batch, Targets targets, Cache past, int kept, int[] among, Others others) {
    Inputs.requireTargets(batch, targets, model.spec());
    Kept before = keep(past, kept, batch);
    Targets indexed = among == null ? targets : targets.indexedInto(among);
    try (NDManager step = model.newScope()) {
      Inputs in = Inputs.of(program, model.spec(), step, batch, kept, before.mask());
      int columns = among == null ? model.spec().vocabulary() : among.length;
      int block = Math.max(1, (model.device().isGpu() ? GPU_HEAD : CPU_HEAD) / columns);
      NDArray scores =
          program
              .call(
                  step,
                  "target_scores",
                  in.ids(),
                  in.mask(),
                  in.types(),
                  in.positions(),
                  in.decoder(),
                  before.keyValues(),
                  step.create(Inputs.longs(targets.at()), new Shape(targets.at().length)),
                  Inputs.tokenSets(step, indexed),
                  tokens(step, among),
                  Weights.hostInts(step, kept, others.ordinal(), block))
              .singletonOrThrow();
      model.countForward(batch.tokens());
      return onHost(scores, targets.at().length);
    }
  }

  private NDArray tokens(NDManager step, int[] among) {
    if (among == null) {
      return program.nothing();
    }
    Inputs.requireIds(among, model.spec());
    return step.create(Inputs.longs(among), new Shape(among.length));
  }

  private static TargetScores onHost(NDArray scores, int n) {
    float[] all = Inputs.floats(scores);
    float[][] rows = new float[3][n];
    for (int i = 0; i < 3; i++) {
      System.arraycopy(all, i * n, rows[i], 0, n);
    }
    return new TargetScores(rows[0], rows[1], rows[2]);
  }

  // ------------------------------------------------------------------ gradients

  /**
   * Vectors that stand at places of a batch instead of the word vectors of its ids.
   *
   * @param values [K * E], row-major
   * @param places indices into the batch [M]
   * @param which for each place the vector that stands there [M]
   */
  public record Vectors(float[] values, int[] places, int[] which) {}

  /**
   * Result of {@link #gradient}.
   *
   * @param scores of the targets
   * @param vectors gradient of the summed losses at each of the vectors [K * E], row-major
   */
  public record Gradient(TargetScores scores, float[] vectors) {}

  /**
   * Gradient of a loss at some vectors.
   *
   * @param targets weight of each position in the sum; for {@link TargetLoss.Mellowmax} all
   *     positions of a row carry the row's weight
   * @param past what the sequences begin with, or null
   * @param kept how many of its tokens
   * @param among probabilities are among these tokens only; null: the whole vocabulary
   */
  public Gradient gradient(
      TokenBatch batch,
      Vectors vectors,
      Targets targets,
      Cache past,
      int kept,
      int[] among,
      TargetLoss loss) {
    Inputs.requireTargets(batch, targets, model.spec());
    Kept before = keep(past, kept, batch);
    int width = model.spec().wordWidth();
    int k = vectors.values().length / width;
    if (k == 0
        || vectors.values().length != k * width
        || vectors.places().length == 0
        || vectors.places().length != vectors.which().length) {
      throw new IllegalArgumentException(
          "%d values of vectors as wide as %d, %d places and %d choices do not fit together"
              .formatted(
                  vectors.values().length, width, vectors.places().length, vectors.which().length));
    }
    Inputs.requireAt(vectors.places(), batch.ids().length);
    Inputs.requireAt(vectors.which(), k);
    Targets indexed = among == null ? targets : targets.indexedInto(among);
    try (NDManager step = model.newScope()) {
      Inputs in = Inputs.of(program, model.spec(), step, batch, kept, before.mask());
      NDList out =
          program.call(
              step,
              "trigger_gradient",
              in.ids(),
              in.mask(),
              in.types(),
              in.positions(),
              in.decoder(),
              before.keyValues(),
              Inputs.floating(step, vectors.values(), new Shape(k, width), model.precision()),
              step.create(Inputs.longs(vectors.places()), new Shape(vectors.places().length)),
              step.create(Inputs.longs(vectors.which()), new Shape(vectors.which().length)),
              step.create(Inputs.longs(targets.at()), new Shape(targets.at().length)),
              Inputs.tokenSets(step, indexed),
              step.create(targets.weights()),
              tokens(step, among),
              Weights.hostFloats(step, kept, kind(loss), parameter(loss)));
      model.countForward(batch.tokens());
      model.countBackward(batch.tokens());
      return new Gradient(onHost(out.get(0), targets.at().length), Inputs.floats(out.get(1)));
    }
  }

  private static double kind(TargetLoss loss) {
    return loss instanceof TargetLoss.CrossEntropy ? 0 : loss instanceof TargetLoss.Hinge ? 2 : 1;
  }

  private static double parameter(TargetLoss loss) {
    if (loss instanceof TargetLoss.Mellowmax mellowmax) {
      return mellowmax.alpha();
    }
    return loss instanceof TargetLoss.Hinge hinge ? hinge.margin() : 0;
  }

  // ------------------------------------------------------------------ the vocabulary

  /** Word vectors of tokens [ids * E], row-major. */
  public float[] vectors(int[] ids) {
    Inputs.requireIds(ids, model.spec());
    try (NDManager step = model.newScope()) {
      TokenBatch row =
          new TokenBatch(1, ids.length, ids, new byte[ids.length], new int[ids.length], new int[0]);
      return Inputs.floats(model.wordVectors(step, row));
    }
  }

  /**
   * Tokens in the order of their products with each of some vectors, the smallest first: with a
   * gradient, those that promise the lowest loss. Of equal ones the order is the device's.
   *
   * @param vectors [n * E], row-major
   * @param banned ids that are left out
   * @param k how many; fewer come back if fewer are allowed
   * @return [n][k]
   */
  public int[][] smallestProducts(float[] vectors, BitSet banned, int k) {
    Shape shape = rows(vectors);
    int n = Math.toIntExact(shape.get(0));
    int count = Math.min(k, model.spec().vocabulary() - banned.cardinality());
    if (count < 1) {
      throw new IllegalArgumentException("no token is allowed, or none is asked for");
    }
    try (NDManager step = model.newScope()) {
      NDArray given = Inputs.floating(step, vectors, shape, model.precision());
      NDArray ids =
          program
              .call(
                  step,
                  "smallest_products",
                  given,
                  allowed(step, banned),
                  Weights.hostInts(step, count))
              .get(1);
      long[] flat = ids.toLongArray();
      int[][] best = new int[n][count];
      for (int i = 0; i < flat.length; i++) {
        best[i / count][i % count] = (int) flat[i];
      }
      return best;
    }
  }

  /** How near tokens are found. */
  public enum Nearness {
    /** Cosine of the angle. */
    COSINE,
    /** Euclidean distance. */
    EUCLIDEAN
  }

  /**
   * The allowed token nearest to each of some vectors.
   *
   * @param vectors [n * E], row-major
   */
  public int[] nearest(float[] vectors, BitSet banned, Nearness nearness) {
    Shape shape = rows(vectors);
    int n = Math.toIntExact(shape.get(0));
    try (NDManager step = model.newScope()) {
      NDArray ids =
          program
              .call(
                  step,
                  "nearest",
                  Inputs.floating(step, vectors, shape, model.precision()),
                  allowed(step, banned),
                  Weights.hostInts(step, nearness == Nearness.COSINE ? 0 : 1))
              .singletonOrThrow();
      long[] flat = ids.toLongArray();
      int[] best = new int[n];
      for (int i = 0; i < n; i++) {
        best[i] = (int) flat[i];
      }
      return best;
    }
  }

  /**
   * Products of vectors with every word vector.
   *
   * @param vectors [n * E], row-major
   * @return [n * V], row-major
   */
  public float[] products(float[] vectors) {
    Shape shape = rows(vectors);
    try (NDManager step = model.newScope()) {
      NDArray given = Inputs.floating(step, vectors, shape, model.precision());
      return Inputs.floats(model.timesWordEmbedding(step, given));
    }
  }

  /**
   * Weighted sums of all word vectors.
   *
   * @param weights [n * V], row-major
   * @return [n * E], row-major
   */
  public float[] mixtures(float[] weights) {
    int vocabulary = model.spec().vocabulary();
    if (weights.length == 0 || weights.length % vocabulary != 0) {
      throw new IllegalArgumentException(
          "%d weights for a vocabulary of %d".formatted(weights.length, vocabulary));
    }
    try (NDManager step = model.newScope()) {
      Shape shape = new Shape(weights.length / vocabulary, vocabulary);
      NDArray given = step.create(weights, shape);
      return Inputs.floats(program.call(step, "mixtures", given).singletonOrThrow());
    }
  }

  private Shape rows(float[] vectors) {
    int width = model.spec().wordWidth();
    if (vectors.length == 0 || vectors.length % width != 0) {
      throw new IllegalArgumentException(
          "%d values are no whole number of vectors as wide as %d"
              .formatted(vectors.length, width));
    }
    return new Shape(vectors.length / width, width);
  }

  private NDArray allowed(NDManager step, BitSet banned) {
    boolean[] allowed = new boolean[model.spec().vocabulary()];
    for (int id = 0; id < allowed.length; id++) {
      allowed[id] = !banned.get(id);
    }
    return step.create(allowed, new Shape(allowed.length));
  }
}
