package io.promptgrad.lm;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.hub.Hub;
import io.promptgrad.lm.hub.HubReference;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.lm.program.Program;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.lm.weights.Checkpoint;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/**
 * A frozen language model with gradients at its input embeddings.
 *
 * <p>Letters in shapes: B rows, S tokens, T tokens of a decoder, N chosen positions, V vocabulary,
 * E width of the word embedding, C hidden width, L layers.
 *
 * <p>An encoder-decoder is given both its texts in one batch ({@link TokenBatch#withDecoder}):
 * chosen positions and targets are then the decoder's, vectors and gradients the encoder's.
 *
 * <p>Every method that returns an {@link NDArray} puts it into the scope that the caller gives and
 * closes; nothing else is left behind. Ids, positions and shapes are checked before native code
 * sees them. Results do not depend on padding: masked positions are seen by no other position.
 * Methods may be called from several threads.
 *
 * <p>A model that was loaded onto several devices computes on the first of them; {@link
 * MicroBatches} divides work among all.
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
  private final Replicas<LanguageModel> replicas; // this one and those on further devices

  private LanguageModel(
      Architecture architecture,
      Weights weights,
      Program program,
      Precision precision,
      Path path,
      Optional<Tokenizer> tokenizer,
      List<LanguageModel> others) {
    this.architecture = architecture;
    this.weights = weights;
    this.program = program;
    this.precision = precision;
    this.path = path;
    this.tokenizer = tokenizer;
    List<LanguageModel> all = new ArrayList<>(others);
    all.add(0, this);
    this.replicas = new Replicas<>(all);
  }

  /**
   * Loads a model folder, or a model of the Hugging Face hub named as {@code org/name} or {@code
   * org/name@revision}: from the cache, or else it is downloaded. A folder of that name wins.
   *
   * @throws InvalidInputException as {@link #load(Path, LoadOptions)} and {@link Hub#find}
   */
  public static LanguageModel load(String folderOrName, LoadOptions options) {
    Path folder = Path.of(folderOrName);
    if (!Files.isDirectory(folder)) {
      Hub hub = Hub.fromEnvironment();
      if (hub.knows(folderOrName)) {
        folder = hub.find(HubReference.parse(folderOrName)).folder();
      }
    }
    return load(folder, options);
  }

  /** Loads a model folder on the first GPU if there is one, else on the CPU. */
  public static LanguageModel load(Path directory) {
    return load(directory, LoadOptions.defaults());
  }

  /**
   * Loads a model folder: {@code config.json}, {@code model.safetensors} (or shards with an index),
   * and a tokenizer if there is one. Weights of the computed type stay where they are mapped (CPU)
   * or are copied once (GPU).
   *
   * @throws InvalidInputException if a file is missing, malformed or unsupported, the files do not
   *     belong together, or the weights do not fit into a device's memory
   */
  public static LanguageModel load(Path directory, LoadOptions options) {
    Architecture architecture = Architecture.read(directory);
    Weights weights = Weights.find(architecture, Checkpoint.open(directory));
    Tokenizer tokenizer = null;
    List<LanguageModel> others = new ArrayList<>();
    try {
      if (Tokenizer.isIn(directory)) {
        tokenizer = Tokenizer.open(directory);
        requireFit(directory, tokenizer, architecture.spec());
      }
      Optional<Tokenizer> shared = Optional.ofNullable(tokenizer);
      Precision precision = options.precision();
      for (Device device : options.devices().subList(1, options.devices().size())) {
        Weights own = Weights.find(architecture, Checkpoint.open(directory));
        Program program = bind(own, device, precision);
        others.add(
            new LanguageModel(architecture, own, program, precision, directory, shared, List.of()));
      }
      Program program = bind(weights, options.device(), precision);
      return new LanguageModel(
          architecture, weights, program, precision, directory, shared, others);
    } catch (RuntimeException | Error e) {
      if (tokenizer != null) {
        tokenizer.close();
      }
      others.forEach(other -> other.program.close());
      throw e;
    }
  }

  private static Program bind(Weights weights, Device device, Precision precision) {
    Program program = null;
    try {
      program = weights.bind(device, precision, precision);
      try (NDManager scope = program.newScope()) {
        program.call(scope, "freeze", program.nothing());
      }
      return program;
    } catch (RuntimeException | Error e) {
      if (program != null) {
        program.close();
      }
      if (LibTorch.isOutOfMemory(e)) {
        throw new InvalidInputException(
            "The model's %,d weights do not fit into the memory of %s in %s; take a device with more memory free, bfloat16, or a smaller model."
                .formatted(weights.count(), Devices.name(device), precision),
            e);
      }
      throw e;
    }
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

  /** Number of weights, each counted once however often it is used. */
  public long parameters() {
    return weights.count();
  }

  /** The folder that it was loaded from. */
  public Path path() {
    return path;
  }

  /** The tokenizer of the model's folder. */
  public Tokenizer tokenizer() {
    return tokenizer.orElseThrow(() -> Tokenizer.missingFrom(path));
  }

  /** Whether the folder has a tokenizer. */
  public boolean hasTokenizer() {
    return tokenizer.isPresent();
  }

  /** Where the weights are; the first one of several devices. */
  public Device device() {
    return program.device();
  }

  /** All devices with a replica of the model, {@link #device} first. */
  public List<Device> devices() {
    return replicas.copies().stream().map(LanguageModel::device).toList();
  }

  Replicas<LanguageModel> replicas() {
    return replicas;
  }

  /** What the model computes in. */
  public Precision precision() {
    return precision;
  }

  /** The calls that searches over tokens make. */
  public SearchModel forSearch() {
    return new SearchModel(this, program);
  }

  /** The calls that keep keys and values: what generation and searches with caches make. */
  public CachingModel forCaching() {
    return new CachingModel(this, program);
  }

  /** The calls that soft prompts make. */
  public SoftModel forSoft() {
    return new SoftModel(this, program);
  }

  /** The calls that searches without gradients make. */
  public BlackBoxModel forBlackBox() {
    return new BlackBoxModel(this, program);
  }

  void countForward(long tokens) {
    forwardTokens.add(tokens);
  }

  void countBackward(long tokens) {
    backwardTokens.add(tokens);
  }

  /** A new owner for results; close it to free them. */
  public NDManager newScope() {
    return program.newScope();
  }

  /**
   * Tokens, padding included, that went forward through the layers since loading, on all devices.
   */
  public long forwardTokens() {
    return replicas.copies().stream().mapToLong(copy -> copy.forwardTokens.sum()).sum();
  }

  /** Tokens, padding included, that gradients went back through since loading, on all devices. */
  public long backwardTokens() {
    return replicas.copies().stream().mapToLong(copy -> copy.backwardTokens.sum()).sum();
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
    Inputs.requireIds(tokens, spec());
    if (tokens.length == 0) {
      throw new IllegalArgumentException("no token was chosen");
    }
    try (NDManager step = newScope()) {
      NDArray chosen = step.create(Inputs.longs(tokens), new Shape(tokens.length));
      return forward(scope, "token_logits", batch, at, chosen);
    }
  }

  /** Loss of each target position, float32 [N], in nats. */
  public NDArray losses(NDManager scope, TokenBatch batch, Targets targets) {
    Inputs.requireTargets(batch, targets, spec());
    try (NDManager step = newScope()) {
      return forward(scope, "losses", batch, targets.at(), Inputs.tokenSets(step, targets));
    }
  }

  /** What the output matrix is multiplied with, at the chosen positions, float32 [N, E]. */
  public NDArray features(NDManager scope, TokenBatch batch, int[] at) {
    return forward(scope, "features", batch, at, null);
  }

  /**
   * The hidden states, float32, L + 1 of [B, S, C]: the input of the first layer, then each layer's
   * output; the last one after the final norm where there is one, and at the width of the word
   * embedding where the model returns to that. An encoder-decoder gives those of its decoder [B, T,
   * C], or of its encoder if the batch has nothing for a decoder.
   */
  public List<NDArray> hiddenStates(NDManager scope, TokenBatch batch) {
    try (NDManager step = newScope()) {
      Inputs in = Inputs.of(program, spec(), step, batch);
      NDList states =
          program.call(
              scope,
              "hidden_states",
              in.ids(),
              in.mask(),
              in.types(),
              in.positions(),
              in.decoder());
      forwardTokens.add(batch.tokens());
      return List.copyOf(states);
    }
  }

  /** The word embedding's output for the batch, float32 [B, S, E]. */
  public NDArray wordVectors(NDManager scope, TokenBatch batch) {
    Inputs.requireIds(batch.ids(), spec());
    try (NDManager step = newScope()) {
      Shape shape = new Shape(batch.rows(), batch.length());
      return wordVectors(scope, step.create(Inputs.longs(batch.ids()), shape));
    }
  }

  NDArray wordVectors(NDManager scope, NDArray ids) {
    return program.call(scope, "word_vectors", ids).singletonOrThrow();
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
    Inputs.requireRows(vectors, this);
    try (NDManager step = newScope()) {
      return program
          .call(scope, "times_table", vectors, Weights.hostInts(step, table))
          .singletonOrThrow();
    }
  }

  private NDArray forward(NDManager scope, String entry, TokenBatch batch, int[] at, NDArray more) {
    Inputs.requireAt(batch, at, spec());
    try (NDManager step = newScope()) {
      Inputs in = Inputs.of(program, spec(), step, batch);
      List<NDArray> arguments =
          new ArrayList<>(List.of(in.ids(), in.mask(), in.types(), in.positions(), in.decoder()));
      arguments.add(step.create(Inputs.longs(at), new Shape(at.length)));
      if (more != null) {
        arguments.add(more);
      }
      NDList out = program.call(scope, entry, arguments.toArray(new NDArray[0]));
      forwardTokens.add(batch.tokens());
      return out.singletonOrThrow();
    }
  }

  // ------------------------------------------------------------------ gradients

  /** Losses, and the gradient of their weighted sum at the word embedding's output. */
  public EmbeddingGradient gradient(NDManager scope, TokenBatch batch, Targets targets) {
    return gradient(scope, null, batch, null, null, targets);
  }

  /**
   * The same with probabilities among a few tokens only, as if the rest of the vocabulary did not
   * exist: the loss of a classifier whose classes are token sets.
   *
   * @param among the tokens, each once; every target token must be one of them
   */
  public EmbeddingGradient gradient(
      NDManager scope, TokenBatch batch, Targets targets, int[] among) {
    Inputs.requireTargets(batch, targets, spec());
    Inputs.requireIds(among, spec());
    Targets indexed = targets.indexedInto(among);
    try (NDManager step = newScope()) {
      NDArray tokens = step.create(Inputs.longs(among), new Shape(among.length));
      return gradient(scope, null, batch, null, null, indexed, tokens);
    }
  }

  /**
   * The same from word vectors and behind cached keys and values, as in {@link
   * CachingModel#extend}; null stands for those of the batch's ids, and for no cache.
   */
  public EmbeddingGradient gradient(
      NDManager scope,
      NDArray vectors,
      TokenBatch batch,
      NDArray past,
      byte[] pastMask,
      Targets targets) {
    Inputs.requireTargets(batch, targets, spec());
    return gradient(scope, vectors, batch, past, pastMask, targets, program.nothing());
  }

  private EmbeddingGradient gradient(
      NDManager scope,
      NDArray vectors,
      TokenBatch batch,
      NDArray past,
      byte[] pastMask,
      Targets targets,
      NDArray among) {
    try (NDManager step = newScope()) {
      int cached = cached(past, batch);
      Inputs in = Inputs.of(program, spec(), step, batch, cached, pastMask);
      NDArray x = vectors(step, vectors, in, batch);
      NDList out =
          program.call(
              scope,
              "gradient",
              x,
              in.mask(),
              in.types(),
              in.positions(),
              in.decoder(),
              cached == 0 ? program.nothing() : past,
              step.create(Inputs.longs(targets.at()), new Shape(targets.at().length)),
              Inputs.tokenSets(step, targets),
              step.create(targets.weights()),
              among);
      forwardTokens.add(batch.tokens());
      backwardTokens.add(batch.tokens());
      return new EmbeddingGradient(
          out.get(0), out.get(1), out.size() > 2 ? Optional.of(out.get(2)) : Optional.empty());
    }
  }

  NDArray vectors(NDManager step, NDArray given, Inputs in, TokenBatch batch) {
    return given == null ? wordVectors(step, in.ids()) : Inputs.requireVectors(given, batch, this);
  }

  int cached(NDArray past, TokenBatch batch) {
    if (past == null) {
      return 0;
    }
    if (spec().encoderDecoder()) {
      throw new IllegalArgumentException(
          "an encoder-decoder keeps keys and values by encode and decode, not here");
    }
    return Inputs.requirePast(past, batch.rows(), this);
  }

  @Override
  public void close() {
    replicas.close();
    replicas.copies().forEach(copy -> copy.program.close());
    tokenizer.ifPresent(Tokenizer::close);
  }
}
