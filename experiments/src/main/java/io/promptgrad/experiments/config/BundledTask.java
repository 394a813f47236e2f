package io.promptgrad.experiments.config;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Columns;
import io.promptgrad.task.Example;
import io.promptgrad.task.ExampleFile;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A small task that ships inside the jar. */
public enum BundledTask {
  /** Praise and complaint in single sentences: 600 train, 400 dev, 400 test, balanced. */
  SENTIMENT("sentiment", "quickstart");

  /** Prefix of a bundled task's name where a task is asked for. */
  public static final String PREFIX = "bundled:";

  private final String id;
  private final String folder;

  BundledTask(String id, String folder) {
    this.id = id;
    this.folder = folder;
  }

  /**
   * The task of that name, prefix included.
   *
   * @throws InvalidInputException if there is none
   */
  public static BundledTask named(String name) {
    List<String> known = Arrays.stream(values()).map(task -> PREFIX + task.id).toList();
    return Arrays.stream(values())
        .filter(task -> name.equals(PREFIX + task.id))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "There is no bundled task '%s'%s"
                        .formatted(name, Nearest.hint(name, known))));
  }

  /** Reads its examples. */
  public Task load() {
    return new Task(id, split("train"), split("dev"), split("test"));
  }

  private List<Example> split(String split) {
    String file = "/io/promptgrad/experiments/" + folder + "/" + split + ".tsv";
    try (InputStream in = BundledTask.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException("The jar lacks " + file + ".");
      }
      List<Example> examples = new ArrayList<>();
      for (Example e : ExampleFile.parse(in.readAllBytes(), file, Columns.label("label"))) {
        String row = e.id().substring(e.id().lastIndexOf(':'));
        examples.add(new Example(split + row, e.fields(), e.label()));
      }
      return examples;
    } catch (IOException e) {
      throw new IllegalStateException("The jar's " + file + " cannot be read.", e);
    }
  }
}
