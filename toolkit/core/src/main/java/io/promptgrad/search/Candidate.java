package io.promptgrad.search;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * One prompt that a search looked at.
 *
 * @param id unique within the run, such as {@code 12.3}
 * @param parent id of the candidate that it was made from, or ""
 * @param text the prompt for people to read
 * @param tokenIds its token ids; empty when it is not made of tokens
 * @param score its score on the {@code n} examples that it was scored on; higher is better
 * @param n number of examples behind the score
 * @param status what became of it
 * @param details anything else worth keeping in the trace (position, replaced token, objective
 *     terms ...): strings, numbers, booleans, and lists and maps of them
 */
public record Candidate(
    String id,
    String parent,
    String text,
    int[] tokenIds,
    double score,
    int n,
    Status status,
    Map<String, Object> details) {

  /** What became of a candidate. */
  public enum Status {
    /** It was the state before the step, scored again on the step's examples. */
    INCUMBENT,
    /** It was scored on all of the step's examples and not taken. */
    EVALUATED,
    /** It was given up before all examples were scored, since it could not win any more. */
    PRUNED,
    /** There is no candidate: what was to become one could not be read. The details say why. */
    SKIPPED,
    /** It became the state. */
    ACCEPTED
  }

  /** Copies the ids and the details. */
  public Candidate {
    Objects.requireNonNull(id, "id");
    Objects.requireNonNull(parent, "parent");
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(status, "status");
    tokenIds = tokenIds.clone();
    details = Collections.unmodifiableMap(new LinkedHashMap<>(details));
  }

  /** Returns the token ids, a fresh array. */
  @Override
  public int[] tokenIds() {
    return tokenIds.clone();
  }

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("id", id).put("parent", parent).put("text", text);
    json.set("token_ids", Json.array(tokenIds));
    json.set("score", Json.number(score));
    json.put("n", n).put("status", status.name().toLowerCase(Locale.ROOT));
    if (!details.isEmpty()) {
      json.set("details", Json.tree(details));
    }
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static Candidate fromJson(JsonNode json) {
    Map<String, Object> details = new LinkedHashMap<>();
    json.path("details")
        .properties()
        .forEach(entry -> details.put(entry.getKey(), Json.value(entry.getValue())));
    return new Candidate(
        json.path("id").asText(),
        json.path("parent").asText(),
        json.path("text").asText(),
        Json.ints(json.path("token_ids")),
        Json.toDouble(json.path("score")),
        json.path("n").asInt(),
        Status.valueOf(json.path("status").asText().toUpperCase(Locale.ROOT)),
        details);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Candidate that
        && id.equals(that.id)
        && parent.equals(that.parent)
        && text.equals(that.text)
        && Arrays.equals(tokenIds, that.tokenIds)
        && Double.compare(score, that.score) == 0
        && n == that.n
        && status == that.status
        && details.equals(that.details);
  }

  @Override
  public int hashCode() {
    return Objects.hash(id, parent, text, Arrays.hashCode(tokenIds), score, n, status, details);
  }
}
