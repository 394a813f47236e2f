package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;

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

  /** The key of the section that holds the settings. */
  String section();

  /** Every setting with its value, as {@link ConfigReader} reads them. */
  ObjectNode options();

  /** Whether it looks for a prompt; else it trains weights to compare with. */
  default boolean searches() {
    return true;
  }

  /** Whether it ends by itself, so that it needs no budget. */
  default boolean ends() {
    return false;
  }
}
