package io.promptgrad.lm.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;

/**
 * Finds which token fills which role. A checkpoint may say so in three places, and often in none.
 *
 * <p>For each role the first that answers wins: {@code tokenizer_config.json}, {@code
 * special_tokens_map.json} (an explicit null is an answer: none), the settings of {@code
 * tokenizer.json}, then the customary names among its added tokens. A name that is no token of the
 * tokenizer is no answer.
 */
final class SpecialsReader {

  private final TokenizerJson tokenizer;
  private final List<JsonNode> configs;
  private final Function<String, OptionalInt> id;
  private final Map<String, Integer> addedSpecial = new HashMap<>();

  SpecialsReader(
      TokenizerJson tokenizer, List<JsonNode> configs, Function<String, OptionalInt> id) {
    this.tokenizer = tokenizer;
    this.configs = configs;
    this.id = id;
    for (TokenizerJson.Added token : tokenizer.added()) {
      if (token.special()) {
        addedSpecial.put(token.content(), token.id());
      }
    }
  }

  Specials read() {
    OptionalInt bos = role("bos_token", OptionalInt.empty(), "<s>", "<bos>", "<|endoftext|>");
    OptionalInt eos = role("eos_token", OptionalInt.empty(), "</s>", "<eos>", "<|endoftext|>");
    OptionalInt pad = role("pad_token", OptionalInt.empty(), "[PAD]", "<pad>");
    OptionalInt mask = role("mask_token", OptionalInt.empty(), "[MASK]", "<mask>");
    OptionalInt unk = role("unk_token", modelUnknown(), "[UNK]", "<unk>");
    OptionalInt cls = role("cls_token", postProcessor("cls"), "[CLS]");
    OptionalInt sep = role("sep_token", postProcessor("sep"), "[SEP]");
    Set<Integer> all = new HashSet<>(addedSpecial.values());
    for (OptionalInt one : List.of(bos, eos, pad, mask, unk, cls, sep)) {
      one.ifPresent(all::add);
    }
    return new Specials(bos, eos, pad, mask, unk, cls, sep, all);
  }

  private OptionalInt role(String key, OptionalInt fromSettings, String... customaryNames) {
    for (JsonNode config : configs) {
      JsonNode value = config.get(key);
      if (value == null) {
        continue;
      }
      if (value.isNull()) {
        return OptionalInt.empty();
      }
      OptionalInt named = id.apply(value.isTextual() ? value.asText() : text(value));
      if (named.isPresent()) {
        return named;
      }
    }
    if (fromSettings.isPresent()) {
      return fromSettings;
    }
    for (String name : customaryNames) {
      if (addedSpecial.containsKey(name)) {
        return OptionalInt.of(addedSpecial.get(name));
      }
    }
    return OptionalInt.empty();
  }

  /** A token written as an object, {@code {"content": "<mask>", "lstrip": true, ...}}. */
  private static String text(JsonNode token) {
    return token.path("content").asText("");
  }

  private OptionalInt modelUnknown() {
    JsonNode model = tokenizer.part("model");
    if (model.path("unk_id").isInt()) {
      return OptionalInt.of(model.get("unk_id").intValue());
    }
    return id.apply(model.path("unk_token").asText(""));
  }

  /** RobertaProcessing and BertProcessing name both: {@code "cls": ["<s>", 0]}. */
  private OptionalInt postProcessor(String role) {
    return id.apply(tokenizer.part("post_processor").path(role).path(0).asText(""));
  }
}
