package io.promptgrad.lm;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.program.Program;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/**
 * The same program with gradients of its weights: for pretraining, fine-tuning and checks. Weights
 * are float32 copies of our own, whatever the precision computed in; no file is ever written to by
 * an update.
 *
 * <p>One step: {@link #accumulate} any number of batches, then {@link #update}.
 */
public final class TrainableModel implements AutoCloseable {

  // Kinds of state in the script.
  private static final int WEIGHT = 0;
  private static final int GRADIENT = 1;
  private static final int FIRST_MOMENT = 2;
  private static final int SECOND_MOMENT = 3;
  private static final int COUNT = 4;

  private final Architecture architecture;
  private final Weights weights;
  private final Program program;

  private TrainableModel(Architecture architecture, Weights weights, LoadOptions options) {
    this.architecture = architecture;
    this.weights = weights;
    Precision kept =
        options.precision() == Precision.FLOAT64 ? Precision.FLOAT64 : Precision.FLOAT32;
    this.program = weights.bind(options.device(), kept, options.precision());
    try (NDManager scope = program.newScope()) {
      program.call(scope, "make_trainable", program.nothing());
    }
  }

  /** Loads a checkpoint as {@link LanguageModel#load(Path, LoadOptions)} does. */
  public static TrainableModel load(Path directory, LoadOptions options) {
    Architecture architecture = Architecture.read(directory);
    return new TrainableModel(
        architecture, Weights.find(architecture, Checkpoint.open(directory)), options);
  }

  /**
   * Starts from random weights: norms 1, biases 0, everything else normal with standard deviation
   * {@code std}; in a pre-norm model the matrices that write into the residual stream have it divided
   * by sqrt(2 L) (Radford et al. 2019).
   *
   * @param directory holds {@code config.json}
   */
  public static TrainableModel create(Path directory, double std, long seed, LoadOptions options) {
    Architecture architecture = Architecture.read(directory);
    Random random = new Random(seed);
    double residual =
        architecture.spec().norm().before()
            ? std / Math.sqrt(2.0 * architecture.spec().layers())
            : std;
    Weights.Initializer initializer =
        (name, key, shape) -> {
          int n = 1;
          for (long d : shape) {
            n = Math.multiplyExact(n, Math.toIntExact(d));
          }
          ByteBuffer bytes = ByteBuffer.allocateDirect(4 * n).order(ByteOrder.LITTLE_ENDIAN);
          double scale = key.startsWith("o.") || key.startsWith("down.") ? residual : std;
          for (int i = 0; i < n; i++) {
            bytes.putFloat(
                shape.length > 1
                    ? (float) (scale * random.nextGaussian())
                    : key.endsWith(".weight") ? 1f : 0f);
          }
          return new TensorView(name, WeightType.F32, shape, bytes.flip());
        };
    return new TrainableModel(architecture, Weights.random(architecture, initializer), options);
  }

  /** The architecture. */
  public TransformerSpec spec() {
    return architecture.spec();
  }

  /** Number of weights. */
  public long parameters() {
    long sum = 0;
    for (long[] shape : weights.shapes) {
      sum += new Shape(shape).size();
    }
    return sum;
  }

  /** Names of the weights, as in the checkpoint. */
  public List<String> names() {
    return List.copyOf(weights.names);
  }

  /**
   * Forward and backward; adds the gradient of the weighted sum of the losses to what update will
   * use.
   *
   * @param dropout probability of dropping embeddings, sub-layer outputs and attention weights
   * @return loss of each target position, unweighted, in nats
   */
  public float[] accumulate(TokenBatch batch, Targets targets, double dropout) {
    try (NDManager step = program.newScope()) {
      LanguageModel.Inputs in = inputs(step, batch, targets);
      NDArray settings = step.create(new double[] {dropout}).toDevice(Device.cpu(), false);
      return program
          .call(
              step,
              "accumulate",
              in.ids(),
              in.mask(),
              in.types(),
              in.positions(),
              step.create(LanguageModel.longs(targets.at())),
              LanguageModel.tokenSets(step, targets),
              step.create(targets.weights()),
              settings)
          .singletonOrThrow()
          .toFloatArray();
    }
  }

  /** Loss of each target position without gradients, in nats. */
  public float[] losses(TokenBatch batch, Targets targets) {
    try (NDManager step = program.newScope()) {
      LanguageModel.Inputs in = inputs(step, batch, targets);
      return program
          .call(
              step,
              "losses",
              in.ids(),
              in.mask(),
              in.types(),
              in.positions(),
              step.create(LanguageModel.longs(targets.at())),
              LanguageModel.tokenSets(step, targets))
          .singletonOrThrow()
          .toFloatArray();
    }
  }

