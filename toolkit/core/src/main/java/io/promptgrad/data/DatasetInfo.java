package io.promptgrad.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What is known about a data set besides its rows.
 *
 * @param name its name
 * @param title what it is
 * @param citation whom to cite
 * @param licence its terms of use
 * @param source the folder or the addresses that it was read from
 * @param sha256 the checksum of the files read
 * @param asKnown whether that is the checksum of the catalogue; empty if the catalogue has none
 * @param imported when; empty for a data set that was read where it lies
 * @param label the column that is the label; "" if there is none
 * @param text the columns that a task shows to a prompt unless it says otherwise
 * @param compare the columns that make two rows the same for the leak check
 * @param task the splits that a task takes unless it says otherwise, as {@link
 *     io.promptgrad.task.TaskFiles} writes them; empty if it must say
 * @param notices what the files say about themselves
 * @param warnings what was found wrong and passed by force
 */
public record DatasetInfo(
    String name,
    String title,
    String citation,
    String licence,
    String source,
    String sha256,
    Optional<Boolean> asKnown,
    Optional<Instant> imported,
    String label,
    List<String> text,
    List<String> compare,
    ObjectNode task,
    List<String> notices,
    List<String> warnings) {

  /** Copies the lists. */
  public DatasetInfo {
    text = List.copyOf(text);
    compare = List.copyOf(compare);
    notices = List.copyOf(notices);
    warnings = List.copyOf(warnings);
  }

  /** Returns this with the time of its import. */
  DatasetInfo importedAt(Instant time) {
    return new DatasetInfo(
        name,
        title,
        citation,
        licence,
        source,
        sha256,
        asKnown,
        Optional.of(time),
        label,
        text,
        compare,
        task,
        notices,
        warnings);
  }

  ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("name", name)
        .put("title", title)
        .put("citation", citation)
        .put("licence", licence)
        .put("source", source)
        .put("sha256", sha256);
    asKnown.ifPresent(same -> json.put("as_known", same));
    imported.ifPresent(time -> json.put("imported", time.toString()));
    json.put("label", label);
    text.forEach(json.putArray("text")::add);
    compare.forEach(json.putArray("compare")::add);
    json.set("task", task);
    notices.forEach(json.putArray("notices")::add);
    warnings.forEach(json.putArray("warnings")::add);
    return json;
  }

  static DatasetInfo fromJson(JsonNode json) {
    return new DatasetInfo(
        json.path("name").asText(),
        json.path("title").asText(),
        json.path("citation").asText(),
        json.path("licence").asText(),
        json.path("source").asText(),
        json.path("sha256").asText(),
        Optional.of(json.path("as_known")).filter(JsonNode::isBoolean).map(JsonNode::asBoolean),
        Optional.of(json.path("imported"))
            .filter(JsonNode::isTextual)
            .map(time -> Instant.parse(time.asText())),
        json.path("label").asText(),
        texts(json.path("text")),
        texts(json.path("compare")),
        json.path("task") instanceof ObjectNode task ? task : Json.object(),
        texts(json.path("notices")),
        texts(json.path("warnings")));
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(text -> texts.add(text.asText()));
    return texts;
  }
}
