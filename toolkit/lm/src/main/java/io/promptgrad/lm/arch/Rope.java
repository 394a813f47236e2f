package io.promptgrad.lm.arch;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;

/**
 * Inverse frequencies of the rotary position embedding (Su et al. 2021), with the scalings that
 * checkpoints ask for under {@code rope_scaling}.
 */
final class Rope {

  private static final Set<String> UNDERSTOOD =
      Set.of(
          "rope_type",
          "type",
          "rope_theta",
          "factor",
          "low_freq_factor",
          "high_freq_factor",
          "original_max_position_embeddings");

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
    refuseUnknown(config, scalingKey, scaling);
    double base =
        config.positive(
            "rope_theta",
            scaling.hasNonNull("rope_theta")
                ? scalingNumber(config, scalingKey, scaling, "rope_theta")
                : defaultBase);
    double[] frequencies = inverseFrequencies(width, base);
    if (scaling.isMissingNode()) {
      return frequencies;
    }
    JsonNode named =
        scaling.hasNonNull("rope_type") ? scaling.get("rope_type") : scaling.path("type");
    String type = named.asText("default");
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

  /** Without any scaling. */
  static double[] inverseFrequencies(int width, double base) {
    double[] frequencies = new double[width / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = 1 / Math.pow(base, 2.0 * i / width);
    }
    return frequencies;
  }

  /** How many dimensions of a head are rotated if only a part of it is: an even number. */
  static int width(ConfigReader config, String key, int headDim, double part) {
    int width = (int) (headDim * part);
    if (part > 1 || width < 2 || width % 2 != 0) {
      throw config.wrong(
          key,
          "rotates " + width + " of a head's " + headDim + " dimensions; an even part is needed");
    }
    return width;
  }

  /** A key in here changes the frequencies as much as one outside. */
  private static void refuseUnknown(ConfigReader config, String key, JsonNode scaling) {
    for (var field : scaling.properties()) {
      if (!UNDERSTOOD.contains(field.getKey()) && !field.getValue().isNull()) {
        throw config.wrong(key, "has \"" + field.getKey() + "\", which is not supported");
      }
    }
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
    JsonNode node = scaling.path(name);
    double value = node.isNumber() ? node.doubleValue() : Double.NaN;
    if (!(value > 0) || Double.isInfinite(value)) {
      throw config.wrong(key, "needs \"" + name + "\", a number greater than 0");
    }
    return value;
  }
}
