package io.promptgrad.lm.arch;

/** Mistral (Jiang et al. 2023): Llama whose layers see a window of tokens. */
final class Mistral {

  private Mistral() {}

  static Architecture read(ConfigReader config) {
    TransformerSpec llama = Llama.decoder(config);
    TransformerSpec spec =
        llama.with(Windows.read(config, llama.attention(), llama.layers(), 4096, layer -> true));
    return new Architecture(spec, Llama.build(Llama.weights(spec, false, false, false), spec));
  }
}
