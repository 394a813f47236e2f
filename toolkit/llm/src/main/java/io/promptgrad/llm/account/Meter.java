package io.promptgrad.llm.account;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.client.Usage;

/**
 * What was used in one role.
 *
 * @param calls requests that were answered, each once, however many attempts it took
 * @param cached requests that the cache answered; they cost nothing
 * @param failed attempts that failed, in whatever way
 * @param lost those of them whose answer the server may have written and billed
 * @param promptTokens tokens read
 * @param completionTokens tokens written
 * @param lostTokens what the lost ones read and wrote at the most
 * @param usd price of the answered calls, in US dollars; 0 where no price is known
 * @param lostUsd what the lost ones cost at the most
 */
public record Meter(
    long calls,
    long cached,
    long failed,
    long lost,
    long promptTokens,
    long completionTokens,
    long lostTokens,
    double usd,
    double lostUsd) {

  /** Nothing used. */
  public static final Meter ZERO = new Meter(0, 0, 0, 0, 0, 0, 0, 0, 0);

  /** An answered call. */
  public static Meter call(Usage usage, double usd) {
    return new Meter(1, 0, 0, 0, usage.promptTokens(), usage.completionTokens(), 0, usd, 0);
  }

  /** An answer from the cache. */
  public static Meter cacheHit() {
    return new Meter(0, 1, 0, 0, 0, 0, 0, 0, 0);
  }

  /** A failed attempt that cost nothing. */
  public static Meter failure() {
    return new Meter(0, 0, 1, 0, 0, 0, 0, 0, 0);
  }

  /** A failed attempt that may have cost that much. */
  public static Meter loss(long tokens, double usd) {
    return new Meter(0, 0, 1, 1, 0, 0, tokens, 0, usd);
  }

  /** Returns the sum. */
  public Meter plus(Meter other) {
    return new Meter(
        calls + other.calls,
        cached + other.cached,
        failed + other.failed,
        lost + other.lost,
        promptTokens + other.promptTokens,
        completionTokens + other.completionTokens,
        lostTokens + other.lostTokens,
        usd + other.usd,
        lostUsd + other.lostUsd);
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    return Json.object()
        .put("calls", calls)
        .put("cached", cached)
        .put("failed", failed)
        .put("lost", lost)
        .put("prompt_tokens", promptTokens)
        .put("completion_tokens", completionTokens)
        .put("lost_tokens", lostTokens)
        .put("usd", usd)
        .put("lost_usd", lostUsd);
  }

  /** Reads what {@link #toJson} wrote. */
  public static Meter fromJson(JsonNode json) {
    return new Meter(
        json.path("calls").asLong(),
        json.path("cached").asLong(),
        json.path("failed").asLong(),
        json.path("lost").asLong(),
        json.path("prompt_tokens").asLong(),
        json.path("completion_tokens").asLong(),
        json.path("lost_tokens").asLong(),
        json.path("usd").asDouble(),
        json.path("lost_usd").asDouble());
  }
}
