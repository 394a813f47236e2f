package io.promptgrad.experiments.command;

import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.experiments.config.YamlDocument;
import java.nio.file.Path;

/** Reads configurations that options may have changed. */
final class Configs {

  private Configs() {}

  /**
   * Reads an experiment.
   *
   * @param folder where its relative paths start; {@code --out} starts at the working directory
   *     though, as a shell's user expects
   */
  static ExperimentConfig read(YamlDocument document, Path folder, RunOptions options) {
    options.out().ifPresent(out -> document.root().put("out", Path.of(out).toAbsolutePath().toString()));
    return ConfigReader.read(document, folder);
  }
}
