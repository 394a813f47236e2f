package io.promptgrad.lm.arch;

import java.util.Map;

/** Qwen 3 (Yang et al. 2025): Llama with norms of each head's queries and keys. */
final class Qwen3 {

  private Qwen3() {}

  static Architecture read(ConfigReader config) {
    config.assume(Map.of("head_dim", 128));
    TransformerSpec spec = Llama.decoder(config);
    Windows.none(config, spec);
    boolean bias = config.flag("attention_bias", false);
    WeightMap.Builder map = Llama.weights(spec, bias, bias, false);
    int headDim = spec.attention().headDim();
    for (int l = 0; l < spec.layers(); l++) {
      Llama.queryKeyNorms(map, l, headDim, headDim);
    }
    return new Architecture(spec, Llama.build(map, spec));
  }
}
