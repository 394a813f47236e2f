package io.promptgrad.experiments.config;

import io.promptgrad.data.Catalogue;
import io.promptgrad.data.DataDirectory;
import java.nio.file.Path;
import java.util.Optional;

/** Where data sets are kept. */
public final class DataFolder {

  /** The variable that names the folder. */
  public static final String VARIABLE = "PROMPTGRAD_DATA";

  private DataFolder() {}

  /** The folder that {@code PROMPTGRAD_DATA} names, if it does. */
  static Optional<Path> ofEnvironment() {
    return Optional.ofNullable(System.getenv(VARIABLE)).filter(v -> !v.isBlank()).map(Path::of);
  }

  /**
   * The data sets of a folder.
   *
   * @param given the folder; else {@code PROMPTGRAD_DATA}, else {@code ~/.cache/promptgrad/data}
   */
  public static DataDirectory open(Optional<Path> given) {
    Path folder =
        given
            .or(DataFolder::ofEnvironment)
            .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache/promptgrad/data"));
    return new DataDirectory(folder.toAbsolutePath().normalize(), Catalogue.builtIn());
  }

  /** What to say about a name that is not known. */
  public static String hint(String name) {
    return Nearest.to(name, Catalogue.builtIn().names())
        .map("; did you mean '%s'?"::formatted)
        .orElse("; 'promptgrad data list' names those that are known.");
  }
}
