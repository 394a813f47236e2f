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
 * Phi 1, 1.5 and 2 (Li et al. 2023): one norm for attention and MLP, which both add to the layer's
 * input; part of each head is rotated; biases everywhere, also of the logits.
 */
final class Phi {

  private Phi() {}

  static Architecture read(ConfigReader config) {
    config.never("qk_layernorm");
    int hidden = config.size("hidden_size");
    int heads = config.size("num_attention_heads");
    int keyValueHeads = config.size("num_key_value_heads", heads);
    config.share("num_attention_heads", heads, "num_key_value_heads", keyValueHeads);
    int headDim = config.share("hidden_size", hidden, "num_attention_heads", heads);
    String part = "partial_rotary_factor";
    int rotated = Rope.width(config, part, headDim, config.positive(part, 0.5));
    TransformerSpec spec =
        new TransformerSpec(
            "phi",
            Objective.CAUSAL,
            config.size("vocab_size"),
            hidden,
            config.layers("num_hidden_layers"),
            config.size("max_position_embeddings"),
            Embedding.plain(hidden),
            Attention.usual(heads, keyValueHeads, headDim),
            new FeedForward(
                config.size("intermediate_size"),
                config.activation("hidden_act", "gelu_new"),
                false,
                true),
            Norm.before(Kind.LAYER, config.positive("layer_norm_eps", 1e-5)),
            new Positions.Rotary(Rope.inverseFrequencies(config, rotated, 10000)),
            Head.plain(config.flag("tie_word_embeddings", false)),
            config.integer("pad_token_id", -1));
    return new Architecture(spec, weights(spec));
  }

  private static WeightMap weights(TransformerSpec spec) {
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    long keys = (long) spec.attention().keyValueHeads() * spec.attention().headDim();
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", "model.embed_tokens.weight", spec.vocabulary(), hidden)
            .norm(-1, "final_norm", "model.final_layernorm", hidden, true)
            .tensor(-1, "head.bias", "lm_head.bias", spec.vocabulary());
    for (int l = 0; l < spec.layers(); l++) {
      String layer = Llama.layer(l);
      map.norm(l, "norm1", layer + "input_layernorm", hidden, true) // norm2 is the same
          .linear(l, "q", layer + "self_attn.q_proj", hidden, hidden, true)
          .linear(l, "k", layer + "self_attn.k_proj", keys, hidden, true)
          .linear(l, "v", layer + "self_attn.v_proj", keys, hidden, true)
          .linear(l, "o", layer + "self_attn.dense", hidden, hidden, true)
          .linear(l, "up", layer + "mlp.fc1", width, hidden, true)
          .linear(l, "down", layer + "mlp.fc2", hidden, width, true);
    }
    return Llama.build(map, spec);
  }
}
