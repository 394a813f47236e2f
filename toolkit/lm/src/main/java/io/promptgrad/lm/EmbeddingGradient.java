package io.promptgrad.lm;

import ai.djl.ndarray.NDArray;
import java.util.Optional;

/**
 * Result of one forward and backward pass.
 *
 * @param losses loss of each target position, unweighted, in nats [N]
 * @param vectors gradient of the weighted sum of the losses at the output of the word embedding,
 *     before positions, token types, norms or scaling; exactly 0 on padding [B, S, E]
 * @param decoderVectors with an encoder-decoder the same at the decoder's word vectors [B, T, E]
 */
public record EmbeddingGradient(NDArray losses, NDArray vectors, Optional<NDArray> decoderVectors) {

  /** Of a model without a decoder apart. */
  public EmbeddingGradient(NDArray losses, NDArray vectors) {
    this(losses, vectors, Optional.empty());
  }
}
