package io.promptgrad.lm;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.program.Program;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * The same program with gradients of its weights: for pretraining, fine-tuning and checks. Weights
 * are copies of our own, float32 whatever the precision computed in (float64 for float64); no file
 * is ever written to by an update.
 *
 * <p>One step: {@link #accumulate} any number of batches, then {@link #update}. Not for use by
 * several threads.
 */
public final class TrainableModel implements AutoCloseable {

  // Kinds of state in the script.
  private static final int WEIGHT = 0;
  private static final int GRADIENT = 1;
  private static final int FIRST_MOMENT = 2;
  private static final int SECOND_MOMENT = 3;
  private static final int COUNT = 4;

  /** Metadata key that marks a training checkpoint. */
  private static final String NOTE = "promptgrad.note";

  private final Architecture architecture;
  private final Weights weights;
  private final Precision kept;
  private final Program program;

  private TrainableModel(Architecture architecture, Weights weights, LoadOptions options) {
    if (options.devices().size() > 1) {
      throw new InvalidInputException(
          "A model is trained on one device, not on %s; name one."
              .formatted(Devices.name(options.devices())));
    }
    this.architecture = architecture;
    this.weights = weights;
    this.kept = options.precision() == Precision.FLOAT64 ? Precision.FLOAT64 : Precision.FLOAT32;
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
   * {@code std}; in a pre-norm model the matrices that write into the residual stream have it
   * divided by sqrt(2 L) (Radford et al. 2019).
   *
   * @param directory holds {@code config.json}
   */
  public static TrainableModel create(Path directory, double std, long seed, LoadOptions options) {
    Architecture architecture = Architecture.read(directory);
    Random random = new Random(seed);
    Norm norm = architecture.spec().norm();
    double residual =
        norm.place() == Norm.Place.INPUT
            ? std / Math.sqrt(2.0 * architecture.spec().layers())
            : std;
    float gain = norm.kind() == Norm.Kind.RMS_PLUS_ONE ? 0 : 1;
    Weights.Initializer initializer =
        (name, key, shape) -> {
          int n = 1;
          for (long d : shape) {
            n = Math.multiplyExact(n, Math.toIntExact(d));
          }
          ByteBuffer bytes =
              ByteBuffer.allocateDirect(Math.multiplyExact(4, n)).order(ByteOrder.LITTLE_ENDIAN);
          boolean writes = key.matches("(o|cross_o|down)\\..*");
          double scale = writes ? residual : std;
          for (int i = 0; i < n; i++) {
            bytes.putFloat(
                shape.length > 1
                    ? (float) (scale * random.nextGaussian())
                    : key.endsWith(".weight") ? gain : 0f);
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
    return weights.count();
  }

  /** Names of the weights, as in the checkpoint. */
  public List<String> names() {
    return List.copyOf(weights.names);
  }

  /** Shape of a weight, as in the checkpoint. */
  public long[] shape(String name) {
    return weights.shapes.get(index(name)).clone();
  }

  /**
   * Forward and backward; adds the gradient of the weighted sum of the losses to what update will
   * use.
   *
   * @param dropout probability of dropping embeddings, sub-layer outputs and attention weights
   * @return loss of each target position, unweighted, in nats
   */
  public float[] accumulate(TokenBatch batch, Targets targets, double dropout) {
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException("dropout is " + dropout + ", must be in [0, 1)");
    }
    Inputs.requireTargets(batch, targets, spec());
    try (NDManager step = program.newScope()) {
      Inputs in = Inputs.of(program, spec(), step, batch);
      return floats(
          program.call(
              step,
              "accumulate",
              in.ids(),
              in.mask(),
              in.types(),
              in.positions(),
              in.decoder(),
              step.create(Inputs.longs(targets.at())),
              Inputs.tokenSets(step, targets),
              step.create(targets.weights()),
              hostDoubles(step, dropout)));
    }
  }

  /** Loss of each target position without gradients, in nats. */
  public float[] losses(TokenBatch batch, Targets targets) {
    Inputs.requireTargets(batch, targets, spec());
    try (NDManager step = program.newScope()) {
      Inputs in = Inputs.of(program, spec(), step, batch);
      return floats(
          program.call(
              step,
              "losses",
              in.ids(),
              in.mask(),
              in.types(),
              in.positions(),
              in.decoder(),
              step.create(Inputs.longs(targets.at())),
              Inputs.tokenSets(step, targets)));
    }
  }

  /**
   * One optimizer step with the gradients accumulated since the last, which are cleared.
   *
   * @return the gradients' global norm before clipping
   */
  public double update(AdamW optimizer, double learningRate) {
    if (!(learningRate >= 0) || Double.isInfinite(learningRate)) {
      throw new IllegalArgumentException("the learning rate is " + learningRate);
    }
    try (NDManager step = program.newScope()) {
      NDArray settings =
          hostDoubles(
              step,
              learningRate,
              optimizer.beta1(),
              optimizer.beta2(),
              optimizer.epsilon(),
              optimizer.weightDecay(),
              optimizer.largestNorm());
      return floats(program.call(step, "adamw", settings))[0];
    }
  }

  private static NDArray hostDoubles(NDManager step, double... values) {
    return step.newSubManager(Device.cpu()).create(values);
  }

  /** The only result of a call, in float32 whatever the model computes in. */
  private static float[] floats(NDList results) {
    NDArray value = results.singletonOrThrow();
    if (value.getDataType() != DataType.FLOAT64) {
      return value.toFloatArray();
    }
    double[] doubles = value.toDoubleArray();
    float[] floats = new float[doubles.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) doubles[i];
    }
    return floats;
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
    ByteBuffer bytes = ByteBuffer.allocateDirect(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    write(WEIGHT, index, new TensorView(name, WeightType.F32, shape, bytes));
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
      return floats(program.call(step, "state", Weights.hostInts(step, kind, index)));
    }
  }

  /** The bytes of one state, in the type that it is kept in. */
  private ByteBuffer bytes(int kind, int index) {
    try (NDManager step = program.newScope()) {
      return program
          .call(step, "state", Weights.hostInts(step, kind, index))
          .singletonOrThrow()
          .toByteBuffer(); // a copy
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
   * Gradients that were accumulated but not used are not kept.
   *
   * @param note kept in the file and given back by {@link #restore}
   */
  public void save(Path file, String note) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata(NOTE, note);
    forEachState((name, shape, kind, i) -> writer.add(name, kept(kind), shape, bytes(kind, i)));
    writer.write(file);
  }

  /**
   * Puts back what {@link #save} wrote, clears the gradients, and returns the note. A file that
   * does not fit changes nothing.
   *
   * @throws InvalidInputException if the file is not one that {@link #save} wrote for a model of
   *     this architecture and precision
   */
  public String restore(Path file) {
    SafetensorsFile saved = SafetensorsFile.open(file);
    String note = saved.metadata().get(NOTE);
    if (note == null) {
      throw new InvalidInputException(file + " is not a training checkpoint of this program.");
    }
    forEachState(
        (name, shape, kind, i) -> {
          TensorView tensor = saved.get(name);
          if (tensor.type() != kept(kind) || !Arrays.equals(tensor.shape(), shape)) {
            throw new InvalidInputException(
                "%s: %s is %s %s, but this model's is %s %s; it is the checkpoint of another model."
                    .formatted(
                        file,
                        name,
                        tensor.type(),
                        Arrays.toString(tensor.shape()),
                        kept(kind),
                        Arrays.toString(shape)));
          }
        });
    forEachState((name, shape, kind, i) -> write(kind, i, saved.get(name)));
    refresh();
    return note;
  }

  private void refresh() {
    try (NDManager scope = program.newScope()) {
      program.call(scope, "refresh", program.nothing());
    }
  }

  private void write(int kind, int index, TensorView value) {
    try (NDManager step = program.newScope()) {
      DataType type = value.type() == WeightType.F64 ? DataType.FLOAT64 : DataType.FLOAT32;
      NDArray array = step.create(value.bytes(), new Shape(value.shape()), type);
      program.call(step, "set_state", Weights.hostInts(step, kind, index), array);
    }
  }

  /** One tensor of the state that is saved: its name in the file, its kind and its weight. */
  private interface StateVisitor {
    void visit(String name, long[] shape, int kind, int index);
  }

  private void forEachState(StateVisitor visitor) {
    for (int i = 0; i < weights.names.size(); i++) {
      String name = weights.names.get(i);
      long[] shape = weights.shapes.get(i);
      visitor.visit(name, shape, WEIGHT, i);
      visitor.visit(name + "/first_moment", shape, FIRST_MOMENT, i);
      visitor.visit(name + "/second_moment", shape, SECOND_MOMENT, i);
      visitor.visit(name + "/count", new long[0], COUNT, i);
    }
  }

  private WeightType kept(int kind) {
    return kind != COUNT && kept == Precision.FLOAT64 ? WeightType.F64 : WeightType.F32;
  }

  @Override
  public void close() {
    program.close();
  }
}
