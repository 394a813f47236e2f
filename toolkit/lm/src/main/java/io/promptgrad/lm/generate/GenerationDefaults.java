package io.promptgrad.lm.generate;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * How a model's makers want it to generate: {@code generation_config.json} in its folder.
 *
 * <p>Read are {@code eos_token_id} (one or several), {@code do_sample}, {@code temperature}, {@code
 * top_k}, {@code top_p}, {@code min_p}, {@code repetition_penalty}, {@code max_new_tokens} and
 * {@code stop_strings}. As in transformers 4, a model that samples has {@code top_k} 50 unless its
 * file says otherwise, and one that does not is greedy whatever else the file says. {@code
 * max_length} is not used. Without {@code eos_token_id} the one of {@code config.json} is taken,
 * then the tokenizer's.
 *
 * @param options greedy unless the file asks for sampling; seed 0; {@link #USUAL_LENGTH} new tokens
 *     unless the file says how many
 * @param samplingTemperature the temperature for sampling, also if the file does not ask for it
 * @param notApplied settings of the file, such as "num_beams = 4", that would change the text and
 *     that are not supported
 */
public record GenerationDefaults(
    GenerationOptions options, double samplingTemperature, List<String> notApplied) {

  /** New tokens where nothing says how many. */
  public static final int USUAL_LENGTH = 128;

  private static final int TOP_K_OF_TRANSFORMERS = 50;

  /** Settings that change what is generated, with the value that changes nothing; null as well. */
  private static final Map<String, Double> OTHERS =
      Map.ofEntries(
          Map.entry("num_beams", 1.0),
          Map.entry("penalty_alpha", 0.0),
          Map.entry("typical_p", 1.0),
          Map.entry("epsilon_cutoff", 0.0),
          Map.entry("eta_cutoff", 0.0),
          Map.entry("no_repeat_ngram_size", 0.0),
          Map.entry("encoder_no_repeat_ngram_size", 0.0),
          Map.entry("encoder_repetition_penalty", 1.0),
          Map.entry("guidance_scale", 1.0),
          Map.entry("min_length", 0.0),
          Map.entry("min_new_tokens", 0.0),
          Map.entry("bad_words_ids", 0.0),
          Map.entry("force_words_ids", 0.0),
          Map.entry("forced_bos_token_id", Double.NaN),
          Map.entry("forced_eos_token_id", Double.NaN),
          Map.entry("suppress_tokens", 0.0),
          Map.entry("begin_suppress_tokens", 0.0),
          Map.entry("sequence_bias", 0.0),
          Map.entry("exponential_decay_length_penalty", 0.0),
          Map.entry("watermarking_config", 0.0));

  /**
   * Reads the settings of a model's folder.
   *
   * @throws InvalidInputException if a file is malformed or a value is out of range
   */
  public static GenerationDefaults of(LanguageModel model) {
    Path file = model.path().resolve("generation_config.json");
    JsonNode json = json(file);
    boolean samples = flag(json, "do_sample", file);
    double temperature = number(json, "temperature", 1, file);
    double topK = number(json, "top_k", samples ? TOP_K_OF_TRANSFORMERS : 0, file);
    double most = number(json, "max_new_tokens", USUAL_LENGTH, file);
    if (topK != (int) topK || most != (int) most) {
      throw new InvalidInputException(
          file + ": top_k and max_new_tokens must be whole numbers; correct the file.");
    }
    GenerationOptions options;
    try {
      options =
          GenerationOptions.greedy((int) most)
              .withTemperature(samples ? temperature : 0)
              .withTopK((int) topK)
              .withTopP(number(json, "top_p", 1, file))
              .withMinP(number(json, "min_p", 0, file))
              .withRepetitionPenalty(number(json, "repetition_penalty", 1, file))
              .withStopStrings(strings(json.path("stop_strings"), file))
              .withStopIds(stopIds(json, file, model));
    } catch (InvalidInputException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new InvalidInputException(
          "%s: %s; correct the file.".formatted(file, e.getMessage()), e);
    }
    return new GenerationDefaults(options, temperature > 0 ? temperature : 1, notApplied(json));
  }

  private static Integer[] stopIds(JsonNode json, Path file, LanguageModel model) {
    JsonNode eos = json.path("eos_token_id");
    if (eos.isMissingNode() || eos.isNull()) {
      eos = json(model.path().resolve("config.json")).path("eos_token_id");
    }
    List<Integer> ids = new ArrayList<>();
    if (eos.isMissingNode() || eos.isNull()) {
      if (model.hasTokenizer()) {
        model.tokenizer().specials().eos().ifPresent(ids::add);
      }
      return ids.toArray(new Integer[0]);
    }
    for (JsonNode id : eos.isArray() ? eos : List.of(eos)) {
      if (!id.isInt()) {
        throw new InvalidInputException(
            "%s: eos_token_id must be a token id or a list of them, not %s; correct the file."
                .formatted(file, id));
      }
      ids.add(id.intValue());
    }
    return ids.toArray(new Integer[0]);
  }

  private static String[] strings(JsonNode value, Path file) {
    List<String> strings = new ArrayList<>();
    for (JsonNode string : value.isTextual() ? List.of(value) : value) {
      if (!string.isTextual()) {
        throw new InvalidInputException(
            file + ": stop_strings must be text or a list of texts; correct the file.");
      }
      strings.add(string.asText());
    }
    return strings.toArray(new String[0]);
  }

  private static List<String> notApplied(JsonNode json) {
    List<String> found = new ArrayList<>();
    for (Map.Entry<String, JsonNode> entry : json.properties()) {
      JsonNode value = entry.getValue();
      Double neutral = OTHERS.get(entry.getKey());
      boolean changes =
          neutral != null
              && !value.isNull()
              && !(value.isNumber() && value.doubleValue() == neutral)
              && !(value.isContainerNode() && value.isEmpty());
      if (changes) {
        found.add(entry.getKey() + " = " + value);
      }
    }
    return found;
  }

  private static double number(JsonNode json, String key, double otherwise, Path file) {
    JsonNode value = json.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.isNumber()) {
      throw new InvalidInputException(
          "%s: %s must be a number, not %s; correct the file.".formatted(file, key, value));
    }
    return value.doubleValue();
  }

  private static boolean flag(JsonNode json, String key, Path file) {
    JsonNode value = json.path(key);
    if (!value.isBoolean() && !value.isNull() && !value.isMissingNode()) {
      throw new InvalidInputException(
          "%s: %s must be true or false, not %s; correct the file.".formatted(file, key, value));
    }
    return value.asBoolean(false);
  }

  /** The object in a file; an empty one if there is no such file. */
  private static JsonNode json(Path file) {
    return Files.exists(file) ? Json.read(file) : Json.object();
  }
}
