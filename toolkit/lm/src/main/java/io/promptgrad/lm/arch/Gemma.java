package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Activation;
import io.promptgrad.lm.arch.TransformerSpec.Embedding;
import io.promptgrad.lm.arch.TransformerSpec.FeedForward;
import io.promptgrad.lm.arch.TransformerSpec.Head;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Norm.Kind;
import java.util.Map;

/**
 * Gemma (Mesnard et al. 2024): Llama with scaled inputs, a GELU gate, gains stored less 1, and a
 * head width of its own.
 */
final class Gemma {

  private Gemma() {}

  static Architecture read(ConfigReader config) {
    TransformerSpec spec = decoder(config);
    boolean bias = config.flag("attention_bias", false);
    return new Architecture(spec, Llama.build(Llama.weights(spec, bias, bias, false), spec));
  }

  /** What all generations share. */
  static TransformerSpec decoder(ConfigReader config) {
    config.assume(Map.of("head_dim", 256));
    TransformerSpec llama = Llama.decoder(config);
    int hidden = llama.hidden();
    return llama
        .with(new Embedding(hidden, 0, 1, Math.sqrt(hidden)))
        .with(new FeedForward(llama.feedForward().width(), activation(config), true))
        .with(Norm.before(Kind.RMS_PLUS_ONE, llama.norm().epsilon()))
        .with(Head.plain(config.flag("tie_word_embeddings", true)));
  }

  /** The first files say "gelu" under the older key, and mean the tanh form. */
  private static Activation activation(ConfigReader config) {
    if (config.has("hidden_activation")) {
      return config.activation("hidden_activation", "");
    }
    config.none("hidden_activation");
    Activation older = config.activation("hidden_act", "gelu");
    if (older != Activation.GELU && older != Activation.GELU_TANH) {
      throw config.wrong(
          "hidden_act", "is no GELU; say it in \"hidden_activation\" if it is meant");
    }
    return Activation.GELU_TANH;
  }
}
