package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Activation;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;

/**
 * ELECTRA's generator (Clark et al. 2020): BERT with narrower word vectors, also in the head. The
 * discriminator predicts no tokens and is refused for want of a head.
 */
final class Electra {

  private Electra() {}

  static Architecture read(ConfigReader config) {
    TransformerSpec bert = Bert.encoder(config, 0, 0, Activation.GELU, 30522, 512, 2);
    int words = config.size("embedding_size", 128);
    TransformerSpec spec = bert.with(new Embedding(words, bert.tokenTypes(), 1, 1));
    int hidden = spec.hidden();
    WeightMap.Builder map = new WeightMap.Builder();
    Bert.encoderWeights(map, "electra.", spec);
    if (words != hidden) {
      map.linear(-1, "widen", "electra.embeddings_project", hidden, words, true);
    }
    map.linear(-1, "transform", "generator_predictions.dense", words, hidden, true)
        .norm(-1, "transform_norm", "generator_predictions.LayerNorm", words, true)
        .tensor(-1, "head.bias", "generator_lm_head.bias", spec.vocabulary());
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "generator_lm_head.weight", spec.vocabulary(), words);
    }
    return new Architecture(
        spec,
        map.build("electra.", "electra\\.embeddings\\.position_ids", "generator_lm_head\\.weight"));
  }
}
