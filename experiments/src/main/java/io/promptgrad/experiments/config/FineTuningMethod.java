package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.supervised.FineTuning;

/**
 * Training of all weights: the section {@code finetune}.
 *
 * @param config its settings
 */
public record FineTuningMethod(FineTuning.Config config) implements MethodSettings {

  /** Name of the method, and key of its section. */
  static final String NAME = "finetune";

  static FineTuningMethod read(Section root) {
    FineTuning.Config defaults = FineTuning.Config.defaults();
    Section section =
        root.section(NAME, "epochs", "batch_size", "learning_rate", "weight_decay", "dropout");
    return new FineTuningMethod(
        new FineTuning.Config(
            section.positive("epochs", defaults.epochs()),
            section.positive("batch_size", defaults.batchSize()),
            section.rate("learning_rate", defaults.learningRate()),
            section.share("weight_decay", defaults.weightDecay()),
            section.share("dropout", defaults.dropout())));
  }

  @Override
  public String method() {
    return NAME;
  }

  @Override
  public ObjectNode options() {
    return Json.object()
        .put("epochs", config.epochs())
        .put("batch_size", config.batchSize())
        .put("learning_rate", config.learningRate())
        .put("weight_decay", config.weightDecay())
        .put("dropout", config.dropout());
  }

  @Override
  public boolean searches() {
    return false;
  }
}
