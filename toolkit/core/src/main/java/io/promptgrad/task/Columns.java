package io.promptgrad.task;

import io.promptgrad.input.InvalidInputException;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How the columns of an example file are read.
 *
 * @param labelField column (or JSON key) of the label; "" for files without labels
 * @param columnNames names for the columns of a TSV or CSV file that has no header line; absent
 *     when its first line is the header
 * @param labelNames what the file calls a label to what the task calls it, such as 0 to negative; a
 *     label that is not among the keys is an error
 * @param limit number of rows to read from the start of the file
 */
public record Columns(
    String labelField,
    Optional<List<String>> columnNames,
    Optional<Map<String, String>> labelNames,
    Optional<Integer> limit) {

  /** Copies the collections and refuses a negative limit. */
  public Columns {
    columnNames = columnNames.map(List::copyOf);
    columnNames.ifPresent(
        names -> {
          if (new HashSet<>(names).size() < names.size()) {
            throw new InvalidInputException(
                "The column names %s repeat a name; give each column its own.".formatted(names));
          }
        });
    labelNames = labelNames.map(names -> Collections.unmodifiableMap(new LinkedHashMap<>(names)));
    if (limit.isPresent() && limit.get() < 0) {
      throw new InvalidInputException(
          "The limit of rows is %d; it must not be negative.".formatted(limit.get()));
    }
  }

  /** Returns columns named by the file's header, with the label in the given one. */
  public static Columns label(String labelField) {
    return new Columns(labelField, Optional.empty(), Optional.empty(), Optional.empty());
  }

  /** Returns these columns for a file without a header line. */
  public Columns withColumnNames(List<String> names) {
    return new Columns(labelField, Optional.of(names), labelNames, limit);
  }

  /** Returns these columns with other names for the labels. */
  public Columns withLabelNames(Map<String, String> names) {
    return new Columns(labelField, columnNames, Optional.of(names), limit);
  }

  /** Returns these columns, reading that many rows at most. */
  public Columns withLimit(int rows) {
    return new Columns(labelField, columnNames, labelNames, Optional.of(rows));
  }
}
