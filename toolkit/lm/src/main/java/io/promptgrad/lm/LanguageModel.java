package io.promptgrad.lm;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.program.Program;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.lm.weights.Checkpoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/**
 * A frozen language model with gradients at its input embeddings.
 *
 * <p>Letters in shapes: B rows, S tokens, N chosen positions, V vocabulary, E width of the word
 * embedding, C hidden width, L layers.
 *
 * <p>Every method that returns an {@link NDArray} puts it into the scope that the caller gives and
 * closes; nothing else is left behind. Ids, positions and shapes are checked before native code
 * sees them. Results do not depend on padding: masked positions are seen by no other position.
 * Methods may be called from several threads.
 */
public final class LanguageModel implements AutoCloseable {

  private final Architecture architecture;
  private final Weights weights;
  private final Program program;
  private final Precision precision;
  private final Path path;
  private final Optional<Tokenizer> tokenizer;
  private final LongAdder forwardTokens = new LongAdder();
  private final LongAdder backwardTokens = new LongAdder();

  private LanguageModel(
      Architecture architecture,
      Weights weights,
      Program program,
      Precision precision,
      Path path,
      Optional<Tokenizer> tokenizer) {
    this.architecture = architecture;
    this.weights = weights;
    this.program = program;
    this.precision = precision;
    this.path = path;
    this.tokenizer = tokenizer;
  }

  /** Loads a model folder on the first GPU if there is one, else on the CPU. */
  public static LanguageModel load(Path directory) {
    return load(directory, LoadOptions.defaults());
  }

  /**
   * Loads a model folder: {@code config.json}, {@code model.safetensors} (or shards with an index),
   * and {@code tokenizer.json} if there is one. Weights of the computed type stay where they are
   * mapped (CPU) or are copied once (GPU).
   *
   * @throws InvalidInputException if a file is missing, malformed or unsupported, or the files do
   *     not belong together
   */
  public static LanguageModel load(Path directory, LoadOptions options) {
    Architecture architecture = Architecture.read(directory);
    Weights weights = Weights.find(architecture, Checkpoint.open(directory));
    Optional<Tokenizer> tokenizer = Optional.empty();
    if (java.nio.file.Files.exists(directory.resolve("tokenizer.json"))) {
      tokenizer = Optional.of(Tokenizer.open(directory));
      requireFit(directory, tokenizer.get(), architecture.spec());
    }
    Program program =
        weights.bind(options.device(), options.precision(), options.precision());
    try (NDManager scope = program.newScope()) {
      program.call(scope, "freeze", program.nothing());
    }
    return new LanguageModel(
        architecture, weights, program, options.precision(), directory, tokenizer);
  }

  private static void requireFit(Path directory, Tokenizer tokenizer, TransformerSpec spec) {
    // A table may have spare rows; an id without a row would read foreign memory.
    if (tokenizer.vocabularySize() > spec.vocabulary()) {
      throw new InvalidInputException(
          "%s: the tokenizer has %d tokens but the model's embedding has only %d rows; tokenizer.json and config.json do not belong together."
              .formatted(directory, tokenizer.vocabularySize(), spec.vocabulary()));
    }
  }

  // ------------------------------------------------------------------ what it is

  /** The architecture. */
  public TransformerSpec spec() {
    return architecture.spec();
  }

  /** The folder that it was loaded from. */
  public Path path() {
    return path;
  }

  /** The tokenizer of the model's folder. */
  public Tokenizer tokenizer() {
    return tokenizer.orElseThrow(
        () ->
            new InvalidInputException(
                path + " has no tokenizer.json, which is needed to turn text into tokens."));
  }

  /** Whether the folder has a tokenizer. */
  public boolean hasTokenizer() {
    return tokenizer.isPresent();
  }

  /** Where the weights are. */
  public Device device() {
    return program.device();
  }

  /** What the model computes in. */
  public Precision precision() {
    return precision;
  }

  /** A new owner for results; close it to free them. */
  public NDManager newScope() {
    return program.newScope();
  }

  /** Tokens, padding included, that went forward through the layers since loading. */
  public long forwardTokens() {
    return forwardTokens.sum();
  }

