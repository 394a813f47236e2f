package io.promptgrad.llm.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;

/**
 * What one call used.
 *
 * @param promptTokens tokens read
 * @param cachedTokens those of them that the server had read before, which some servers sell for
 *     less
 * @param completionTokens tokens written, hidden reasoning included
 * @param estimated whether the server did not say and the numbers are a guess
 */
public record Usage(
    long promptTokens, long cachedTokens, long completionTokens, boolean estimated) {

  /** Returns the tokens read and written. */
  public long tokens() {
    return promptTokens + completionTokens;
  }

  /** A guess of how many tokens a text has: one for four bytes, at least one. */
  public static long guess(long utf8Bytes) {
    return Math.max(1, (utf8Bytes + 3) / 4);
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object().put("prompt", promptTokens);
    if (cachedTokens > 0) {
      json.put("cached", cachedTokens);
    }
    json.put("completion", completionTokens);
    if (estimated) {
      json.put("estimated", true);
    }
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static Usage fromJson(JsonNode json) {
    return new Usage(
        json.path("prompt").asLong(),
        json.path("cached").asLong(),
        json.path("completion").asLong(),
        json.path("estimated").asBoolean());
  }
}
