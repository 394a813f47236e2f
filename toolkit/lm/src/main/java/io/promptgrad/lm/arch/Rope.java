package io.promptgrad.lm.arch;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Inverse frequencies of the rotary position embedding (Su et al. 2021), with the scalings that
 * checkpoints ask for under {@code rope_scaling}.
 */
final class Rope {

  private Rope() {}

  /**
   * Reads base and scaling.
   *
   * @param width number of rotated dimensions of a head, even
   * @param defaultBase the family's {@code rope_theta} when the key is absent
   */
  static double[] inverseFrequencies(ConfigReader config, int width, double defaultBase) {
    // rope_parameters is the newer spelling, which holds the base as well.
    String scalingKey = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
    JsonNode scaling = config.object(scalingKey);
    double base = config.positive("rope_theta", scaling.path("rope_theta").asDouble(defaultBase));
    double[] frequencies = new double[width / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = 1 / Math.pow(base, 2.0 * i / width);
    }
    if (scaling.isMissingNode()) {
      return frequencies;
    }
    String type = scaling.path("rope_type").asText(scaling.path("type").asText("default"));
    switch (type) {
      case "default" -> {}
      case "linear" -> {
        double factor = scalingNumber(config, scalingKey, scaling, "factor");
        for (int i = 0; i < frequencies.length; i++) {
          frequencies[i] /= factor;
        }
      }
      case "llama3" -> llama3(config, scalingKey, scaling, frequencies);
      default ->
          throw config.wrong(
              scalingKey,
              "asks for rope type \""
                  + type
                  + "\", which is not supported (default, linear and llama3 are)");
    }
    return frequencies;
  }

  /**
   * Llama 3.1: long wavelengths are stretched by the factor, short ones kept, those between blended
   * linearly in (original length / wavelength).
   */
  private static void llama3(
      ConfigReader config, String key, JsonNode scaling, double[] frequencies) {
    double factor = scalingNumber(config, key, scaling, "factor");
    double low = scalingNumber(config, key, scaling, "low_freq_factor");
    double high = scalingNumber(config, key, scaling, "high_freq_factor");
    double original = scalingNumber(config, key, scaling, "original_max_position_embeddings");
    if (!(high > low)) {
      throw config.wrong(key, "needs high_freq_factor greater than low_freq_factor");
    }
    for (int i = 0; i < frequencies.length; i++) {
      double f = frequencies[i];
      double wavelength = 2 * Math.PI / f;
      if (wavelength > original / low) {
        frequencies[i] = f / factor;
      } else if (wavelength >= original / high) {
        double smooth = (original / wavelength - low) / (high - low);
        frequencies[i] = (1 - smooth) * f / factor + smooth * f;
      }
    }
  }

  private static double scalingNumber(
      ConfigReader config, String key, JsonNode scaling, String name) {
    double value = scaling.path(name).asDouble(Double.NaN);
    if (!(value > 0)) {
      throw config.wrong(key, "needs \"" + name + "\", a number greater than 0");
    }
    return value;
  }
}
