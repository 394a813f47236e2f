package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.data.DataDirectory;
import io.promptgrad.experiments.config.BundledTask;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.nio.file.Path;
import java.util.List;

/** Loads the tasks of configurations. */
final class Tasks {

  private Tasks() {}

  /** Loads the experiment's task and checks that its template can be filled in. */
  static Task load(ExperimentConfig config) {
    Task task = load(config.task());
    config.template().requireFields(task.fields());
    return task;
  }

  /** Loads {@code bundled:NAME} or a mapping with absolute paths. */
  static Task load(JsonNode task) {
    return task.isTextual()
        ? BundledTask.named(task.asText()).load()
        : DataDirectory.load(task, Path.of(""));
  }

  /**
   * Checks that every example has one of the labels.
   *
   * @throws InvalidInputException naming the first example that has not
   */
  static void requireLabels(Task task, List<String> labels) {
    for (String split : List.of("train", "dev", "test")) {
      requireLabels(task.split(split), labels);
    }
  }

  static void requireLabels(List<Example> examples, List<String> labels) {
    for (Example example : examples) {
      if (!labels.contains(example.label())) {
        throw new InvalidInputException(
            example.label().isEmpty()
                ? "Example %s has no label; name the column of labels as the task's label."
                    .formatted(example.id())
                : "Example %s has the label '%s', but the verbalizer knows only %s; add it to the verbalizer."
                    .formatted(example.id(), example.label(), labels));
      }
    }
  }
}
