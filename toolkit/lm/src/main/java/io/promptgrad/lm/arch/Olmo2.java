package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Norm;

/**
 * OLMo 2 (Walsh et al. 2024): Llama with norms on what the sub-layers put out instead of what they
 * read, and norms of all queries and all keys of a token together.
 */
final class Olmo2 {

  private Olmo2() {}

  static Architecture read(ConfigReader config) {
    TransformerSpec llama = Llama.decoder(config);
    double epsilon = config.positive("rms_norm_eps", 1e-5);
    TransformerSpec spec =
        llama.with(new Norm(llama.norm().kind(), Norm.Place.OUTPUT, false, epsilon));
    boolean bias = config.flag("attention_bias", false);
    int headDim = spec.attention().headDim();
    long queries = (long) spec.attention().heads() * headDim;
    long keys = (long) spec.attention().keyValueHeads() * headDim;
    int hidden = spec.hidden();
    WeightMap.Builder map = Llama.frame(spec);
    for (int l = 0; l < spec.layers(); l++) {
      String layer = Llama.layer(l);
      Llama.attention(map, l, spec, bias, bias);
      Llama.queryKeyNorms(map, l, queries, keys);
      Llama.feedForward(map, l, spec, false);
      map.norm(l, "output_norm1", layer + "post_attention_layernorm", hidden, false)
          .norm(l, "output_norm2", layer + "post_feedforward_layernorm", hidden, false);
    }
    return new Architecture(spec, Llama.build(map, spec));
  }
}