  /** Tokens, padding included, that gradients went back through since loading. */
  public long backwardTokens() {
    return backwardTokens.sum();
  }

  // ------------------------------------------------------------------ forward

  /** Logits at the chosen positions, float32 [N, V]. */
  public NDArray logits(NDManager scope, TokenBatch batch, int[] at) {
    return forward(scope, "logits", batch, at, null);
  }

  /**
   * Logits of a few tokens at the chosen positions, float32 [N, c]; the rest of the vocabulary is
   * never computed.
   */
  public NDArray logits(NDManager scope, TokenBatch batch, int[] at, int[] tokens) {
    requireIds(tokens);
    try (NDManager step = newScope()) {
      return forward(
          scope, "token_logits", batch, at, step.create(longs(tokens), new Shape(tokens.length)));
    }
  }

  /** Loss of each target position, float32 [N], in nats. */
  public NDArray losses(NDManager scope, TokenBatch batch, Targets targets) {
    requireTargets(batch, targets);
    try (NDManager step = newScope()) {
      return forward(scope, "losses", batch, targets.at(), tokenSets(step, targets));
    }
  }

  /** What the output matrix is multiplied with, at the chosen positions, float32 [N, E]. */
  public NDArray features(NDManager scope, TokenBatch batch, int[] at) {
    return forward(scope, "features", batch, at, null);
  }

  /**
   * The hidden states, float32, L + 1 of [B, S, C]: the input of the first layer, then each layer's
   * output; the last one after the final norm where there is one.
   */
  public List<NDArray> hiddenStates(NDManager scope, TokenBatch batch) {
    try (NDManager step = newScope()) {
      Inputs in = inputs(step, batch, 0, true);
      return List.copyOf(
          program.call(scope, "hidden_states", in.ids(), in.mask(), in.types(), in.positions()));
    }
  }

  /** The word embedding's output for the batch, float32 [B, S, E]. */
  public NDArray wordVectors(NDManager scope, TokenBatch batch) {
    requireIds(batch.ids());
    try (NDManager step = newScope()) {
      NDArray ids = step.create(longs(batch.ids()), new Shape(batch.rows(), batch.length()));
      return program.call(scope, "word_vectors", ids).singletonOrThrow();
    }
  }

  /**
   * Products of vectors [n, E] with every row of the word embedding, float32 [n, V]: with a
   * gradient, the first-order change of the loss for each token (up to a constant).
   */
  public NDArray timesWordEmbedding(NDManager scope, NDArray vectors) {
    return timesTable(scope, vectors, 0);
  }

  /** Products of vectors [n, E] with every row of the output matrix, without bias [n, V]. */
  public NDArray timesOutputMatrix(NDManager scope, NDArray vectors) {
    return timesTable(scope, vectors, 1);
  }

  private NDArray timesTable(NDManager scope, NDArray vectors, long table) {
    try (NDManager step = newScope()) {
      return program
          .call(scope, "times_table", vectors, Weights.hostInts(step, table))
          .singletonOrThrow();
    }
  }

  private NDArray forward(
      NDManager scope, String entry, TokenBatch batch, int[] at, NDArray more) {
    requireAt(batch, at);
    try (NDManager step = newScope()) {
      Inputs in = inputs(step, batch, 0, true);
      NDArray where = step.create(longs(at), new Shape(at.length));
      NDList out =
          more == null
              ? program.call(scope, entry, in.ids(), in.mask(), in.types(), in.positions(), where)
              : program.call(
                  scope, entry, in.ids(), in.mask(), in.types(), in.positions(), where, more);
      forwardTokens.add(batch.tokens());
      return out.singletonOrThrow();
    }
  }

  // ------------------------------------------------------------------ from word vectors, cached

  /**
   * Result of {@link #extend}.
   *
   * @param logits at the chosen positions [N, V]
   * @param keyValues of the new tokens [L, 2, B, key-value heads, S, head width]
   */
  public record Extension(NDArray logits, NDArray keyValues) {}

