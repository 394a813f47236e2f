package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;

/**
 * Gemma 2 (Riviere et al. 2024): norms around both sub-layers, capped scores and logits, and a
 * window in every other layer, the first included.
 */
final class Gemma2 {

  private Gemma2() {}

  static Architecture read(ConfigReader config) {
    TransformerSpec gemma = Gemma.decoder(config);
    Attention attention =
        attention(config, gemma).withCap(cap(config, "attn_logit_softcapping", 50));
    TransformerSpec spec =
        gemma
            .with(Windows.read(config, attention, gemma.layers(), 4096, layer -> layer % 2 == 0))
            .with(norm(gemma))
            .with(
                new Head(
                    gemma.head().tied(),
                    false,
                    null,
                    1,
                    cap(config, "final_logit_softcapping", 30)));
    return new Architecture(spec, Llama.build(weights(config, spec), spec));
  }

  private static double cap(ConfigReader config, String key, double absent) {
    return config.none(key) ? 0 : config.positive(key, absent);
  }

  /** The scale is not the head width's. */
  static Attention attention(ConfigReader config, TransformerSpec gemma) {
    double width = config.positive("query_pre_attn_scalar", 256);
    return gemma.attention().withScale(1 / Math.sqrt(width));
  }

  static Norm norm(TransformerSpec gemma) {
    return new Norm(
        gemma.norm().kind(), Norm.Place.INPUT_AND_OUTPUT, false, gemma.norm().epsilon());
  }

  /** Llama's, but for the names of four norms. */
  static WeightMap.Builder weights(ConfigReader config, TransformerSpec spec) {
    boolean bias = config.flag("attention_bias", false);
    int hidden = spec.hidden();
    WeightMap.Builder map = Llama.frame(spec);
    for (int l = 0; l < spec.layers(); l++) {
      String layer = Llama.layer(l);
      Llama.attention(map, l, spec, bias, bias);
      Llama.feedForward(map, l, spec, false);
      map.norm(l, "norm1", layer + "input_layernorm", hidden, false)
          .norm(l, "output_norm1", layer + "post_attention_layernorm", hidden, false)
          .norm(l, "norm2", layer + "pre_feedforward_layernorm", hidden, false)
          .norm(l, "output_norm2", layer + "post_feedforward_layernorm", hidden, false);
    }
    return map;
  }
}
