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

/** GPT (Radford et al. 2018): GPT-2 with norms behind the residual sums and none at the end. */
final class OpenAiGpt {

  private OpenAiGpt() {}

  static Architecture read(ConfigReader config) {
    int hidden = config.size("n_embd");
    int heads = config.size("n_head");
    int headDim = config.share("n_embd", hidden, "n_head", heads);
    int positions = config.size("n_positions");
    config.integer("n_ctx", positions); // older spelling of the same number
    config.only("n_special", 0);
    TransformerSpec spec =
        new TransformerSpec(
            "openai-gpt",
            Objective.CAUSAL,
            config.size("vocab_size"),
            hidden,
            config.layers("n_layer"),
            positions,
            Embedding.plain(hidden),
            Attention.usual(heads, heads, headDim),
            new FeedForward(4 * hidden, activation(config), false),
            new Norm(
                Kind.LAYER, Norm.Place.SUM, false, config.positive("layer_norm_epsilon", 1e-5)),
            new Positions.Learned(0),
            Head.plain(config.flag("tie_word_embeddings", true)),
            config.integer("pad_token_id", -1));
    return new Architecture(spec, weights(spec));
  }

  /** What this family calls gelu is the tanh form. */
  private static Activation activation(ConfigReader config) {
    Activation activation = config.activation("afn", "gelu");
    return activation == Activation.GELU ? Activation.GELU_TANH : activation;
  }

  private static WeightMap weights(TransformerSpec spec) {
    int hidden = spec.hidden();
    WeightMap.Builder map =
        new WeightMap.Builder()
            .tensor(-1, "word.weight", "transformer.tokens_embed.weight", spec.vocabulary(), hidden)
            .tensor(
                -1,
                "position.weight",
                "transformer.positions_embed.weight",
                spec.maxPositions(),
                hidden);
    Gpt2.layers(map, spec);
    if (!spec.head().tied()) {
      map.tensor(-1, "head.weight", "lm_head.weight", spec.vocabulary(), hidden);
    }
    return Gpt2.build(map);
  }
}
