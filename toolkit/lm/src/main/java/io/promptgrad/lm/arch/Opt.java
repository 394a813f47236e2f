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
 * OPT (Zhang et al. 2022): learned positions that begin with row 2, and in one size norms behind
 * the residual sums and word vectors narrower than the layers.
 */
final class Opt {

  private static final int RESERVED_POSITIONS = 2;

  private Opt() {}

  static Architecture read(ConfigReader config) {
    config.never("_remove_final_layer_norm");
    if (!config.flag("layer_norm_elementwise_affine", true)) {
      throw config.wrong("layer_norm_elementwise_affine", "is false, which is not supported");
    }
    int hidden = config.size("hidden_size");
    int heads = config.size("num_attention_heads");
    int headDim = config.share("hidden_size", hidden, "num_attention_heads", heads);
    boolean before = config.flag("do_layer_norm_before", true);
    TransformerSpec spec =
        new TransformerSpec(
            "opt",
            Objective.CAUSAL,
            config.size("vocab_size"),
            hidden,
            config.layers("num_hidden_layers"),
            config.size("max_position_embeddings"),
            Embedding.plain(config.size("word_embed_proj_dim", hidden)),
            Attention.usual(heads, heads, headDim),
            new FeedForward(
                config.size("ffn_dim"), config.activation("activation_function", "relu"), false),
            new Norm(Kind.LAYER, before ? Norm.Place.INPUT : Norm.Place.SUM, false, 1e-5),
            new Positions.Learned(RESERVED_POSITIONS),
            Head.plain(config.flag("tie_word_embeddings", true)),
            config.integer("pad_token_id", 1));
    return new Architecture(spec, weights(spec, config.flag("enable_bias", true), before));
  }

  private static WeightMap weights(TransformerSpec spec, boolean bias, boolean before) {
    int hidden = spec.hidden();
    int words = spec.wordWidth();
    int width = spec.feedForward().width();
    int rows = spec.maxPositions() + spec.positionOffset();
    String decoder = "model.decoder.";
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", decoder + "embed_tokens.weight", spec.vocabulary(), words)
            .tensor(-1, "position.weight", decoder + "embed_positions.weight", rows, hidden);
    if (words != hidden) {
      map.linear(-1, "widen_words", decoder + "project_in", hidden, words, false)
          .linear(-1, "narrow", decoder + "project_out", words, hidden, false);
    }
    if (before) {
      map.norm(-1, "final_norm", decoder + "final_layer_norm", hidden, true);
    }
    for (int l = 0; l < spec.layers(); l++) {
      String layer = decoder + "layers." + l + ".";
      map.linear(l, "q", layer + "self_attn.q_proj", hidden, hidden, bias)
          .linear(l, "k", layer + "self_attn.k_proj", hidden, hidden, bias)
          .linear(l, "v", layer + "self_attn.v_proj", hidden, hidden, bias)
          .linear(l, "o", layer + "self_attn.out_proj", hidden, hidden, bias)
          .norm(l, "norm1", layer + "self_attn_layer_norm", hidden, true)
          .linear(l, "up", layer + "fc1", width, hidden, bias)
          .linear(l, "down", layer + "fc2", hidden, width, bias)
          .norm(l, "norm2", layer + "final_layer_norm", hidden, true);
    }
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "lm_head.weight", spec.vocabulary(), words);
    }
    return map.build("model.", "lm_head\\.weight");
  }
}
