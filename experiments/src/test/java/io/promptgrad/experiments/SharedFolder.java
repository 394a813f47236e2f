package io.promptgrad.experiments;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** The folder of fixtures beside the repository, where there is one. */
final class SharedFolder {

  private SharedFolder() {}

  /** Returns the folder, or skips the test. */
  static Path find() {
    String given = System.getProperty("promptgrad.shared");
    Path found = given == null || !Files.isDirectory(Path.of(given)) ? null : Path.of(given);
    for (Path at = Path.of("").toAbsolutePath(); found == null && at != null; at = at.getParent()) {
      if (Files.isDirectory(at.resolve("shared/fixtures"))) {
        found = at.resolve("shared");
      }
    }
    assumeTrue(found != null, "needs the shared folder");
    return found;
  }
}
