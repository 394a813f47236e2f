package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Activation;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;

/** ALBERT (Lan et al. 2020): BERT with narrow word vectors and one layer used again and again. */
final class Albert {

  private Albert() {}

  static Architecture read(ConfigReader config) {
    config.only("num_hidden_groups", 1);
    config.only("inner_group_num", 1);
    for (String unused : new String[] {"gap_size", "net_structure_type", "num_memory_blocks"}) {
      config.only(unused, 0);
    }
    config.only("down_scale_factor", 1);
    Activation activation = config.activation("hidden_act", "gelu_new");
    TransformerSpec bert = Bert.encoder(config, 0, 0, activation, 30000, 512, 2);
    int words = config.size("embedding_size", 128);
    TransformerSpec spec =
        bert.with(new Embedding(words, bert.tokenTypes(), 1, 1))
            .with(new FeedForward(bert.feedForward().width(), activation, false));
    return new Architecture(spec, weights(spec));
  }

  private static WeightMap weights(TransformerSpec spec) {
    int hidden = spec.hidden();
    int words = spec.wordWidth();
    int width = spec.feedForward().width();
    WeightMap.Builder map = new WeightMap.Builder();
    Bert.embeddings(map, "albert.embeddings.", spec);
    map.linear(-1, "widen", "albert.encoder.embedding_hidden_mapping_in", hidden, words, true);
    String layer = "albert.encoder.albert_layer_groups.0.albert_layers.0.";
    for (int l = 0; l < spec.layers(); l++) {
      map.linear(l, "q", layer + "attention.query", hidden, hidden, true)
          .linear(l, "k", layer + "attention.key", hidden, hidden, true)
          .linear(l, "v", layer + "attention.value", hidden, hidden, true)
          .linear(l, "o", layer + "attention.dense", hidden, hidden, true)
          .norm(l, "norm1", layer + "attention.LayerNorm", hidden, true)
          .linear(l, "up", layer + "ffn", width, hidden, true)
          .linear(l, "down", layer + "ffn_output", hidden, width, true)
          .norm(l, "norm2", layer + "full_layer_layer_norm", hidden, true);
    }
    map.linear(-1, "transform", "predictions.dense", words, hidden, true)
        .norm(-1, "transform_norm", "predictions.LayerNorm", words, true)
        .tensor(-1, "head.bias", "predictions.bias", spec.vocabulary());
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "predictions.decoder.weight", spec.vocabulary(), words);
    }
    return map.build(
        "albert.",
        "albert\\.pooler\\..*",
        "albert\\.embeddings\\.position_ids",
        "sop_classifier\\..*",
        "predictions\\.decoder\\.(weight|bias)");
  }
}
