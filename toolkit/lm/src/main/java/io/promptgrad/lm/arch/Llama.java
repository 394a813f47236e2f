package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Kind;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;
import java.util.Map;

/**
 * Llama (Touvron et al. 2023): pre-norm decoder with RMS norms, rotary positions, grouped keys and
 * values, and a gated MLP. Many later families are this one with a change or two, which they make
 * to the spec and to the names that are put together here.
 */
final class Llama {

  private Llama() {}

  static Architecture read(ConfigReader config) {
    config.assume(
        Map.of(
            "hidden_size", 4096,
            "intermediate_size", 11008,
            "max_position_embeddings", 2048,
            "num_attention_heads", 32,
            "num_hidden_layers", 32,
            "vocab_size", 32000));
    TransformerSpec spec = decoder(config);
    boolean attentionBias = config.flag("attention_bias", false);
    boolean mlpBias = config.flag("mlp_bias", false);
    return new Architecture(
        spec, build(weights(spec, attentionBias, attentionBias, mlpBias), spec));
  }

  /** A decoder of Llama's kind as its configuration describes it, with Llama's options. */
  static TransformerSpec decoder(ConfigReader config) {
    int hidden = config.size("hidden_size");
    int heads = config.size("num_attention_heads");
    int keyValueHeads = config.size("num_key_value_heads", heads);
    config.share("num_attention_heads", heads, "num_key_value_heads", keyValueHeads);
    int headDim =
        config.knows("head_dim")
            ? config.size("head_dim")
            : config.share("hidden_size", hidden, "num_attention_heads", heads);
    config.integer("head_dim", headDim);
    if (headDim % 2 != 0) {
      throw config.wrong("head_dim", "is " + headDim + " but rotary positions need an even width");
    }
    return new TransformerSpec(
        config.text("model_type", ""),
        Objective.CAUSAL,
        config.size("vocab_size"),
        hidden,
        config.layers("num_hidden_layers"),
        config.size("max_position_embeddings"),
        Embedding.plain(hidden),
        Attention.usual(heads, keyValueHeads, headDim),
        new FeedForward(
            config.size("intermediate_size"), config.activation("hidden_act", "silu"), true),
        Norm.before(Kind.RMS, config.positive("rms_norm_eps", 1e-6)),
        new Positions.Rotary(Rope.inverseFrequencies(config, headDim, 10000)),
        Head.plain(config.flag("tie_word_embeddings", false)),
        config.integer("pad_token_id", -1));
  }

  // ------------------------------------------------------------------ names

  /** Prefix of a layer's names. */
  static String layer(int l) {
    return "model.layers." + l + ".";
  }

  /**
   * Everything but the output matrix.
   *
   * @param bias whether queries, keys and values have one
   * @param outputBias whether what joins the heads has one
   * @param mlpBias whether the MLP has them
   */
  static WeightMap.Builder weights(
      TransformerSpec spec, boolean bias, boolean outputBias, boolean mlpBias) {
    WeightMap.Builder map = frame(spec);
    for (int l = 0; l < spec.layers(); l++) {
      norms(map, l, spec);
      attention(map, l, spec, bias, outputBias);
      feedForward(map, l, spec, mlpBias);
    }
    return map;
  }

  /** Embedding and last norm. */
  static WeightMap.Builder frame(TransformerSpec spec) {
    int hidden = spec.hidden();
    return new WeightMap.Builder()
        .tensor(-1, "word.weight", "model.embed_tokens.weight", spec.vocabulary(), hidden)
        .norm(-1, "final_norm", "model.norm", hidden, false);
  }

  /** The norms on the inputs of attention and MLP. */
  static void norms(WeightMap.Builder map, int l, TransformerSpec spec) {
    map.norm(l, "norm1", layer(l) + "input_layernorm", spec.hidden(), false)
        .norm(l, "norm2", layer(l) + "post_attention_layernorm", spec.hidden(), false);
  }

  static void attention(
      WeightMap.Builder map, int l, TransformerSpec spec, boolean bias, boolean outputBias) {
    int hidden = spec.hidden();
    long queries = (long) spec.attention().heads() * spec.attention().headDim();
    long keys = (long) spec.attention().keyValueHeads() * spec.attention().headDim();
    String name = layer(l) + "self_attn.";
    map.linear(l, "q", name + "q_proj", queries, hidden, bias)
        .linear(l, "k", name + "k_proj", keys, hidden, bias)
        .linear(l, "v", name + "v_proj", keys, hidden, bias)
        .linear(l, "o", name + "o_proj", hidden, queries, outputBias);
  }

  /** RMS norms of queries and keys, as wide as the weights say. */
  static void queryKeyNorms(WeightMap.Builder map, int l, long queries, long keys) {
    map.norm(l, "q_norm", layer(l) + "self_attn.q_norm", queries, false)
        .norm(l, "k_norm", layer(l) + "self_attn.k_norm", keys, false);
  }

  static void feedForward(WeightMap.Builder map, int l, TransformerSpec spec, boolean bias) {
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    map.linear(l, "gate", layer(l) + "mlp.gate_proj", width, hidden, bias)
        .linear(l, "up", layer(l) + "mlp.up_proj", width, hidden, bias)
        .linear(l, "down", layer(l) + "mlp.down_proj", hidden, width, bias);
  }

  /** Adds the output matrix if it is one of its own. */
  static WeightMap build(WeightMap.Builder map, TransformerSpec spec) {
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "lm_head.weight", spec.vocabulary(), spec.hidden());
    }
    return map.build(
        "model.", "model\\.layers\\.\\d+\\.self_attn\\.rotary_emb\\.inv_freq", "lm_head\\.weight");
  }
}
