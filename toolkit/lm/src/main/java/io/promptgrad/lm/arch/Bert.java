package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Activation;
import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Kind;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Place;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;

/** BERT (Devlin et al. 2019): post-norm encoder, learned positions, token types, masked-LM head. */
final class Bert {

  private Bert() {}

  static Architecture read(ConfigReader config) {
    TransformerSpec spec =
        encoder(config, 0, 0, config.activation("hidden_act", "gelu"), 30522, 512, 2);
    WeightMap.Builder map = new WeightMap.Builder();
    encoderWeights(map, "bert.", spec);
    int hidden = spec.hidden();
    map.linear(-1, "transform", "cls.predictions.transform.dense", hidden, hidden, true)
        .norm(-1, "transform_norm", "cls.predictions.transform.LayerNorm", hidden, true)
        .tensor(-1, "head.bias", "cls.predictions.bias", spec.vocabulary());
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "cls.predictions.decoder.weight", spec.vocabulary(), hidden);
    }
    return new Architecture(
        spec,
        map.build(
            "bert.",
            "bert\\.pooler\\..*",
            "bert\\.embeddings\\.(position_ids|token_type_ids)",
            "cls\\.seq_relationship\\..*",
            // second names of the tied output matrix and of its bias
            "cls\\.predictions\\.decoder\\.(weight|bias)"));
  }

  /** What BERT and RoBERTa have in common. */
  static TransformerSpec encoder(
      ConfigReader config,
      int positionOffset,
      int defaultPad,
      Activation headActivation,
      int defaultVocabulary,
      int defaultPositions,
      int defaultTypes) {
    config.only("position_embedding_type", "absolute");
    config.never("is_decoder");
    config.never("add_cross_attention");
    int hidden = config.size("hidden_size", 768);
    int heads = config.size("num_attention_heads", 12);
    int headDim = config.share("hidden_size", hidden, "num_attention_heads", heads);
    int positions = config.size("max_position_embeddings", defaultPositions);
    if (positions <= positionOffset) {
      throw config.wrong(
          "max_position_embeddings",
          "leaves no position after the " + positionOffset + " reserved");
    }
    return new TransformerSpec(
        config.text("model_type", ""),
        Objective.MASKED,
        config.size("vocab_size", defaultVocabulary),
        hidden,
        config.layers("num_hidden_layers", 12),
        positions - positionOffset,
        new Embedding(hidden, config.size("type_vocab_size", defaultTypes), 1, 1),
        Attention.usual(heads, heads, headDim),
        new FeedForward(
            config.size("intermediate_size", 3072), config.activation("hidden_act", "gelu"), false),
        new Norm(Kind.LAYER, Place.SUM, true, config.positive("layer_norm_eps", 1e-12)),
        new Positions.Learned(positionOffset),
        Head.transformed(config.flag("tie_word_embeddings", true), headActivation),
        config.integer("pad_token_id", defaultPad));
  }

  /** Embeddings and layers, under the names that BERT gave them. */
  static void encoderWeights(WeightMap.Builder map, String prefix, TransformerSpec spec) {
    embeddings(map, prefix + "embeddings.", spec);
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    for (int l = 0; l < spec.layers(); l++) {
      String layer = prefix + "encoder.layer." + l + ".";
      map.linear(l, "q", layer + "attention.self.query", hidden, hidden, true)
          .linear(l, "k", layer + "attention.self.key", hidden, hidden, true)
          .linear(l, "v", layer + "attention.self.value", hidden, hidden, true)
          .linear(l, "o", layer + "attention.output.dense", hidden, hidden, true)
          .norm(l, "norm1", layer + "attention.output.LayerNorm", hidden, true)
          .linear(l, "up", layer + "intermediate.dense", width, hidden, true)
          .linear(l, "down", layer + "output.dense", hidden, width, true)
          .norm(l, "norm2", layer + "output.LayerNorm", hidden, true);
    }
  }

  /** Three tables and the norm of their sum. */
  static void embeddings(WeightMap.Builder map, String prefix, TransformerSpec spec) {
    int rows = spec.maxPositions() + spec.positionOffset();
    int width = spec.wordWidth();
    map.tensor(-1, "word.weight", prefix + "word_embeddings.weight", spec.vocabulary(), width)
        .tensor(-1, "position.weight", prefix + "position_embeddings.weight", rows, width)
        .tensor(
            -1, "type.weight", prefix + "token_type_embeddings.weight", spec.tokenTypes(), width)
        .norm(-1, "embedding_norm", prefix + "LayerNorm", width, true);
  }
}