  private LanguageModel.Inputs inputs(NDManager step, TokenBatch batch, Targets targets) {
    LanguageModel.requireAt(batch, targets.at());
    for (int[] set : targets.tokens()) {
      for (int id : set) {
        if (id < 0 || id >= spec().vocabulary()) {
          throw new IllegalArgumentException("target token " + id + " is outside the vocabulary");
        }
      }
    }
    return LanguageModel.inputs(program, spec(), step, batch, 0, true);
  }

  /**
   * One optimizer step with the gradients accumulated since the last, which are cleared.
   *
   * @return the gradients' global norm before clipping
   */
  public double update(AdamW optimizer, double learningRate) {
    try (NDManager step = program.newScope()) {
      double[] settings = {
        learningRate,
        optimizer.beta1(),
        optimizer.beta2(),
        optimizer.epsilon(),
        optimizer.weightDecay(),
        optimizer.largestNorm()
      };
      NDArray onHost = step.create(settings).toDevice(Device.cpu(), false);
      return program.call(step, "adamw", onHost).singletonOrThrow().getFloat();
    }
  }

  /** Current values of a weight, row-major. */
  public float[] weight(String name) {
    return read(WEIGHT, index(name));
  }

  /** Replaces the values of a weight, row-major. */
  public void setWeight(String name, float[] values) {
    int index = index(name);
    long[] shape = weights.shapes.get(index);
    if (values.length != new Shape(shape).size()) {
      throw new IllegalArgumentException(
          name + " has shape " + new Shape(shape) + " but " + values.length + " values were given");
    }
    write(WEIGHT, index, values, shape);
    refresh();
  }

  /** Accumulated gradient of a weight, row-major. */
  public float[] gradient(String name) {
    return read(GRADIENT, index(name));
  }

  private int index(String name) {
    int index = weights.names.indexOf(name);
    if (index < 0) {
      throw new IllegalArgumentException("no weight is named " + name);
    }
    return index;
  }

  private float[] read(int kind, int index) {
    try (NDManager step = program.newScope()) {
      NDArray value =
          program.call(step, "state", Weights.hostInts(step, kind, index)).singletonOrThrow();
      if (value.getDataType() == ai.djl.ndarray.types.DataType.FLOAT64) {
        double[] doubles = value.toDoubleArray();
        float[] floats = new float[doubles.length];
        for (int i = 0; i < floats.length; i++) {
          floats[i] = (float) doubles[i];
        }
        return floats;
      }
      return value.toFloatArray();
    }
  }

  private void write(int kind, int index, float[] values, long[] shape) {
    try (NDManager step = program.newScope()) {
      program.call(
          step,
          "set_state",
          Weights.hostInts(step, kind, index),
          step.create(values, new Shape(shape)));
    }
  }

  /** Writes the weights as {@code model.safetensors} would hold them, in the type given. */
  public void saveWeights(Path file, WeightType type) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    for (int i = 0; i < weights.names.size(); i++) {
      writer.add(weights.names.get(i), type, weights.shapes.get(i), read(WEIGHT, i));
    }
    writer.write(file);
  }

  /**
   * Writes weights and optimizer state, atomically, so that training can go on exactly where it is.
   *
   * @param note kept in the file and given back by {@link #restore}
   */
  public void save(Path file, String note) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("promptgrad.note", note);
    for (int i = 0; i < weights.names.size(); i++) {
      String name = weights.names.get(i);
      long[] shape = weights.shapes.get(i);
      writer.add(name, WeightType.F32, shape, read(WEIGHT, i));
      writer.add(name + "/first_moment", WeightType.F32, shape, read(FIRST_MOMENT, i));
      writer.add(name + "/second_moment", WeightType.F32, shape, read(SECOND_MOMENT, i));
      writer.add(name + "/count", WeightType.F32, new long[0], read(COUNT, i));
    }
    writer.write(file);
  }

  /** Puts back what {@link #save} wrote and returns the note. */
  public String restore(Path file) {
    SafetensorsFile saved = SafetensorsFile.open(file);
    for (int i = 0; i < weights.names.size(); i++) {
      String name = weights.names.get(i);
      long[] shape = weights.shapes.get(i);
      write(WEIGHT, i, saved.get(name).toFloats(), shape);
      write(FIRST_MOMENT, i, saved.get(name + "/first_moment").toFloats(), shape);
      write(SECOND_MOMENT, i, saved.get(name + "/second_moment").toFloats(), shape);
      write(COUNT, i, saved.get(name + "/count").toFloats(), new long[0]);
    }
    refresh();
    String note = saved.metadata().get("promptgrad.note");
    if (note == null) {
      throw new InvalidInputException(file + " is not a training checkpoint of this program.");
    }
    return note;
  }

  private void refresh() {
    try (NDManager scope = program.newScope()) {
      program.call(scope, "refresh", program.nothing());
    }
  }

  @Override
  public void close() {
    program.close();
  }
}
