package io.promptgrad.task;

import java.nio.file.Files;
import java.nio.file.Path;

/** Finds the folder of shared data next to the repository, for tests that can do without it. */
public final class Shared {

  private Shared() {}

  /** Returns the folder named by {@code promptgrad.shared}, or the nearest {@code ../shared}. */
  public static Path folder() {
    String given = System.getProperty("promptgrad.shared");
    if (given != null) {
      return Path.of(given);
    }
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.isDirectory(at.resolve("shared/data"))) {
        return at.resolve("shared");
      }
    }
    return null;
  }
}
