package io.promptgrad.lm.arch;

import io.promptgrad.lm.arch.TransformerSpec.Attention;
import java.util.List;
import java.util.function.IntPredicate;

/** Which layers see only a window of tokens, as configurations say it. */
final class Windows {

  private Windows() {}

  /**
   * Windows of {@code sliding_window} tokens (null: none), in the layers that {@code layer_types}
   * names, as newer files do, or by the family's rule.
   *
   * @param absent the window where the file does not say; 0: none
   * @param local the family's rule: which layers (from 0) have the window
   */
  static Attention read(
      ConfigReader config, Attention attention, int layers, int absent, IntPredicate local) {
    boolean windowed = config.has("sliding_window") || absent > 0 && !config.none("sliding_window");
    int window =
        windowed ? config.size("sliding_window", absent) : config.integer("sliding_window", 0);
    return in(config, attention, layers, window, local);
  }

  /** No windows: the configuration must have switched them off. */
  static void none(ConfigReader config, TransformerSpec spec) {
    config.never("use_sliding_window");
    config.integer("sliding_window", 0); // its size is of no account then
    in(config, spec.attention(), spec.layers(), 0, layer -> false);
  }

  private static Attention in(
      ConfigReader config, Attention attention, int layers, int window, IntPredicate local) {
    List<String> types = config.texts("layer_types");
    for (String type : types) {
      if (!type.equals("full_attention") && !(type.equals("sliding_attention") && window > 0)) {
        throw config.wrong("layer_types", "has \"" + type + "\", which is not supported here");
      }
    }
    if (types.isEmpty()) {
      return window == 0 ? attention : attention.withWindows(layers, window, local);
    }
    if (types.size() != layers) {
      throw config.wrong(
          "layer_types", "has " + types.size() + " entries for " + layers + " layers");
    }
    return attention.withWindows(
        layers, window, layer -> types.get(layer).equals("sliding_attention"));
  }
}