  /**
   * Forward pass from word vectors instead of ids, behind cached keys and values.
   *
   * @param vectors word vectors of the new tokens [B, S, E]; null: those of the batch's ids
   * @param batch mask, positions and types of the new tokens; its mask and positions cover the new
   *     tokens only
   * @param past keys and values of earlier tokens [L, 2, B or 1, heads, P, width], or null
   * @param pastMask 1 where a cached token is real [B * P]; null: all are
   * @param at where logits are wanted, as indices into the new tokens
   */
  public Extension extend(
      NDManager scope, NDArray vectors, TokenBatch batch, NDArray past, byte[] pastMask, int[] at) {
    requireAt(batch, at);
    try (NDManager step = newScope()) {
      NDArray x = vectors == null ? wordVectors(step, batch) : requireVectors(vectors, batch);
      int cached = past == null ? 0 : requirePast(past, batch);
      Inputs in = inputs(step, batch, cached, false);
      NDArray mask = cached == 0 ? in.mask() : fullMask(step, batch, cached, pastMask);
      NDArray where = step.create(longs(at), new Shape(at.length));
      NDArray before = past == null ? program.nothing() : past;
      NDList out =
          program.call(scope, "extend", x, mask, in.types(), in.positions(), before, where);
      forwardTokens.add(batch.tokens());
      return new Extension(out.get(0), out.get(1));
    }
  }

  /** Cached keys and values followed by newer ones, along the tokens. */
  public NDArray joinCaches(NDManager scope, NDArray past, NDArray newer) {
    return program.call(scope, "join_caches", past, newer).singletonOrThrow();
  }

  private NDArray requireVectors(NDArray vectors, TokenBatch batch) {
    Shape shape = vectors.getShape();
    if (shape.dimension() != 3
        || shape.get(0) != batch.rows()
        || shape.get(1) != batch.length()
        || shape.get(2) != spec().hidden()) {
      throw new IllegalArgumentException(
          "word vectors have shape %s, expected (%d, %d, %d)"
              .formatted(shape, batch.rows(), batch.length(), spec().hidden()));
    }
    return vectors;
  }

  private int requirePast(NDArray past, TokenBatch batch) {
    Shape s = past.getShape();
    TransformerSpec.Attention attention = spec().attention();
    if (s.dimension() != 6
        || s.get(0) != spec().layers()
        || s.get(1) != 2
        || (s.get(2) != batch.rows() && s.get(2) != 1)
        || s.get(3) != attention.keyValueHeads()
        || s.get(5) != attention.headDim()) {
      throw new IllegalArgumentException(
          "cached keys and values have shape %s, expected (%d, 2, %d or 1, %d, cached tokens, %d)"
              .formatted(
                  s,
                  spec().layers(),
                  batch.rows(),
                  attention.keyValueHeads(),
                  attention.headDim()));
    }
    return Math.toIntExact(s.get(4));
  }

  private static NDArray fullMask(
      NDManager step, TokenBatch batch, int cached, byte[] pastMask) {
    int width = cached + batch.length();
    byte[] mask = new byte[batch.rows() * width];
    for (int row = 0; row < batch.rows(); row++) {
      for (int i = 0; i < cached; i++) {
        mask[row * width + i] = pastMask == null ? 1 : pastMask[row * cached + i];
      }
      System.arraycopy(
          batch.mask(), row * batch.length(), mask, row * width + cached, batch.length());
    }
    return booleans(step, mask, new Shape(batch.rows(), width));
  }

  // ------------------------------------------------------------------ gradients

  /** Losses, and the gradient of their weighted sum at the word embedding's output. */
  public EmbeddingGradient gradient(NDManager scope, TokenBatch batch, Targets targets) {
    return gradient(scope, null, batch, null, null, targets);
  }

