package io.promptgrad.experiments.execution;

import io.promptgrad.experiments.config.ExperimentConfig;
import java.nio.file.Files;
import java.nio.file.Path;

/** Names run directories when the user does not. */
final class RunFolders {

  private RunFolders() {}

  /** The first of {@code runs/TASK-METHOD-seed0}, {@code ...-2}, {@code ...-3} that is free. */
  static Path next(String task, ExperimentConfig config) {
    return next(task, config.method(), config.seed());
  }

  /** The same by the name of the method and the seed. */
  static Path next(String task, String method, long seed) {
    String name = "%s-%s-seed%s".formatted(task.replaceAll("[^\\w.-]+", "_"), method, seed);
    Path folder = Path.of("runs", name);
    for (int n = 2; Files.exists(folder); n++) {
      folder = Path.of("runs", name + "-" + n);
    }
    return folder;
  }
}
