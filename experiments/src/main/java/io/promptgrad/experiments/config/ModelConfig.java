package io.promptgrad.experiments.config;

/**
 * A model and what it runs on, for commands that need nothing else.
 *
 * @param model as in {@link ExperimentConfig}
 * @param seed fixes what is drawn
 * @param device as in {@link ExperimentConfig}
 * @param precision as in {@link ExperimentConfig}
 */
public record ModelConfig(String model, long seed, String device, String precision) {}
