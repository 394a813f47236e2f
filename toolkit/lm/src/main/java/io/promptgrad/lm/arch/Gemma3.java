package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.Positions;

/**
 * Gemma 3 (Kamath et al. 2025), its text model: Gemma 2 with norms of queries and keys instead of
 * caps, a global layer after several local ones, and rotary angles of their own for the local ones.
 * The scale of the inputs belongs to the word vectors here.
 */
final class Gemma3 {

  private Gemma3() {}

  static Architecture read(ConfigReader config) {
    TransformerSpec gemma = Gemma.decoder(config);
    for (String key : new String[] {"attn_logit_softcapping", "final_logit_softcapping"}) {
      if (config.has(key)) {
        throw config.wrong(key, "is set, which is not supported for Gemma 3");
      }
    }
    int pattern = config.size("sliding_window_pattern", config.size("_sliding_window_pattern", 6));
    Attention attention =
        Windows.read(
            config,
            Gemma2.attention(config, gemma),
            gemma.layers(),
            4096,
            layer -> (layer + 1) % pattern != 0);
    int headDim = attention.headDim();
    Positions rotary =
        new Positions.Rotary(
            Rope.inverseFrequencies(config, headDim, 1e6),
            Rope.inverseFrequencies(headDim, config.positive("rope_local_base_freq", 1e4)));
    TransformerSpec spec =
        gemma
            .with(new Embedding(gemma.hidden(), 0, Math.sqrt(gemma.hidden()), 1))
            .with(attention)
            .with(Gemma2.norm(gemma))
            .with(rotary);
    WeightMap.Builder map = Gemma2.weights(config, spec);
    for (int l = 0; l < spec.layers(); l++) {
      Llama.queryKeyNorms(map, l, headDim, headDim);
    }
    return new Architecture(spec, Llama.build(map, spec));
  }
}
