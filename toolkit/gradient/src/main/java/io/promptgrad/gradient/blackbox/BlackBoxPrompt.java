package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.soft.SoftPrompt;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.BlackBoxModel;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.prompt.Prompt;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * A soft prompt without a gradient: vectors that are added to a model's hidden states at the slots
 * of a template, or stand there instead of words.
 *
 * @param frame template, label tokens, and the tokens at the slots
 * @param mode what becomes of the vectors
 * @param layers vectors for the inputs of the first layers [layers][P * width]; one "layer" if they
 *     stand instead of words
 */
public record BlackBoxPrompt(TriggerPrompt frame, BlackBoxModel.Mode mode, float[][] layers)
    implements Prompt {

  @Override
  public String kind() {
    return "soft";
  }

  @Override
  public String text() {
    String template = frame.template().toString();
    int first = template.indexOf("[T]");
    return "%s<%d vectors%s%s> %s"
        .formatted(
            template.substring(0, Math.max(0, first)),
            frame.tokenIds().length,
            layers.length > 1 ? " in each of %d layers".formatted(layers.length) : "",
            mode == BlackBoxModel.Mode.ADD ? " added" : "",
            template
                .substring(Math.max(0, first))
                .replace("[T]", " ")
                .strip()
                .replaceAll(" +", " "));
  }

  @Override
  public int[] tokenIds() {
    return new int[0];
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = frame.toJson();
    json.put("kind", kind());
    json.put("text", text());
    json.put("mode", mode.name().toLowerCase(Locale.ROOT));
    ArrayNode vectors = json.putArray("vectors");
    Arrays.stream(layers).map(Floats::save).forEach(vectors::add);
    return json;
  }

  /** Whether a saved prompt is of this kind. */
  public static boolean isSaved(JsonNode json) {
    return json.path("kind").asText().equals("soft") && json.path("vectors").isArray();
  }

  /**
   * Reads what {@link #toJson} wrote, for a model with the same vocabulary.
   *
   * @throws InvalidInputException if something is missing or the vocabulary does not fit
   */
  public static BlackBoxPrompt fromJson(JsonNode json, Tokenizer tokenizer) {
    ObjectNode tokens = Json.object();
    json.properties().forEach(entry -> tokens.set(entry.getKey(), entry.getValue()));
    TriggerPrompt frame = TriggerPrompt.fromJson(tokens.put("kind", "trigger"), tokenizer);
    boolean added = json.path("mode").asText().equals("add");
    if (!isSaved(json) || !(added || json.path("mode").asText().equals("instead"))) {
      throw new InvalidInputException(
          "This is no saved prompt of black-box tuning: it needs \"vectors\" and a \"mode\", add or instead.");
    }
    float[][] layers = new float[json.path("vectors").size()][];
    for (int l = 0; l < layers.length; l++) {
      try {
        layers[l] = Floats.restore(json.path("vectors").get(l).asText());
      } catch (IllegalArgumentException e) {
        throw new InvalidInputException(
            "The saved prompt's \"vectors\" of layer %d are damaged; save it anew.".formatted(l),
            e);
      }
    }
    return new BlackBoxPrompt(
        frame, added ? BlackBoxModel.Mode.ADD : BlackBoxModel.Mode.INSTEAD, layers);
  }

  /**
   * The same as virtual tokens, if its vectors stand instead of words: what {@code eval}, reports,
   * other searches and PEFT take. Vectors that are added to hidden states have no such form.
   *
   * @param modelName as configurations write it
   */
  public Optional<SoftPrompt> asSoftPrompt(LanguageModel model, String modelName) {
    return mode == BlackBoxModel.Mode.INSTEAD
        ? Optional.of(
            SoftPrompt.ofVectors(
                model,
                modelName,
                layers[0],
                SoftPrompt.Reading.of(frame.template(), frame.labels(), model.tokenizer())))
        : Optional.empty();
  }

  /**
   * Checks that the vectors are as many and as wide as a model takes.
   *
   * @throws InvalidInputException naming both numbers
   */
  void requireFit(LanguageModel model) {
    int width = model.forBlackBox().width(mode);
    int most = mode == BlackBoxModel.Mode.ADD ? model.spec().layers() : 1;
    int values = frame.tokenIds().length * width;
    if (layers.length == 0 || layers.length > most) {
      throw new InvalidInputException(
          "The soft prompt has vectors for %d layers, but %s takes them for %d; use it with the model that it was found for."
              .formatted(layers.length, model.spec().family(), most));
    }
    for (float[] layer : layers) {
      if (layer.length != values) {
        throw new InvalidInputException(
            "The soft prompt has %d numbers in a layer, but %d vectors of this model, whose width is %d, have %d; use it with the model that it was found for."
                .formatted(layer.length, frame.tokenIds().length, width, values));
      }
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof BlackBoxPrompt that
        && frame.equals(that.frame)
        && mode == that.mode
        && Arrays.deepEquals(layers, that.layers);
  }

  @Override
  public int hashCode() {
    return 31 * frame.hashCode() + Arrays.deepHashCode(layers);
  }
}
