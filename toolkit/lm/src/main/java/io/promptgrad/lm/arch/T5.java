package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Activation;
import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.Encoder;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Kind;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;

/**
 * T5 (Raffel et al. 2020), also 1.1 and Flan: encoder and decoder with RMS norms, no scale of the
 * scores, and a bias for the distance instead of positions, which each stack's first layer holds
 * for all of its layers. Version 1.1 has a gated MLP and an output matrix of its own.
 */
final class T5 {

  private T5() {}

  static Architecture read(ConfigReader config) {
    if (!config.flag("is_encoder_decoder", true)) {
      throw config.wrong("is_encoder_decoder", "is false, which is not supported");
    }
    int hidden = config.size("d_model");
    int heads = config.size("num_heads");
    int headDim = config.size("d_kv");
    int encoderLayers = config.layers("num_layers");
    boolean tied = config.flag("tie_word_embeddings", true);
    int pad = config.integer("pad_token_id", 0);
    TransformerSpec spec =
        new TransformerSpec(
            "t5",
            Objective.TEXT_TO_TEXT,
            config.size("vocab_size"),
            hidden,
            config.layers("num_decoder_layers", encoderLayers),
            config.size("n_positions", 1 << 16), // in training; what it computes has no limit
            Embedding.plain(hidden),
            Attention.usual(heads, heads, headDim).withScale(1),
            feedForward(config),
            Norm.before(Kind.RMS, config.positive("layer_norm_epsilon", 1e-6)),
            distances(config),
            new Head(tied, false, null, tied ? 1 / Math.sqrt(hidden) : 1, 0),
            pad,
            new Encoder(encoderLayers, config.integer("decoder_start_token_id", pad)));
    return new Architecture(spec, weights(spec));
  }

  private static FeedForward feedForward(ConfigReader config) {
    String described = config.text("feed_forward_proj", "relu");
    boolean gated = described.startsWith("gated-");
    String name = gated ? described.substring("gated-".length()) : described;
    // The gate that this family calls gelu is the tanh form.
    Activation activation =
        config.activationNamed(
            "feed_forward_proj", described.equals("gated-gelu") ? "gelu_new" : name);
    // Newer files spell both parts out again.
    if (config.flag("is_gated_act", gated) != gated) {
      throw config.wrong("is_gated_act", "contradicts \"feed_forward_proj\"");
    }
    if (config.has("dense_act_fn") && config.activation("dense_act_fn", "") != activation) {
      throw config.wrong("dense_act_fn", "contradicts \"feed_forward_proj\"");
    }
    return new FeedForward(config.size("d_ff"), activation, gated);
  }

  private static Positions distances(ConfigReader config) {
    int buckets = config.size("relative_attention_num_buckets", 32);
    int farthest = config.size("relative_attention_max_distance", 128);
    if (buckets < 4 || farthest <= buckets / 2) {
      throw config.wrong(
          "relative_attention_num_buckets",
          "is " + buckets + ", which does not suit a largest distance of " + farthest);
    }
    return new Positions.Distances(buckets, farthest);
  }

  private static WeightMap weights(TransformerSpec spec) {
    int hidden = spec.hidden();
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", "shared.weight", spec.vocabulary(), hidden)
            .norm(-1, "encoder_norm", "encoder.final_layer_norm", hidden, false)
            .norm(-1, "final_norm", "decoder.final_layer_norm", hidden, false);
    for (int l = 0; l < spec.encoder().layers(); l++) {
      String block = "encoder.block." + l + ".layer.";
      selfAttention(map, l, block + "0.", spec, l == 0);
      feedForward(map, l, block + "1.", spec);
    }
    for (int d = 0; d < spec.layers(); d++) {
      int l = spec.encoder().layers() + d;
      String block = "decoder.block." + d + ".layer.";
      selfAttention(map, l, block + "0.", spec, d == 0);
      attention(map, l, "cross_", block + "1.EncDecAttention.", spec);
      map.norm(l, "cross_norm", block + "1.layer_norm", hidden, false);
      feedForward(map, l, block + "2.", spec);
    }
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "lm_head.weight", spec.vocabulary(), hidden);
    }
    return map.build(
        "",
        "(encoder|decoder)\\.embed_tokens\\.weight",
        "lm_head\\.weight",
        // never computed with, but in the first checkpoints
        "decoder\\.block\\.0\\.layer\\.1\\.EncDecAttention\\.relative_attention_bias\\.weight");
  }

  private static void selfAttention(
      WeightMap.Builder map, int l, String name, TransformerSpec spec, boolean first) {
    attention(map, l, "", name + "SelfAttention.", spec);
    map.norm(l, "norm1", name + "layer_norm", spec.hidden(), false);
    if (first) {
      int buckets = ((Positions.Distances) spec.positions()).buckets();
      map.tensor(
          l,
          "distance.weight",
          name + "SelfAttention.relative_attention_bias.weight",
          buckets,
          spec.attention().heads());
    }
  }

  private static void attention(
      WeightMap.Builder map, int l, String key, String name, TransformerSpec spec) {
    int hidden = spec.hidden();
    long inner = (long) spec.attention().heads() * spec.attention().headDim();
    map.linear(l, key + "q", name + "q", inner, hidden, false)
        .linear(l, key + "k", name + "k", inner, hidden, false)
        .linear(l, key + "v", name + "v", inner, hidden, false)
        .linear(l, key + "o", name + "o", hidden, inner, false);
  }

  private static void feedForward(WeightMap.Builder map, int l, String name, TransformerSpec spec) {
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    boolean gated = spec.feedForward().gated();
    if (gated) {
      map.linear(l, "gate", name + "DenseReluDense.wi_0", width, hidden, false);
    }
    map.linear(l, "up", name + "DenseReluDense.wi" + (gated ? "_1" : ""), width, hidden, false)
        .linear(l, "down", name + "DenseReluDense.wo", hidden, width, false)
        .norm(l, "norm2", name + "layer_norm", hidden, false);
  }
}
