package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Norm;

/** Phi 3 (Abdin et al. 2024): Llama with joint matrices, and a window in some sizes. */
final class Phi3 {

  private Phi3() {}

  static Architecture read(ConfigReader config) {
    config.integer("original_max_position_embeddings", 0); // of a rope scaling that is refused
    if (config.positive("partial_rotary_factor", 1) != 1) {
      throw config.wrong("partial_rotary_factor", "is not 1, which is not supported");
    }
    TransformerSpec llama = Llama.decoder(config);
    Norm norm = Norm.before(llama.norm().kind(), config.positive("rms_norm_eps", 1e-5));
    TransformerSpec spec =
        llama
            .with(norm)
            .with(Windows.read(config, llama.attention(), llama.layers(), 0, layer -> true));
    return new Architecture(spec, weights(spec));
  }

  private static WeightMap weights(TransformerSpec spec) {
    Attention attention = spec.attention();
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    int queries = attention.heads() * attention.headDim();
    int keys = attention.keyValueHeads() * attention.headDim();
    int all = queries + 2 * keys;
    WeightMap.Builder map = Llama.frame(spec);
    for (int l = 0; l < spec.layers(); l++) {
      String layer = Llama.layer(l);
      Llama.norms(map, l, spec);
      map.rows(l, "q", layer + "self_attn.qkv_proj", all, hidden, 0, queries)
          .rows(l, "k", layer + "self_attn.qkv_proj", all, hidden, queries, keys)
          .rows(l, "v", layer + "self_attn.qkv_proj", all, hidden, queries + keys, keys)
          .linear(l, "o", layer + "self_attn.o_proj", hidden, queries, false)
          .rows(l, "gate", layer + "mlp.gate_up_proj", 2L * width, hidden, 0, width)
          .rows(l, "up", layer + "mlp.gate_up_proj", 2L * width, hidden, width, width)
          .linear(l, "down", layer + "mlp.down_proj", hidden, width, false);
    }
    return Llama.build(map, spec);
  }
}
