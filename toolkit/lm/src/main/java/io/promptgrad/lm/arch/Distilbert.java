package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Activation;
import io.promptgrad.lm.arch.TransformerSpec.Attention;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Kind;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.arch.TransformerSpec.Positions;

/** DistilBERT (Sanh et al. 2019): BERT without token types, under names of its own. */
final class Distilbert {

  private Distilbert() {}

  static Architecture read(ConfigReader config) {
    config.flag("sinusoidal_pos_embds", false); // how the table was filled; it is in the checkpoint
    if (!config.flag("tie_weights_", true)) {
      throw config.wrong("tie_weights_", "is false, which is not supported");
    }
    int hidden = config.size("dim");
    int heads = config.size("n_heads");
    int headDim = config.share("dim", hidden, "n_heads", heads);
    Activation activation = config.activation("activation", "gelu");
    TransformerSpec spec =
        new TransformerSpec(
            "distilbert",
            Objective.MASKED,
            config.size("vocab_size"),
            hidden,
            config.layers("n_layers"),
            config.size("max_position_embeddings"),
            Embedding.plain(hidden),
            Attention.usual(heads, heads, headDim),
            new FeedForward(config.size("hidden_dim"), activation, false),
            new Norm(Kind.LAYER, Norm.Place.SUM, true, 1e-12),
            new Positions.Learned(0),
            Head.transformed(config.flag("tie_word_embeddings", true), activation),
            config.integer("pad_token_id", 0));
    return new Architecture(spec, weights(spec));
  }

  private static WeightMap weights(TransformerSpec spec) {
    int hidden = spec.hidden();
    int width = spec.feedForward().width();
    int vocabulary = spec.vocabulary();
    String embeddings = "distilbert.embeddings.";
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", embeddings + "word_embeddings.weight", vocabulary, hidden)
            .tensor(
                -1,
                "position.weight",
                embeddings + "position_embeddings.weight",
                spec.maxPositions(),
                hidden)
            .norm(-1, "embedding_norm", embeddings + "LayerNorm", hidden, true)
            .linear(-1, "transform", "vocab_transform", hidden, hidden, true)
            .norm(-1, "transform_norm", "vocab_layer_norm", hidden, true)
            .tensor(-1, "head.bias", "vocab_projector.bias", vocabulary);
    for (int l = 0; l < spec.layers(); l++) {
      String layer = "distilbert.transformer.layer." + l + ".";
      map.linear(l, "q", layer + "attention.q_lin", hidden, hidden, true)
          .linear(l, "k", layer + "attention.k_lin", hidden, hidden, true)
          .linear(l, "v", layer + "attention.v_lin", hidden, hidden, true)
          .linear(l, "o", layer + "attention.out_lin", hidden, hidden, true)
          .norm(l, "norm1", layer + "sa_layer_norm", hidden, true)
          .linear(l, "up", layer + "ffn.lin1", width, hidden, true)
          .linear(l, "down", layer + "ffn.lin2", hidden, width, true)
          .norm(l, "norm2", layer + "output_layer_norm", hidden, true);
    }
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "vocab_projector.weight", vocabulary, hidden);
    }
    return map.build(
        "distilbert.", "distilbert\\.embeddings\\.position_ids", "vocab_projector\\.weight");
  }
}
