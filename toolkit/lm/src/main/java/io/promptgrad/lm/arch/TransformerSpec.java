package io.promptgrad.lm.arch;

import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * What distinguishes one transformer from another: the whole architecture as values, read from a
 * Hugging Face {@code config.json}. The program computes whatever a spec says; adding a family
 * means filling in this table from its configuration.
 *
 * @param family the {@code model_type}, e.g. {@code roberta}
 * @param objective what the model was trained to predict, which also says whether attention is
 *     causal
 * @param vocabulary rows of the word embedding
 * @param hidden width of the residual stream
 * @param layers number of layers; of an encoder-decoder those of the decoder
 * @param maxPositions longest sequence, in tokens, that the model accepts
 * @param embedding from tokens to the first layer's input
 * @param attention heads and their scale
 * @param feedForward the MLP
 * @param norm kind and places of the norms
 * @param positions how a token's place enters the computation
 * @param head from the last hidden state to the logits
 * @param padId the padding token's id; -1 if the configuration names none
 * @param encoder the other half of an encoder-decoder
 */
public record TransformerSpec(
    String family,
    Objective objective,
    int vocabulary,
    int hidden,
    int layers,
    int maxPositions,
    Embedding embedding,
    Attention attention,
    FeedForward feedForward,
    Norm norm,
    Positions positions,
    Head head,
    int padId,
    Encoder encoder) {

  /** A single stack of layers. */
  TransformerSpec(
      String family,
      Objective objective,
      int vocabulary,
      int hidden,
      int layers,
      int maxPositions,
      Embedding embedding,
      Attention attention,
      FeedForward feedForward,
      Norm norm,
      Positions positions,
      Head head,
      int padId) {
    this(
        family,
        objective,
        vocabulary,
        hidden,
        layers,
        maxPositions,
        embedding,
        attention,
        feedForward,
        norm,
        positions,
        head,
        padId,
        Encoder.NONE);
  }

  /** What the model predicts. */
  public enum Objective {
    /** The token behind a mask, from both sides. */
    MASKED,
    /** The next token, from the left. */
    CAUSAL,
    /** The tokens of an answer, from the left, to a text that is seen whole. */
    TEXT_TO_TEXT
  }

  /** Names follow the field; {@code GELU} is the exact (erf) form. */
  public enum Activation {
    GELU,
    GELU_TANH,
    SILU,
    RELU,
    TANH
  }

  /**
   * @param width of the word vectors; a linear layer follows where it is not the hidden width
   * @param tokenTypes rows of the token-type table; 0 if there is none
   * @param tableScale factor of every look-up: word vectors are table rows times this
   * @param inputScale factor of the word vectors on their way to the first layer
   */
  public record Embedding(int width, int tokenTypes, double tableScale, double inputScale) {

    /** A table of word vectors and nothing else. */
    public static Embedding plain(int width) {
      return new Embedding(width, 0, 1, 1);
    }
  }

  /**
   * @param heads query heads
   * @param keyValueHeads key and value heads; each serves {@code heads / keyValueHeads} consecutive
   *     query heads
   * @param headDim width of one head
   * @param scale what query-key products are multiplied with
   * @param dividedByLayer whether layer l (from 0) divides the scale by l + 1 (GPT-2 option)
   * @param cap scores s become {@code cap * tanh(s / cap)}; 0: they do not
   * @param windows for each layer how many tokens a token sees, itself included; 0: all. Empty: 0
   *     for every layer
   */
  public record Attention(
      int heads,
      int keyValueHeads,
      int headDim,
      double scale,
      boolean dividedByLayer,
      double cap,
      List<Integer> windows) {

    /** Copies the list. */
    public Attention {
      windows = List.copyOf(windows);
    }

    /** Usual attention: all heads alike, scale 1 / sqrt(headDim). */
    public static Attention usual(int heads, int keyValueHeads, int headDim) {
      return new Attention(
          heads, keyValueHeads, headDim, 1 / Math.sqrt(headDim), false, 0, List.of());
    }

    Attention withScale(double other) {
      return new Attention(heads, keyValueHeads, headDim, other, dividedByLayer, cap, windows);
    }

    Attention withCap(double other) {
      return new Attention(heads, keyValueHeads, headDim, scale, dividedByLayer, other, windows);
    }

    /** The layers for which {@code local} holds see {@code window} tokens, the others all. */
    Attention withWindows(int layers, int window, IntPredicate local) {
      List<Integer> each =
          IntStream.range(0, layers).mapToObj(l -> local.test(l) ? window : 0).toList();
      return new Attention(heads, keyValueHeads, headDim, scale, dividedByLayer, cap, each);
    }

    /** How many tokens a token sees in a layer; 0: all. */
    public int window(int layer) {
      return windows.isEmpty() ? 0 : windows.get(layer);
    }
  }

  /**
   * @param gated whether {@code down(act(gate(x)) * up(x))} instead of {@code down(act(up(x)))}
   * @param parallel whether it reads the layer's input as the attention does, not its result
   */
  public record FeedForward(int width, Activation activation, boolean gated, boolean parallel) {

    /** Behind the attention. */
    public FeedForward(int width, Activation activation, boolean gated) {
      this(width, activation, gated, false);
    }
  }

  /**
   * @param onEmbeddings a norm on the sum of the embeddings
   */
  public record Norm(Kind kind, Place place, boolean onEmbeddings, double epsilon) {

    /** What a norm computes. */
    public enum Kind {
      /** Mean and variance, with a bias. */
      LAYER,
      /** Root mean square. */
      RMS,
      /** Root mean square, with weights that are added to 1 (Gemma). */
      RMS_PLUS_ONE
    }

    /** Where the norms of the two sub-layers are; all but {@code SUM} have one more at the end. */
    public enum Place {
      /** On their inputs (pre-norm). */
      INPUT,
      /** On the residual sums behind them (post-norm). */
      SUM,
      /** On their outputs, before these are added. */
      OUTPUT,
      /** On their inputs and on their outputs. */
      INPUT_AND_OUTPUT
    }

    /** Norms on the inputs, none on the embeddings. */
    public static Norm before(Kind kind, double epsilon) {
      return new Norm(kind, Place.INPUT, false, epsilon);
    }

    /** Whether the sub-layers read the residual stream through a norm. */
    public boolean onInputs() {
      return place == Place.INPUT || place == Place.INPUT_AND_OUTPUT;
    }

    /** Whether what the sub-layers add to the residual stream goes through a norm. */
    public boolean onOutputs() {
      return place == Place.OUTPUT || place == Place.INPUT_AND_OUTPUT;
    }
  }

  /** How places are encoded. */
  public sealed interface Positions {

    /** A table of learned vectors; token number i (from 0) takes row {@code offset + i}. */
    record Learned(int offset) implements Positions {}

    /**
     * Rotary embedding of the first {@code 2 * inverseFrequencies.length} dimensions of each head,
     * paired half against half.
     *
     * @param near frequencies of the layers with a window; empty: the same
     */
    record Rotary(double[] inverseFrequencies, double[] near) implements Positions {

      /** The same frequencies in all layers. */
      public Rotary(double[] inverseFrequencies) {
        this(inverseFrequencies, new double[0]);
      }
    }

    /**
     * A learned bias of the scores for each head and each bucket of distances (T5).
     *
     * @param buckets number of buckets; half of them for each direction where both are seen
     * @param farthest distance from which on all share the last bucket
     */
    record Distances(int buckets, int farthest) implements Positions {}
  }

  /**
   * @param tied whether the output matrix is the word embedding
   * @param transformed whether a dense layer, an activation and a layer norm come first (masked
   *     LMs)
   * @param activation of that transform; ignored without it
   * @param scale what the output matrix's input is multiplied with
   * @param cap logits y become {@code cap * tanh(y / cap)}; 0: they do not
   */
  public record Head(
      boolean tied, boolean transformed, Activation activation, double scale, double cap) {

    /** The output matrix alone. */
    public static Head plain(boolean tied) {
      return new Head(tied, false, null, 1, 0);
    }

    /** A masked LM's. */
    public static Head transformed(boolean tied, Activation activation) {
      return new Head(tied, true, activation, 1, 0);
    }
  }

  /**
   * The encoder of an encoder-decoder.
   *
   * @param layers number of layers; 0: the model has none
   * @param startId the token that every answer of the decoder begins with
   */
  public record Encoder(int layers, int startId) {

    /** A model of one stack. */
    public static final Encoder NONE = new Encoder(0, -1);
  }

  // ------------------------------------------------------------------ variations

  TransformerSpec with(Embedding other) {
    return with(other, attention, feedForward, norm, positions, head);
  }

  TransformerSpec with(Attention other) {
    return with(embedding, other, feedForward, norm, positions, head);
  }

  TransformerSpec with(FeedForward other) {
    return with(embedding, attention, other, norm, positions, head);
  }

  TransformerSpec with(Norm other) {
    return with(embedding, attention, feedForward, other, positions, head);
  }

  TransformerSpec with(Positions other) {
    return with(embedding, attention, feedForward, norm, other, head);
  }

  TransformerSpec with(Head other) {
    return with(embedding, attention, feedForward, norm, positions, other);
  }

  private TransformerSpec with(
      Embedding newEmbedding,
      Attention newAttention,
      FeedForward newFeedForward,
      Norm newNorm,
      Positions newPositions,
      Head newHead) {
    return new TransformerSpec(
        family,
        objective,
        vocabulary,
        hidden,
        layers,
        maxPositions,
        newEmbedding,
        newAttention,
        newFeedForward,
        newNorm,
        newPositions,
        newHead,
        padId,
        encoder);
  }

  // ------------------------------------------------------------------ answers

  /** Whether a token sees only what stands before it. */
  public boolean causal() {
    return objective == Objective.CAUSAL;
  }

  /** Whether an encoder reads the text and a decoder answers. */
  public boolean encoderDecoder() {
    return encoder.layers() > 0;
  }

  /** Width of the word vectors, where the gradient of a search is taken. */
  public int wordWidth() {
    return embedding.width();
  }

  /** Rows of the token-type table; 0 if there is none. */
  public int tokenTypes() {
    return embedding.tokenTypes();
  }

  /** What is added to a token's number to get its row in the position table. */
  public int positionOffset() {
    return positions instanceof Positions.Learned learned ? learned.offset() : 0;
  }

  /** Whether it matters how far a key is from a query, and not only what both are. */
  public boolean countsDistances() {
    return positions instanceof Positions.Distances
        || attention.windows().stream().anyMatch(window -> window > 0);
  }

  /**
   * Parameters that take part in one token's forward pass, without the tables that are looked up.
   */
  public long layerParameters() {
    long queries = (long) attention.heads() * attention.headDim();
    long keyValues = 2L * attention.keyValueHeads() * attention.headDim();
    long mlp = (feedForward.gated() ? 3L : 2L) * feedForward.width();
    long crossing = encoderDecoder() ? layers * (2 * queries + keyValues) : 0;
    return hidden * ((layers + encoder.layers()) * (2 * queries + keyValues + mlp) + crossing);
  }
}
