package io.promptgrad.lm.arch;

/** Qwen 2 and 2.5 (Yang et al. 2024): Llama with biases of queries, keys and values. */
final class Qwen2 {

  private Qwen2() {}

  static Architecture read(ConfigReader config) {
    TransformerSpec spec = Llama.decoder(config);
    Windows.none(config, spec);
    return new Architecture(spec, Llama.build(Llama.weights(spec, true, false, false), spec));
  }
}
