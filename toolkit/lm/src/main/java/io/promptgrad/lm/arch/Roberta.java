package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Activation;

/**
 * RoBERTa (Liu et al. 2019) and its kin XLM-RoBERTa and CamemBERT: BERT with positions that start
 * behind the padding id and a head whose activation is always the exact GELU.
 */
final class Roberta {

  private Roberta() {}

  static Architecture read(ConfigReader config) {
    int pad = config.integer("pad_token_id", 1);
    if (pad < 0) {
      throw config.wrong("pad_token_id", "is " + pad + " but positions are counted from it");
    }
    TransformerSpec spec = Bert.encoder(config, pad + 1, pad, Activation.GELU, 50265, 512, 2);
    WeightMap.Builder map = new WeightMap.Builder();
    Bert.encoderWeights(map, "roberta.", spec);
    int hidden = spec.hidden();
    map.linear(-1, "transform", "lm_head.dense", hidden, hidden, true)
        .norm(-1, "transform_norm", "lm_head.layer_norm", hidden, true)
        .tensor(-1, "head.bias", "lm_head.bias", spec.vocabulary());
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "lm_head.decoder.weight", spec.vocabulary(), hidden);
    }
    return new Architecture(
        spec,
        map.build(
            "roberta.",
            "roberta\\.pooler\\..*",
            "roberta\\.embeddings\\.(position_ids|token_type_ids)",
            "lm_head\\.decoder\\.(weight|bias)"));
  }
}
