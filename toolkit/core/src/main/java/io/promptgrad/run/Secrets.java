package io.promptgrad.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Keeps API keys out of run directories: the value of every key whose last word is key, token,
 * secret or password ({@code api_key}, {@code apiKey}, {@code HF_TOKEN}) becomes "***". References
 * such as ${OPENAI_API_KEY} stay, and so do the names of a vocabulary's own tokens ({@code
 * pad_token}) and everything below {@code verbalizer} and {@code labels}, whose keys are the user's
 * labels.
 */
final class Secrets {

  static final String MASK = "***";

  private static final Set<String> LAST_WORDS =
      Set.of("key", "apikey", "token", "secret", "password");
  private static final Set<String> LABELS = Set.of("verbalizer", "labels");
  private static final Set<String> VOCABULARY =
      Set.of(
          "padtoken",
          "masktoken",
          "bostoken",
          "eostoken",
          "unktoken",
          "clstoken",
          "septoken",
          "labeltoken",
          "triggertoken");

  private Secrets() {}

  /** Returns a copy with masked values. */
  static ObjectNode masked(ObjectNode config) {
    ObjectNode copy = config.deepCopy();
    mask(copy);
    return copy;
  }

  private static void mask(JsonNode node) {
    if (node instanceof ObjectNode object) {
      List<String> keys = new ArrayList<>();
      object.fieldNames().forEachRemaining(keys::add);
      for (String key : keys) {
        if (secret(key)) {
          object.set(key, hidden(object.get(key)));
        } else if (!LABELS.contains(key)) {
          mask(object.get(key));
        }
      }
    } else if (node instanceof ArrayNode array) {
      array.forEach(Secrets::mask);
    }
  }

  private static boolean secret(String key) {
    // "apiKey" and "HF_TOKEN" have two words, "hockey" and "turkey" one.
    String[] words = key.split("[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])");
    String last = words.length == 0 ? "" : words[words.length - 1].toLowerCase(Locale.ROOT);
    String plain = String.join("", words).toLowerCase(Locale.ROOT);
    return LAST_WORDS.contains(last) && !VOCABULARY.contains(plain);
  }

  private static JsonNode hidden(JsonNode value) {
    if (value instanceof ObjectNode object) {
      object.fieldNames().forEachRemaining(key -> object.set(key, hidden(object.get(key))));
      return object;
    }
    if (value instanceof ArrayNode array) {
      for (int i = 0; i < array.size(); i++) {
        array.set(i, hidden(array.get(i)));
      }
      return array;
    }
    boolean harmless =
        value.isNull() || value.isBoolean() || value.asText().matches("|\\$\\{[A-Za-z0-9_]+}");
    return harmless ? value : TextNode.valueOf(MASK);
  }
}
