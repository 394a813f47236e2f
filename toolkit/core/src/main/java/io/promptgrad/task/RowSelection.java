package io.promptgrad.task;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.input.InvalidInputException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Which columns and rows of a source a task takes. */
record RowSelection(List<String> fields, List<String> labels, boolean balanced) {

  static RowSelection parse(JsonNode config) {
    return new RowSelection(
        TaskFiles.texts(config, "fields"),
        TaskFiles.texts(config, "keep_labels"),
        config.path("balanced").asBoolean(false));
  }

  List<Example> of(List<Example> examples, String split, long seed) {
    List<Example> selected = examples;
    if (!labels.isEmpty()) {
      selected = examples.stream().filter(e -> labels.contains(e.label())).toList();
      if (selected.isEmpty()) {
        throw new InvalidInputException(
            "The task keeps the labels %s, which no row of its %s split has."
                .formatted(labels, split));
      }
    }
    if (balanced) {
      selected = TaskFiles.balance(selected, seed);
    }
    return fields.isEmpty() ? selected : selected.stream().map(this::narrow).toList();
  }

  private Example narrow(Example example) {
    Map<String, String> kept = new LinkedHashMap<>();
    for (String field : fields) {
      String text = example.fields().get(field);
      if (text == null) {
        throw new InvalidInputException(
            "Example %s has no field '%s', only %s; correct the task's fields."
                .formatted(example.id(), field, example.fields().keySet()));
      }
      kept.put(field, text);
    }
    return new Example(example.id(), kept, example.label());
  }
}
