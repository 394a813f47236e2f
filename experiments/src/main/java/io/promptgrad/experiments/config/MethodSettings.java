package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Optional;

/** The method of an experiment with its settings: one kind for each section of a configuration. */
public sealed interface MethodSettings
    permits AutoPromptMethod,
        DiscreteConfig,
        SoftMethod,
        GradientFreeConfig,
        ProbeMethod,
        FineTuningMethod {

  /** Its name. */
  String method();

  /** The key of the section that holds the settings: the method's name, unless several share it. */
  default String section() {
    return method();
  }

  /** Every setting with its value, as {@link ConfigReader} reads them. */
  ObjectNode options();

  /** Where the prompt lies that the search begins at, if it begins at one. */
  default Optional<Path> from() {
    String from = options().path("from").asText("");
    return from.isEmpty() ? Optional.empty() : Optional.of(Path.of(from));
  }

  /** Whether it looks for a prompt; else it trains weights to compare with. */
  default boolean searches() {
    return true;
  }

  /** Whether it ends by itself, so that it needs no budget. */
  default boolean ends() {
    return false;
  }
}
