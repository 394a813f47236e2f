package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.data.DataDirectory;
import io.promptgrad.experiments.config.BundledTask;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Example;
import io.promptgrad.task.LeakCheck;
import io.promptgrad.task.LeakReport;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;

/** Loads the tasks of configurations. */
final class Tasks {

  private Tasks() {}

  /**
   * Loads the experiment's task and checks that its template can be filled in; with facts, whose
   * fields are made later, once the model is there.
   */
  static Task load(ExperimentConfig config) {
    Task task = load(config.task());
    if (config.facts().isEmpty()) {
      requireFields(task, config.template());
    }
    return task;
  }

  /** Loads {@code bundled:NAME} or a mapping with absolute paths. */
  static Task load(JsonNode task) {
    return task.isTextual()
        ? BundledTask.named(task.asText()).load()
        : DataDirectory.load(task, Path.of(""));
  }

  /**
   * Finds texts that occur in an earlier split as well, and says it in sentences.
   *
   * @param template whose fields are compared
   * @param scored the splits whose scores would be too good
   */
  static List<String> leaks(Task task, PromptTemplate template, List<String> scored) {
    return leaks(task, template.fields(), scored);
  }

  /** The same for fields by their names. */
  static List<String> leaks(Task task, Collection<String> fields, List<String> scored) {
    return sentences(LeakCheck.check(task, fields), (earlier, later) -> scored.contains(later));
  }

  /**
   * A sentence for each pair of splits that share texts.
   *
   * @param matters whether scores on the second are too good because of the first
   */
  static List<String> sentences(LeakReport report, BiPredicate<String, String> matters) {
    List<String> sentences = new ArrayList<>();
    for (Map.Entry<String, Integer> leaked : report.counts().entrySet()) {
      String[] pair = leaked.getKey().split("/");
      if (matters.test(pair[0], pair[1])) {
        sentences.add(
            "%d of the texts of %s also occur in %s (such as %s): scores on it are too good."
                .formatted(
                    leaked.getValue(),
                    pair[1],
                    pair[0],
                    report.leaks().stream()
                        .filter(leak -> leak.splits().equals(leaked.getKey()))
                        .findFirst()
                        .orElseThrow()
                        .second()));
      }
    }
    return sentences;
  }

  /**
   * Checks that every example can fill in a template: rows of JSON lines may differ in their
   * fields.
   *
   * @throws InvalidInputException naming the first example that cannot
   */
  static void requireFields(Task task, PromptTemplate template) {
    template.requireFields(task.fields());
    for (String split : List.of("train", "dev", "test")) {
      for (Example example : task.split(split)) {
        for (String field : template.fields()) {
          if (!example.fields().containsKey(field)) {
            throw new InvalidInputException(
                "Example %s has no field {%s}, which the template '%s' uses, only %s; complete the row."
                    .formatted(example.id(), field, template, example.fields().keySet()));
          }
        }
      }
    }
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
