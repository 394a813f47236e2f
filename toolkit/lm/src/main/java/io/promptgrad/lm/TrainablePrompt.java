package io.promptgrad.lm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.lm.program.Program;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * The parameters of soft prompts on a model's device, with their gradients and optimizer state.
 *
 * <p>One update: {@link #value}, {@link SoftModel#gradient} and {@link #accumulate} any number of
 * times, then {@link #update}; nothing is copied to the host but norms. Parameters are float32, or
 * float64 for a model in float64. They are freed with the model at the latest. Not for use by
 * several threads.
 */
public final class TrainablePrompt implements AutoCloseable {

  // Kinds of state in the script.
  private static final int PARAMETER = 0;
  private static final int GRADIENT = 1;
  private static final int FIRST = 2;
  private static final int SECOND = 3;

  /** How a prompt [n, W] is made of parameters. Only tables may be several. */
  public sealed interface Form {

    /** The prompt itself is the parameter, or several prompts [R * n, W] are. */
    record Table(int prompts) implements Form {}

    /** U V, with U [n, rank] and V [rank, W]. */
    record LowRank(int rank) implements Form {}

    /**
     * Table [n, input], dense to {@code hidden}, tanh, dense to W: the reparameterisation of prefix
     * tuning (Li and Liang 2021, section 4.3).
     *
     * @param parts widths of parts of W that have a network each, in their order, as the paper's
     *     program has for the three attentions of an encoder-decoder; empty: one for all
     */
    record Projection(int input, int hidden, List<Integer> parts) implements Form {

      /** One network. */
      public Projection(int input, int hidden) {
        this(input, hidden, List.of());
      }
    }

    /** Table [n, input], two dense layers of {@code hidden} with relu, dense to W: PEFT's MLP. */
    record Mlp(int input, int hidden) implements Form {}

    /**
     * Table [n, input], bidirectional LSTM, dense to twice its width, relu, dense to W: P-tuning
     * (Liu et al. 2021). There {@code hidden} is half the width of a word vector; in PEFT as wide.
     */
    record Lstm(int input, int hidden, int layers) implements Form {}

    /**
     * The parameters in the script's order.
     *
     * @param n virtual tokens of a prompt
     * @param width W
     */
    default Map<String, long[]> parameters(int n, int width) {
      Map<String, long[]> all = new LinkedHashMap<>();
      if (this instanceof Table table) {
        for (int r = 0; r < table.prompts(); r++) {
          all.put("prompt." + r, new long[] {n, width});
        }
      } else if (this instanceof LowRank low) {
        all.put("left", new long[] {n, low.rank()});
        all.put("right", new long[] {low.rank(), width});
      } else if (this instanceof Projection p) {
        List<Integer> parts = p.parts().isEmpty() ? List.of(width) : p.parts();
        if (parts.stream().mapToInt(Integer::intValue).sum() != width) {
          throw new IllegalArgumentException(parts + " are no parts of " + width);
        }
        for (int i = 0; i < parts.size(); i++) {
          String part = i == 0 ? "" : (i + 1) + "."; // dense1.weight, 2.dense1.weight, ...
          all.put(part + "table", new long[] {n, p.input()});
          dense(all, part + "dense1", p.input(), p.hidden());
          dense(all, part + "dense2", p.hidden(), parts.get(i));
        }
      } else if (this instanceof Mlp m) {
        all.put("table", new long[] {n, m.input()});
        dense(all, "dense1", m.input(), m.hidden());
        dense(all, "dense2", m.hidden(), m.hidden());
        dense(all, "dense3", m.hidden(), width);
      } else if (this instanceof Lstm lstm) {
        int e = lstm.hidden();
        all.put("table", new long[] {n, lstm.input()});
        for (int l = 0; l < lstm.layers(); l++) {
          for (String direction : List.of("forward", "backward")) {
            String name = "lstm" + (l + 1) + "." + direction;
            all.put(name + ".input", new long[] {4L * e, l == 0 ? lstm.input() : 2L * e});
            all.put(name + ".state", new long[] {4L * e, e});
            all.put(name + ".input_bias", new long[] {4L * e});
            all.put(name + ".state_bias", new long[] {4L * e});
          }
        }
        dense(all, "dense1", 2 * e, 2 * e);
        dense(all, "dense2", 2 * e, width);
      }
      return all;
    }

    private static void dense(Map<String, long[]> all, String name, int in, int out) {
      all.put(name + ".weight", new long[] {out, in});
      all.put(name + ".bias", new long[] {out});
    }
  }

  private final Program program;
  private final Precision kept;
  private final int rows;
  private final int width;
  private final Map<String, long[]> shapes;
  private final List<String> names;
  private final boolean factored;
  private final Optimizer optimizer;

  /**
   * @param model whose device and precision it gets
   * @param tokens n, virtual tokens of a prompt
   * @param optimizer follows the gradients
   * @param initial values of each parameter, by its name and shape, row-major
   */
  public TrainablePrompt(
      LanguageModel model,
      SoftModel.Layout layout,
      Form form,
      int tokens,
      Optimizer optimizer,
      BiFunction<String, long[], float[]> initial) {
    if (tokens < 1) {
      throw new IllegalArgumentException("a prompt of " + tokens + " tokens");
    }
    this.width = model.forSoft().width(layout);
    this.rows = tokens * (form instanceof Form.Table table ? table.prompts() : 1);
    this.kept = model.precision() == Precision.FLOAT64 ? Precision.FLOAT64 : Precision.FLOAT32;
    this.optimizer = optimizer;
    this.factored = optimizer instanceof Adafactor;
    this.shapes = form.parameters(tokens, width);
    this.names = List.copyOf(shapes.keySet());
    int layers = form instanceof Form.Lstm lstm ? lstm.layers() : 0;
    this.program = Program.loadSoftPrompt(model.newScope(), number(form), layers);
    try (NDManager step = program.newScope()) {
      shapes.forEach(
          (name, shape) -> {
            float[] values = initial.apply(name, shape);
            if (values.length != new Shape(shape).size()) {
              throw new IllegalArgumentException(
                  "%d values for %s of shape %s".formatted(values.length, name, new Shape(shape)));
            }
            program.call(
                step,
                "put",
                Inputs.floating(step, values, new Shape(shape), kept),
                Weights.hostInts(step, factors(shape) ? 1 : 0));
          });
    } catch (RuntimeException | Error e) {
      program.close();
      throw e;
    }
  }

  private static int number(Form form) {
    return form instanceof Form.Table
        ? 0
        : form instanceof Form.LowRank
            ? 1
            : form instanceof Form.Projection ? 2 : form instanceof Form.Mlp ? 3 : 4;
  }

  private boolean factors(long[] shape) {
    return factored && shape.length == 2 && Math.min(shape[0], shape[1]) >= Adafactor.FACTORED_FROM;
  }

  /** Shapes of the parameters, by name. */
  public Map<String, long[]> parameters() {
    return Collections.unmodifiableMap(shapes);
  }

  /** The prompt, or one after the other [R * n, W]. */
  public NDArray value(NDManager scope) {
    return program.call(scope, "value", program.nothing()).singletonOrThrow();
  }

  /** The same on the host, row-major, in float32. */
  public float[] values() {
    try (NDManager step = program.newScope()) {
      return Inputs.floats(value(step));
    }
  }

  /**
   * From now on the prompt is multiplied by these factors, so that what is 0 stays 0.
   *
   * @param factors as many as {@link #values}
   */
  public void mask(float[] factors) {
    if (factors.length != rows * width) {
      throw new IllegalArgumentException(
          factors.length + " factors for " + rows + " x " + width + " values");
    }
    try (NDManager step = program.newScope()) {
      program.call(step, "mask", Inputs.floating(step, factors, new Shape(rows, width), kept));
    }
  }

  /** Carries a gradient at the prompt on to the parameters, and adds it to theirs. */
  public void accumulate(NDArray gradient) {
    if (!gradient.getShape().equals(new Shape(rows, width)) || gradient.getDataType() != type()) {
      throw new IllegalArgumentException(
          "the gradient is %s of shape %s, expected %s of (%d, %d)"
              .formatted(gradient.getDataType(), gradient.getShape(), type(), rows, width));
    }
    try (NDManager step = program.newScope()) {
      program.call(step, "backward", gradient);
    }
  }

  /**
   * Follows the gradients accumulated since the last update, which are cleared.
   *
   * @param update its number, from 1
   * @return norm of each prompt's gradient before it was cut
   */
  public float[] update(long update, double learningRate) {
    if (update < 1 || !(learningRate >= 0) || Double.isInfinite(learningRate)) {
      throw new IllegalArgumentException(
          "update " + update + " with the learning rate " + learningRate);
    }
    try (NDManager step = program.newScope()) {
      if (optimizer instanceof AdamW a) {
        return Inputs.floats(
            program
                .call(
                    step,
                    "adamw",
                    Weights.hostFloats(
                        step,
                        learningRate,
                        a.beta1(),
                        a.beta2(),
                        a.epsilon(),
                        a.weightDecay(),
                        a.largestNorm(),
                        1 - Math.pow(a.beta1(), update),
                        1 - Math.pow(a.beta2(), update)))
                .singletonOrThrow());
      }
      Adafactor a = (Adafactor) optimizer;
      return Inputs.floats(
          program
              .call(
                  step,
                  "adafactor",
                  Weights.hostFloats(
                      step,
                      learningRate,
                      a.rho(update),
                      a.epsilon(),
                      a.threshold(),
                      a.weightDecay(),
                      a.largestNorm()))
              .singletonOrThrow());
    }
  }

  /** Accumulated gradient of a parameter, row-major. */
  public double[] gradient(String name) {
    return read(GRADIENT, name);
  }

  /** Values of a parameter, row-major. */
  public double[] parameter(String name) {
    return read(PARAMETER, name);
  }

  private double[] read(int kind, String name) {
    int i = names.indexOf(name);
    if (i < 0) {
      throw new IllegalArgumentException("no parameter is named " + name);
    }
    try (NDManager step = program.newScope()) {
      NDArray value = state(step, kind, i);
      return value.toType(DataType.FLOAT64, false).toDoubleArray();
    }
  }

  // ------------------------------------------------------------------ state

  private DataType type() {
    return kept == Precision.FLOAT64 ? DataType.FLOAT64 : DataType.FLOAT32;
  }

  private NDArray state(NDManager step, int kind, int index) {
    return program.call(step, "state", Weights.hostInts(step, kind, index)).singletonOrThrow();
  }

  /** Parameters and optimizer state, to the last bit, little-endian, by name. */
  public Map<String, byte[]> save() {
    Map<String, byte[]> saved = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      for (int kind : List.of(PARAMETER, FIRST, SECOND)) {
        try (NDManager step = program.newScope()) {
          ByteBuffer bytes = state(step, kind, i).toByteBuffer();
          byte[] copy = new byte[bytes.remaining()];
          bytes.get(copy);
          saved.put(key(i, kind), copy);
        }
      }
    }
    return saved;
  }

  /** Puts back what {@link #save} gave for a prompt of the same form, model and optimizer. */
  public void restore(Map<String, byte[]> saved) {
    List<Runnable> writes = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      for (int kind : List.of(PARAMETER, FIRST, SECOND)) {
        byte[] bytes = saved.get(key(i, kind));
        int index = i;
        Shape shape;
        try (NDManager step = program.newScope()) {
          shape = state(step, kind, i).getShape();
        }
        int size = Math.toIntExact(shape.size() * (kept == Precision.FLOAT64 ? 8 : 4));
        if (bytes == null || bytes.length != size) {
          throw new IllegalArgumentException(
              "the saved state has no %s of %d bytes".formatted(key(i, kind), size));
        }
        writes.add(() -> write(kind, index, bytes, shape));
      }
    }
    writes.forEach(Runnable::run);
  }

  private void write(int kind, int index, byte[] bytes, Shape shape) {
    ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.LITTLE_ENDIAN);
    direct.put(bytes).flip();
    try (NDManager step = program.newScope()) {
      NDArray array = step.create(direct, shape, type());
      program.call(step, "set_state", Weights.hostInts(step, kind, index), array);
    }
  }

  private String key(int index, int kind) {
    return names.get(index) + (kind == PARAMETER ? "" : kind == FIRST ? "/first" : "/second");
  }

  @Override
  public void close() {
    program.close();
  }
}
