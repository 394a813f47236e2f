package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Kind;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;

/**
 * GPT-NeoX (Black et al. 2022), also Pythia: attention and MLP side by side, part of each head
 * rotated, and one matrix for queries, keys and values that is ordered by heads.
 */
final class GptNeoX {

  private GptNeoX() {}

  static Architecture read(ConfigReader config) {
    int hidden = config.size("hidden_size");
    int heads = config.size("num_attention_heads");
    int headDim = config.share("hidden_size", hidden, "num_attention_heads", heads);
    double part = twice(config, "rotary_pct", "partial_rotary_factor", 0.25);
    double base = twice(config, "rotary_emb_base", "rope_theta", 10000);
    int rotated = Rope.width(config, "rotary_pct", headDim, part);
    TransformerSpec spec =
        new TransformerSpec(
            "gpt_neox",
            Objective.CAUSAL,
            config.size("vocab_size"),
            hidden,
            config.layers("num_hidden_layers"),
            config.size("max_position_embeddings"),
            Embedding.plain(hidden),
            Attention.usual(heads, heads, headDim),
            new FeedForward(
                config.size("intermediate_size"),
                config.activation("hidden_act", "gelu"),
                false,
                config.flag("use_parallel_residual", true)),
            Norm.before(Kind.LAYER, config.positive("layer_norm_eps", 1e-5)),
            new Positions.Rotary(Rope.inverseFrequencies(config, rotated, base)),
            Head.plain(config.flag("tie_word_embeddings", false)),
            config.integer("pad_token_id", -1));
    return new Architecture(spec, weights(spec, config.flag("attention_bias", true)));
  }

  /** A number with two spellings; a file that has both must not contradict itself. */
  private static double twice(ConfigReader config, String older, String newer, double absent) {
    double value = config.positive(older, config.positive(newer, absent));
    if (config.positive(newer, value) != value) {
      throw config.wrong(newer, "differs from \"" + older + "\"");
    }
    return value;
  }

  private static WeightMap weights(TransformerSpec spec, boolean bias) {
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", "gpt_neox.embed_in.weight", spec.vocabulary(), hidden)
            .norm(-1, "final_norm", "gpt_neox.final_layer_norm", hidden, true);
    for (int l = 0; l < spec.layers(); l++) {
      String layer = "gpt_neox.layers." + l + ".";
      map.norm(l, "norm1", layer + "input_layernorm", hidden, true)
          .linear(l, "qkv", layer + "attention.query_key_value", 3L * hidden, hidden, bias)
          .linear(l, "o", layer + "attention.dense", hidden, hidden, bias)
          .norm(l, "norm2", layer + "post_attention_layernorm", hidden, true)
          .linear(l, "up", layer + "mlp.dense_h_to_4h", width, hidden, true)
          .linear(l, "down", layer + "mlp.dense_4h_to_h", hidden, width, true);
    }
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "embed_out.weight", spec.vocabulary(), hidden);
    }
    // Masks and frequencies were once stored as buffers of every layer.
    return map.build(
        "gpt_neox.",
        "gpt_neox\\.layers\\.\\d+\\.attention\\.((masked_)?bias|rotary_emb\\.inv_freq)",
        "embed_out\\.weight");
  }
}
