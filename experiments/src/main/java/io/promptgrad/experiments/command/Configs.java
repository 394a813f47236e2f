package io.promptgrad.experiments.command;

import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.InstructionReader;
import io.promptgrad.experiments.config.RelationsConfig;
import io.promptgrad.experiments.config.TargetConfig;
import io.promptgrad.experiments.config.YamlDocument;
import java.nio.file.Path;
import java.util.Optional;

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
    applyOut(document, options);
    return ConfigReader.read(document, folder);
  }

  /** Reads the same experiment on several relations, if it names some. */
  static Optional<RelationsConfig> readRelations(
      YamlDocument document, Path folder, RunOptions options) {
    applyOut(document, options);
    return RelationsConfig.read(document, folder);
  }

  /** Reads a search for texts as targets, if it is one. */
  static Optional<TargetConfig> readTargets(
      YamlDocument document, Path folder, RunOptions options) {
    applyOut(document, options);
    return TargetConfig.read(document, folder);
  }

  /** Reads a search for an instruction, if the configuration's method is one. */
  static Optional<InstructionConfig> readInstruction(
      YamlDocument document, Path folder, RunOptions options) {
    if (!InstructionReader.isFor(document)) {
      return Optional.empty();
    }
    applyOut(document, options);
    return Optional.of(InstructionReader.read(document, folder));
  }

  private static void applyOut(YamlDocument document, RunOptions options) {
    options
        .out()
        .ifPresent(out -> document.root().put("out", Path.of(out).toAbsolutePath().toString()));
  }
}
