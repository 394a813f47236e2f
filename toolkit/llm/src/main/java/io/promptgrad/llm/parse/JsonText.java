package io.promptgrad.llm.parse;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Optional;

/**
 * A JSON object or array somewhere in a text. Single quotes, comments, trailing commas, keys
 * without quotes and line breaks within strings are taken as they are meant.
 */
public final class JsonText {

  private static final JsonMapper TOLERANT =
      JsonMapper.builder()
          .enable(
              JsonReadFeature.ALLOW_SINGLE_QUOTES,
              JsonReadFeature.ALLOW_UNQUOTED_FIELD_NAMES,
              JsonReadFeature.ALLOW_TRAILING_COMMA,
              JsonReadFeature.ALLOW_JAVA_COMMENTS,
              JsonReadFeature.ALLOW_UNESCAPED_CONTROL_CHARS,
              JsonReadFeature.ALLOW_BACKSLASH_ESCAPING_ANY_CHARACTER)
          .build();

  private JsonText() {}

  /** Returns the first object or array that can be read, wherever it begins. */
  public static Optional<JsonNode> first(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '{' || c == '[') {
        try {
          // What follows the value is not looked at.
          JsonNode value = TOLERANT.readTree(text.substring(i));
          if (value != null && value.isContainerNode() && !value.isEmpty()) {
            return Optional.of(value);
          }
        } catch (JsonProcessingException e) {
          continue; // not JSON from here; perhaps from the next bracket
        }
      }
    }
    return Optional.empty();
  }
}
