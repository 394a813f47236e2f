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
 */
public record Columns(
    String labelField,
    Optional<List<String>> columnNames,
    Optional<Map<String, String>> labelNames) {

  /** Copies the collections and refuses names given twice. */
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
  }

  /** Returns columns named by the file's header, with the label in the given one. */
  public static Columns label(String labelField) {
    return new Columns(labelField, Optional.empty(), Optional.empty());
  }

  /** Returns these columns for a file without a header line. */
  public Columns withColumnNames(List<String> names) {
    return new Columns(labelField, Optional.of(names), labelNames);
  }

  /** Returns these columns with other names for the labels. */
  public Columns withLabelNames(Map<String, String> names) {
    return new Columns(labelField, columnNames, Optional.of(names));
  }
}