  /**
   * The same from word vectors and behind cached keys and values, as in {@link #extend}; null
   * stands for those of the batch's ids, and for no cache.
   */
  public EmbeddingGradient gradient(
      NDManager scope,
      NDArray vectors,
      TokenBatch batch,
      NDArray past,
      byte[] pastMask,
      Targets targets) {
    requireTargets(batch, targets);
    try (NDManager step = newScope()) {
      NDArray x = vectors == null ? wordVectors(step, batch) : requireVectors(vectors, batch);
      int cached = past == null ? 0 : requirePast(past, batch);
      Inputs in = inputs(step, batch, cached, false);
      NDArray mask = cached == 0 ? in.mask() : fullMask(step, batch, cached, pastMask);
      NDArray before = past == null ? program.nothing() : past;
      NDArray where = step.create(longs(targets.at()), new Shape(targets.at().length));
      NDArray factors = step.create(targets.weights());
      NDList out =
          program.call(
              scope,
              "gradient",
              x,
              mask,
              in.types(),
              in.positions(),
              before,
              where,
              tokenSets(step, targets),
              factors);
      forwardTokens.add(batch.tokens());
      backwardTokens.add(batch.tokens());
      return new EmbeddingGradient(out.get(0), out.get(1));
    }
  }

  // ------------------------------------------------------------------ inputs, checked

  /** A batch on the device; mask and types may be empty, which means "all ones" and "none". */
  record Inputs(NDArray ids, NDArray mask, NDArray types, NDArray positions) {}

  private Inputs inputs(NDManager step, TokenBatch batch, int cached, boolean withIds) {
    return inputs(program, spec(), step, batch, cached, withIds);
  }

  static Inputs inputs(
      Program program,
      TransformerSpec spec,
      NDManager step,
      TokenBatch batch,
      int cached,
      boolean withIds) {
    requireInside(batch.ids(), spec.vocabulary(), "token id", "the vocabulary");
    Shape shape = new Shape(batch.rows(), batch.length());
    if (batch.length() + cached > spec.maxPositions()) {
      throw new InvalidInputException(
          "A sequence of %d tokens is longer than the %d that this model accepts; shorten the text or the template."
              .formatted(batch.length() + cached, spec.maxPositions()));
    }
    requireInside(batch.positions(), spec.maxPositions(), "position", "the position table");
    long[] positions = new long[batch.positions().length];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = batch.positions()[i] + (long) spec.positionOffset();
    }
    NDArray types = program.nothing();
    if (spec.tokenTypes() > 0 && batch.types().length > 0) {
      requireInside(batch.types(), spec.tokenTypes(), "token type", "the token-type table");
      types = step.create(longs(batch.types()), shape);
    }
    return new Inputs(
        withIds ? step.create(longs(batch.ids()), shape) : null,
        batch.full() && cached == 0 ? program.nothing() : booleans(step, batch.mask(), shape),
        types,
        step.create(positions, shape));
  }

  private void requireIds(int[] ids) {
    requireInside(ids, spec().vocabulary(), "token id", "the vocabulary");
  }

  private static void requireInside(int[] values, int size, String what, String table) {
    for (int value : values) {
      if (value < 0 || value >= size) {
        throw new IllegalArgumentException(
            what + " " + value + " is outside " + table + " of " + size + " entries");
      }
    }
  }

  static void requireAt(TokenBatch batch, int[] at) {
    if (at.length == 0) {
      throw new IllegalArgumentException("no position was chosen");
    }
    requireInside(at, batch.ids().length, "position index", "the batch");
  }

  private void requireTargets(TokenBatch batch, Targets targets) {
    requireAt(batch, targets.at());
    for (int[] set : targets.tokens()) {
      requireIds(set);
    }
  }

  static NDArray tokenSets(NDManager step, Targets targets) {
    return step.create(targets.padded(), new Shape(targets.at().length, targets.width()));
  }

  private static NDArray booleans(NDManager step, byte[] values, Shape shape) {
    boolean[] flags = new boolean[values.length];
    for (int i = 0; i < flags.length; i++) {
      flags[i] = values[i] != 0;
    }
    return step.create(flags, shape);
  }

  static long[] longs(int[] values) {
    long[] out = new long[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return out;
  }

  /** The checkpoint's tensor names in the order in which the program holds them. */
  List<String> weightNames() {
    return new ArrayList<>(weights.names);
  }

  @Override
  public void close() {
    program.close();
    tokenizer.ifPresent(Tokenizer::close);
  }
}
