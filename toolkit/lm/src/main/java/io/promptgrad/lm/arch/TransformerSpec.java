package io.promptgrad.lm.arch;

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
 * @param layers number of layers
 * @param maxPositions longest sequence, in tokens, that the model accepts
 * @param tokenTypes rows of the token-type table; 0 if there is none
 * @param attention heads and their scale
 * @param feedForward the MLP
 * @param norm kind and places of the norms
 * @param positions how a token's place enters the computation
 * @param head from the last hidden state to the logits
 * @param padId the padding token's id; -1 if the configuration names none
 */
public record TransformerSpec(
    String family,
    Objective objective,
    int vocabulary,
    int hidden,
    int layers,
    int maxPositions,
    int tokenTypes,
    Attention attention,
    FeedForward feedForward,
    Norm norm,
    Positions positions,
    Head head,
    int padId) {

  /** What the model predicts. */
  public enum Objective {
    /** The token behind a mask, from both sides. */
    MASKED,
    /** The next token, from the left. */
    CAUSAL
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
   * @param heads query heads
   * @param keyValueHeads key and value heads; each serves {@code heads / keyValueHeads} consecutive
   *     query heads
   * @param headDim width of one head
   * @param scale what query-key products are multiplied with
   * @param dividedByLayer whether layer l (from 0) divides the scale by l + 1 (GPT-2 option)
   */
  public record Attention(
      int heads, int keyValueHeads, int headDim, double scale, boolean dividedByLayer) {

    /** Usual attention: all heads alike, scale 1 / sqrt(headDim). */
    public static Attention usual(int heads, int keyValueHeads, int headDim) {
      return new Attention(heads, keyValueHeads, headDim, 1 / Math.sqrt(headDim), false);
    }
  }

  /**
   * @param gated whether {@code down(act(gate(x)) * up(x))} instead of {@code down(act(up(x)))}
   */
  public record FeedForward(int width, Activation activation, boolean gated) {}

  /**
   * @param rms RMS norm instead of layer norm
   * @param before norms on the inputs of the two sub-layers and one at the end (pre-norm) instead
   *     of after each residual sum (post-norm)
   * @param onEmbeddings a norm on the sum of the embeddings
   */
  public record Norm(boolean rms, boolean before, boolean onEmbeddings, double epsilon) {}

  /** How places are encoded. */
  public sealed interface Positions {

    /** A table of learned vectors; token number i (from 0) takes row {@code offset + i}. */
    record Learned(int offset) implements Positions {}

    /**
     * Rotary embedding of the first {@code 2 * inverseFrequencies.length} dimensions of each head,
     * paired half against half.
     */
    record Rotary(double[] inverseFrequencies) implements Positions {}
  }

  /**
   * @param tied whether the output matrix is the word embedding
   * @param transformed whether a dense layer, an activation and a layer norm come first (masked
   *     LMs)
   * @param activation of that transform; ignored without it
   */
  public record Head(boolean tied, boolean transformed, Activation activation) {}

  /** Whether a token sees only what stands before it. */
  public boolean causal() {
    return objective == Objective.CAUSAL;
  }

  /** What is added to a token's number to get its row in the position table. */
  public int positionOffset() {
    return positions instanceof Positions.Learned learned ? learned.offset() : 0;
  }

  /**
   * Parameters that take part in one token's forward pass, without the tables that are looked up.
   */
  public long layerParameters() {
    long queries = (long) attention.heads() * attention.headDim();
    long keyValues = 2L * attention.keyValueHeads() * attention.headDim();
    long mlp = (feedForward.gated() ? 3L : 2L) * feedForward.width();
    return layers * (long) hidden * (2 * queries + keyValues + mlp);
  }
}
