package io.promptgrad.task;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * One row of a task.
 *
 * @param id stable name of the row, {@code "<split or file name>:<row number>"}, rows counted from
 *     1; paired tests match outcomes by it
 * @param fields column name to text, in file order, without the label column; exact text, nothing
 *     trimmed
 * @param label the gold label, or "" when the row has none
 */
public record Example(String id, Map<String, String> fields, String label) {

  /** Copies the fields, keeping their order. */
  public Example {
    Objects.requireNonNull(id, "id");
    Objects.requireNonNull(label, "label");
    fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
  }

  /** Returns all field values in order, joined by one blank: the text that a person would read. */
  public String text() {
    return String.join(" ", fields.values());
  }
}
