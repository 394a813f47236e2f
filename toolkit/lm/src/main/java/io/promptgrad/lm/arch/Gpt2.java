package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Kind;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;
import java.util.List;

/**
 * GPT-2 (Radford et al. 2019): pre-norm decoder, learned positions, weights stored [in, out] with
 * query, key and value side by side.
 */
final class Gpt2 {

  private Gpt2() {}

  static Architecture read(ConfigReader config) {
    config.never("add_cross_attention");
    // Upcasting and reordering change rounding only; attention scores are in float32 here anyway.
    config.flag("reorder_and_upcast_attn", false);
    int hidden = config.size("n_embd", 768);
    int heads = config.size("n_head", 12);
    int headDim = config.share("n_embd", hidden, "n_head", heads);
    int positions = config.size("n_positions", 1024);
    config.integer("n_ctx", positions); // older spelling of the same number
    TransformerSpec spec =
        new TransformerSpec(
            "gpt2",
            Objective.CAUSAL,
            config.size("vocab_size", 50257),
            hidden,
            config.layers("n_layer", 12),
            positions,
            Embedding.plain(hidden),
            new Attention(
                heads,
                heads,
                headDim,
                config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(headDim) : 1,
                config.flag("scale_attn_by_inverse_layer_idx", false),
                0,
                List.of()),
            new FeedForward(
                config.size("n_inner", 4 * hidden),
                config.activation("activation_function", "gelu_new"),
                false),
            Norm.before(Kind.LAYER, config.positive("layer_norm_epsilon", 1e-5)),
            new Positions.Learned(0),
            Head.plain(config.flag("tie_word_embeddings", true)),
            config.integer("pad_token_id", -1));
    return new Architecture(spec, weights(spec));
  }

  private static WeightMap weights(TransformerSpec spec) {
    int hidden = spec.hidden();
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", "transformer.wte.weight", spec.vocabulary(), hidden)
            .tensor(-1, "position.weight", "transformer.wpe.weight", spec.maxPositions(), hidden)
            .norm(-1, "final_norm", "transformer.ln_f", hidden, true);
    layers(map, spec);
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "lm_head.weight", spec.vocabulary(), hidden);
    }
    return build(map);
  }

  /** The layers of GPT-2, and under the same names those of GPT. */
  static void layers(WeightMap.Builder map, TransformerSpec spec) {
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    for (int l = 0; l < spec.layers(); l++) {
      String layer = "transformer.h." + l + ".";
      map.norm(l, "norm1", layer + "ln_1", hidden, true)
          .conv1d(l, "q", layer + "attn.c_attn", hidden, 3 * hidden, 0, hidden)
          .conv1d(l, "k", layer + "attn.c_attn", hidden, 3 * hidden, hidden, hidden)
          .conv1d(l, "v", layer + "attn.c_attn", hidden, 3 * hidden, 2 * hidden, hidden)
          .conv1d(l, "o", layer + "attn.c_proj", hidden, hidden, 0, 0)
          .norm(l, "norm2", layer + "ln_2", hidden, true)
          .conv1d(l, "up", layer + "mlp.c_fc", hidden, width, 0, 0)
          .conv1d(l, "down", layer + "mlp.c_proj", width, hidden, 0, 0);
    }
  }

  static WeightMap build(WeightMap.Builder map) {
    // The causal mask was once stored as a buffer of every layer.
    return map.build(
        "transformer.", "transformer\\.h\\.\\d+\\.attn\\.(masked_)?bias", "lm_head\\.weight");
  }
}
