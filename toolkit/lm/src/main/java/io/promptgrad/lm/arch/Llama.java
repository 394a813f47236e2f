package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;

/**
 * Llama (Touvron et al. 2023): pre-norm decoder with RMS norms, rotary positions, grouped keys and
 * values, and a gated MLP.
 */
final class Llama {

  private Llama() {}

  static Architecture read(ConfigReader config) {
    int hidden = config.size("hidden_size", 4096);
    int heads = config.size("num_attention_heads", 32);
    int keyValueHeads = config.size("num_key_value_heads", heads);
    config.share("num_attention_heads", heads, "num_key_value_heads", keyValueHeads);
    int headDim =
        config.has("head_dim")
            ? config.size("head_dim", 0)
            : config.share("hidden_size", hidden, "num_attention_heads", heads);
    config.integer("head_dim", headDim);
    if (headDim % 2 != 0) {
      throw config.wrong("head_dim", "is " + headDim + " but rotary positions need an even width");
    }
    boolean attentionBias = config.flag("attention_bias", false);
    boolean mlpBias = config.flag("mlp_bias", false);
    TransformerSpec spec =
        new TransformerSpec(
            "llama",
            Objective.CAUSAL,
            config.size("vocab_size", 32000),
            hidden,
            config.layers("num_hidden_layers", 32),
            config.size("max_position_embeddings", 2048),
            0,
            Attention.usual(heads, keyValueHeads, headDim),
            new FeedForward(
                config.size("intermediate_size", 11008),
                config.activation("hidden_act", "silu"),
                true),
            new Norm(true, true, false, config.positive("rms_norm_eps", 1e-6)),
            new Positions.Rotary(Rope.inverseFrequencies(config, headDim, 10000)),
            new Head(config.flag("tie_word_embeddings", false), false, null),
            config.integer("pad_token_id", -1));
    return new Architecture(spec, weights(spec, attentionBias, mlpBias));
  }

  private static WeightMap weights(TransformerSpec spec, boolean attentionBias, boolean mlpBias) {
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    long queries = (long) spec.attention().heads() * spec.attention().headDim();
    long keys = (long) spec.attention().keyValueHeads() * spec.attention().headDim();
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", "model.embed_tokens.weight", spec.vocabulary(), hidden)
            .norm(-1, "final_norm", "model.norm", hidden, false);
    for (int l = 0; l < spec.layers(); l++) {
      String layer = "model.layers." + l + ".";
      map.norm(l, "norm1", layer + "input_layernorm", hidden, false)
          .linear(l, "q", layer + "self_attn.q_proj", queries, hidden, attentionBias)
          .linear(l, "k", layer + "self_attn.k_proj", keys, hidden, attentionBias)
          .linear(l, "v", layer + "self_attn.v_proj", keys, hidden, attentionBias)
          .linear(l, "o", layer + "self_attn.o_proj", hidden, queries, attentionBias)
          .norm(l, "norm2", layer + "post_attention_layernorm", hidden, false)
          .linear(l, "gate", layer + "mlp.gate_proj", width, hidden, mlpBias)
          .linear(l, "up", layer + "mlp.up_proj", width, hidden, mlpBias)
          .linear(l, "down", layer + "mlp.down_proj", hidden, width, mlpBias);
    }
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "lm_head.weight", spec.vocabulary(), hidden);
    }
    return map.build(
        "model.", "model\\.layers\\.\\d+\\.self_attn\\.rotary_emb\\.inv_freq", "lm_head\\.weight");
  }
}
