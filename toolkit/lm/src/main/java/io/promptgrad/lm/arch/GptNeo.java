package io.promptgrad.lm.arch;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Kind;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;
import java.util.ArrayList;
import java.util.List;

/**
 * GPT-Neo (Black et al. 2021): GPT-2 with separate matrices, no scale of the scores, and a window
 * in the layers that are called local.
 */
final class GptNeo {

  private GptNeo() {}

  static Architecture read(ConfigReader config) {
    int hidden = config.size("hidden_size");
    int heads = config.size("num_heads");
    int headDim = config.share("hidden_size", hidden, "num_heads", heads);
    int layers = config.layers("num_layers");
    List<String> kinds = kinds(config, layers);
    int window = config.size("window_size", 256);
    TransformerSpec spec =
        new TransformerSpec(
            "gpt_neo",
            Objective.CAUSAL,
            config.size("vocab_size"),
            hidden,
            layers,
            config.size("max_position_embeddings"),
            Embedding.plain(hidden),
            Attention.usual(heads, heads, headDim)
                .withScale(1)
                .withWindows(layers, window, layer -> kinds.get(layer).equals("local")),
            new FeedForward(
                config.size("intermediate_size", 4 * hidden),
                config.activation("activation_function", "gelu_new"),
                false),
            Norm.before(Kind.LAYER, config.positive("layer_norm_epsilon", 1e-5)),
            new Positions.Learned(0),
            Head.plain(config.flag("tie_word_embeddings", true)),
            config.integer("pad_token_id", -1));
    return new Architecture(spec, weights(spec));
  }

  /** Each layer's kind: a list of its own, or [[kinds, repetitions], ...]. */
  private static List<String> kinds(ConfigReader config, int layers) {
    List<String> expanded = new ArrayList<>();
    for (JsonNode pair : config.list("attention_types")) {
      for (int times = pair.path(1).asInt(); times > 0 && expanded.size() < layers; times--) {
        pair.path(0).forEach(kind -> expanded.add(kind.asText()));
      }
    }
    List<String> kinds = config.texts("attention_layers");
    if (kinds.isEmpty()) {
      kinds = expanded;
    }
    if (kinds.size() != layers || !(expanded.isEmpty() || expanded.equals(kinds))) {
      throw config.wrong(
          "attention_types", "and \"attention_layers\" must name a kind for each layer, the same");
    }
    for (String kind : kinds) {
      if (!kind.equals("global") && !kind.equals("local")) {
        throw config.wrong("attention_types", "names a kind of attention \"" + kind + "\"");
      }
    }
    return kinds;
  }

  private static WeightMap weights(TransformerSpec spec) {
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", "transformer.wte.weight", spec.vocabulary(), hidden)
            .tensor(-1, "position.weight", "transformer.wpe.weight", spec.maxPositions(), hidden)
            .norm(-1, "final_norm", "transformer.ln_f", hidden, true);
    for (int l = 0; l < spec.layers(); l++) {
      String layer = "transformer.h." + l + ".";
      map.norm(l, "norm1", layer + "ln_1", hidden, true)
          .linear(l, "q", layer + "attn.attention.q_proj", hidden, hidden, false)
          .linear(l, "k", layer + "attn.attention.k_proj", hidden, hidden, false)
          .linear(l, "v", layer + "attn.attention.v_proj", hidden, hidden, false)
          .linear(l, "o", layer + "attn.attention.out_proj", hidden, hidden, true)
          .norm(l, "norm2", layer + "ln_2", hidden, true)
          .linear(l, "up", layer + "mlp.c_fc", width, hidden, true)
          .linear(l, "down", layer + "mlp.c_proj", hidden, width, true);
    }
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "lm_head.weight", spec.vocabulary(), hidden);
    }
    // The causal mask was once stored as a buffer of every layer.
    return map.build(
        "transformer.",
        "transformer\\.h\\.\\d+\\.attn\\.attention\\.(masked_)?bias",
        "lm_head\\.weight");
  }
}
