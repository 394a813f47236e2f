package io.promptgrad.lm.weights;

import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Files;
import java.nio.file.Path;

/** Real checkpoints and tokenizers, which lie beside the repository or nowhere. */
public final class SharedFolder {

  private SharedFolder() {}

  /**
   * A path in the folder that the property {@code promptgrad.shared} names, by default a folder
   * {@code shared} beside the repository; the test is skipped if it is not there.
   */
  public static Path path(String name) {
    Path path = folder().resolve(name);
    assumeThat(path).as("shared test data").exists();
    return path;
  }

  private static Path folder() {
    String given = System.getProperty("promptgrad.shared");
    if (given != null) {
      return Path.of(given);
    }
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.isDirectory(at.resolve("shared"))) {
        return at.resolve("shared");
      }
    }
    return Path.of("shared");
  }
}
