package io.promptgrad.experiments;

import io.promptgrad.llm.server.SimulatedTask;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The simulated task of toolkit/llm as files: what a user of the command line has. */
final class RulesTask {

  private RulesTask() {}

  /** Writes the splits, and the task file, which it returns. */
  static Path write(Path folder) throws IOException {
    Task task = SimulatedTask.task(40, 30, 20);
    for (String split : List.of("train", "dev", "test")) {
      StringBuilder rows = new StringBuilder("item\tlabel\n");
      for (Example example : task.split(split)) {
        rows.append(example.fields().get("item")).append('\t').append(example.label()).append('\n');
      }
      Files.writeString(folder.resolve(split + ".tsv"), rows);
    }
    return Files.writeString(
        folder.resolve("task.yaml"),
        "name: rules\nlabel: label\ntrain: train.tsv\ndev: dev.tsv\ntest: test.tsv\n");
  }
}
