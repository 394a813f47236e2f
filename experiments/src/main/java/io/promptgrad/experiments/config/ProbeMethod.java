package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.supervised.LinearProbe;
import java.util.List;
import java.util.Locale;

/**
 * A linear classifier on frozen features: the section {@code probe}.
 *
 * @param config its settings
 */
public record ProbeMethod(LinearProbe.Config config) implements MethodSettings {

  /** Name of the method. */
  public static final String NAME = "linear-probe";

  /** Key of its section. */
  static final String KEY = "probe";

  static ProbeMethod read(Section root) {
    LinearProbe.Config defaults = LinearProbe.Config.defaults();
    Section section =
        root.section(KEY, "pooling", "epochs", "batch_size", "learning_rate", "weight_decay");
    boolean mean = section.choice("pooling", "mean", List.of("mean", "prediction")).equals("mean");
    return new ProbeMethod(
        new LinearProbe.Config(
            mean ? LinearProbe.Pooling.MEAN : LinearProbe.Pooling.PREDICTION,
            section.positive("epochs", defaults.epochs()),
            section.positive("batch_size", defaults.batchSize()),
            section.rate("learning_rate", defaults.learningRate()),
            section.share("weight_decay", defaults.weightDecay())));
  }

  @Override
  public String method() {
    return NAME;
  }

  @Override
  public String section() {
    return KEY;
  }

  @Override
  public ObjectNode options() {
    return Json.object()
        .put("pooling", config.pooling().name().toLowerCase(Locale.ROOT))
        .put("epochs", config.epochs())
        .put("batch_size", config.batchSize())
        .put("learning_rate", config.learningRate())
        .put("weight_decay", config.weightDecay());
  }

  @Override
  public boolean searches() {
    return false;
  }
}
