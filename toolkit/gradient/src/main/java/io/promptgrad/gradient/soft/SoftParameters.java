package io.promptgrad.gradient.soft;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.SoftModel.Layout;
import io.promptgrad.lm.TrainablePrompt;
import io.promptgrad.lm.TrainablePrompt.Form;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.search.RandomSource;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * The parameters that a configuration asks for, with their first numbers.
 *
 * @param tokens P
 * @param prompts how many are trained side by side
 */
record SoftParameters(
    LanguageModel model,
    SoftConfig config,
    int tokens,
    int prompts,
    Optional<LabelTokens> labels,
    RandomSource random) {

  // How a network is fitted to keys and values (Li and Liang 2021, the program's low-data setting).
  private static final int FITTING_UPDATES = 500;
  private static final double FITTING_RATE = 1e-4;

  /** Makes them on the model's device. */
  TrainablePrompt make() {
    requireDifferent();
    Map<String, float[]> fitted = new HashMap<>();
    if (config.encoder() != SoftConfig.Encoder.NONE && config.start() instanceof SoftStart.Text) {
      fitted.putAll(fitted());
    }
    TrainablePrompt made =
        new TrainablePrompt(
            model,
            config.layout(),
            form(),
            tokens,
            config.optimizer(),
            (name, shape) -> fitted.isEmpty() ? initial(name, shape) : fitted.get(name));
    if (config.start() instanceof SoftStart.Pruned pruned) {
      made.mask(pruned.mask());
    }
    return made;
  }

  /** An ensemble's prompts begin apart, or dropout drives them apart, or they are one prompt. */
  private void requireDifferent() {
    Optional<String> fixed = config.start().fixed(tokens, labels);
    if (config.prompts() > 1 && config.extras().dropout() == 0 && fixed.isPresent()) {
      throw new InvalidInputException(
          "%d prompts that all begin at %s would stay alike; begin at normal or uniform numbers or at sampled words (vocabulary), or set prompts to 1."
              .formatted(config.prompts(), fixed.get()));
    }
  }

  private Form form() {
    int e = model.spec().wordWidth();
    int hidden = config.encoder().hidden(e);
    return switch (config.encoder()) {
      case NONE -> new Form.Table(prompts);
      case LOW_RANK -> new Form.LowRank(Math.min(hidden, tokens));
      case PROJECTION -> new Form.Projection(e, hidden, parts());
      case MLP -> new Form.Mlp(e, hidden);
      case LSTM -> new Form.Lstm(e, hidden, 2);
    };
  }

  /** The three prefixes of an encoder-decoder have a network each. */
  private List<Integer> parts() {
    if (config.layout() != Layout.ALL_KEY_VALUES) {
      return List.of();
    }
    TransformerSpec spec = model.spec();
    int layer = 2 * spec.attention().keyValueHeads() * spec.attention().headDim();
    return List.of(spec.encoder().layers() * layer, spec.layers() * layer, spec.layers() * layer);
  }

  /** Tables begin as asked for; layers as PyTorch's do: even numbers up to 1 / sqrt(inputs). */
  private float[] initial(String name, long[] shape) {
    RandomGenerator numbers = random.stream("soft-start-" + name, 0);
    if (config.encoder() == SoftConfig.Encoder.NONE) {
      return config.start().values(model, config.layout(), tokens, labels, numbers);
    }
    boolean zero = config.start() instanceof SoftStart.Zero;
    float[] values = new float[Math.toIntExact(Arrays.stream(shape).reduce(1, (a, b) -> a * b))];
    String plain = name.replaceFirst("^\\d+\\.", ""); // of whichever network
    if (plain.equals("table") || plain.equals("left")) {
      double deviation =
          config.start() instanceof SoftStart.Normal normal && normal.deviation() > 0
              ? normal.deviation()
              : 1;
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (deviation * numbers.nextGaussian());
      }
      return values;
    }
    String last = config.encoder() == SoftConfig.Encoder.MLP ? "dense3" : "dense2";
    if (zero && (plain.startsWith(last) || plain.equals("right"))) {
      return values;
    }
    double bound = 1 / Math.sqrt(inputs(name));
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (bound * (2 * numbers.nextDouble() - 1));
    }
    return values;
  }

  /** What PyTorch divides by: inputs of a dense layer, width of an LSTM's state. */
  private double inputs(String name) {
    Map<String, long[]> shapes = form().parameters(tokens, model.forSoft().width(config.layout()));
    String key =
        name.startsWith("lstm")
            ? name.replaceAll("\\.[a-z_]+$", ".state")
            : name.replace(".bias", ".weight");
    return shapes.get(key)[name.equals("right") ? 0 : 1];
  }

  /** The network whose output is near to the start, by Adam on the mean of squared differences. */
  private Map<String, float[]> fitted() {
    SoftModel soft = model.forSoft();
    float[] wanted =
        config.start().values(model, config.layout(), tokens, labels, random.stream("unused", 0));
    Map<String, float[]> fitted = new HashMap<>();
    try (TrainablePrompt network =
            new TrainablePrompt(
                model,
                config.layout(),
                form(),
                tokens,
                new AdamW(0.9, 0.999, 1e-8, 0, 0),
                this::initial);
        NDManager scope = model.newScope()) {
      NDArray target = soft.prompt(scope, wanted, config.layout());
      for (int update = 1; update <= FITTING_UPDATES; update++) {
        try (NDArray value = network.value(scope);
            NDArray difference = value.sub(target);
            NDArray gradient = difference.mul(2.0 / wanted.length)) {
          network.accumulate(gradient);
        }
        network.update(update, FITTING_RATE);
      }
      network
          .parameters()
          .forEach(
              (name, shape) -> {
                double[] values = network.parameter(name);
                float[] rounded = new float[Math.toIntExact(new Shape(shape).size())];
                for (int i = 0; i < rounded.length; i++) {
                  rounded[i] = (float) values[i];
                }
                fitted.put(name, rounded);
              });
    }
    return fitted;
  }
}
