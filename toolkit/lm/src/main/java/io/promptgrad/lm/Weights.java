package io.promptgrad.lm;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.arch.TransformerSpec.Norm;
import io.promptgrad.lm.arch.TransformerSpec.Positions;
import io.promptgrad.lm.arch.WeightMap;
import io.promptgrad.lm.program.Program;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.lm.weights.TensorView;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * Brings a checkpoint's tensors into a program: checks names and shapes first, then hands over each
 * tensor once. On a CPU, a tensor whose type is the one computed in is used where it is mapped. All
 * others are read into one buffer, tensor after tensor: the pages of a map would stay in memory
 * beside what was made of them, until Java happens to collect the map.
 */
final class Weights {

  private static final int AS_IT_IS = 0;
  private static final int BFLOAT16_BITS = 15;

  /** Larger tensors are mapped: Java bounds the memory of its buffers. */
  private static final int MOST_READ = 256 << 20;

  /** The checkpoint's names in the order of the program's leaves. */
  final List<String> names = new ArrayList<>();

  /** Shapes of the leaves, as the checkpoint has them. */
  final List<long[]> shapes = new ArrayList<>();

  /** Keeps the maps alive that the program's tensors point into. */
  private final List<ByteBuffer> mapped = new ArrayList<>();

  private final Architecture architecture;
  private final Map<String, TensorView> tensors = new LinkedHashMap<>();

  /** How to read a tensor anew, for those that come from a file. */
  private final Map<String, Consumer<ByteBuffer>> files = new HashMap<>();

  private ByteBuffer staging = ByteBuffer.allocateDirect(0);

  private Weights(Architecture architecture) {
    this.architecture = architecture;
  }

  /** Finds every tensor that the architecture asks for. */
  static Weights find(Architecture architecture, Checkpoint checkpoint) {
    Weights weights = new Weights(architecture);
    WeightMap map = architecture.weights();
    Set<String> used = new HashSet<>();
    for (WeightMap.Slot slot : map.slots()) {
      if (weights.tensors.containsKey(slot.name())) {
        continue;
      }
      String stored = storedName(slot.name(), map.basePrefix(), checkpoint);
      TensorView tensor = checkpoint.get(stored);
      used.add(stored);
      if (!Arrays.equals(tensor.shape(), slot.shape())) {
        throw new InvalidInputException(
            "%s: tensor %s has shape %s, but config.json asks for %s; the two files do not belong together."
                .formatted(
                    checkpoint.path(),
                    stored,
                    Arrays.toString(tensor.shape()),
                    Arrays.toString(slot.shape())));
      }
      if (!tensor.type().isFloatingPoint()) {
        throw new InvalidInputException(
            "%s: tensor %s holds %s values; weights must be float32, float16, bfloat16 or float64 (quantised checkpoints are not supported)."
                .formatted(checkpoint.path(), stored, tensor.type()));
      }
      weights.names.add(slot.name());
      weights.shapes.add(slot.shape());
      weights.tensors.put(slot.name(), tensor);
      weights.files.put(slot.name(), into -> checkpoint.read(stored, into));
    }
    refuseUnknown(checkpoint, map, used);
    return weights;
  }

  /** Random weights for pretraining, by {@code initial(name, shape)}; each [product of shape]. */
  static Weights random(Architecture architecture, Initializer initializer) {
    Weights weights = new Weights(architecture);
    for (WeightMap.Slot slot : architecture.weights().slots()) {
      if (!weights.names.contains(slot.name())) {
        weights.names.add(slot.name());
        weights.shapes.add(slot.shape());
        weights.tensors.put(slot.name(), initializer.tensor(slot.name(), slot.key(), slot.shape()));
      }
    }
    return weights;
  }

  /** The checkpoint's tensors by the names that the architecture asks for, in its order. */
  Map<String, TensorView> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /** Number of weights, each counted once. */
  long count() {
    long sum = 0;
    for (long[] shape : shapes) {
      sum += new Shape(shape).size();
    }
    return sum;
  }

  /** Makes the first values of one tensor. */
  interface Initializer {
    TensorView tensor(String name, String key, long[] shape);
  }

  private static String storedName(String name, String basePrefix, Checkpoint checkpoint) {
    if (checkpoint.find(name).isEmpty() && name.startsWith(basePrefix)) {
      String bare = name.substring(basePrefix.length());
      if (checkpoint.find(bare).isPresent()) {
        return bare;
      }
    }
    return name;
  }

  private static void refuseUnknown(Checkpoint checkpoint, WeightMap map, Set<String> used) {
    List<Pattern> ignored = new ArrayList<>();
    for (String expression : map.ignored()) {
      ignored.add(Pattern.compile(expression));
    }
    Set<String> unknown = new TreeSet<>();
    for (String name : checkpoint.names()) {
      String full = name.startsWith(map.basePrefix()) ? name : map.basePrefix() + name;
      boolean known =
          used.contains(name)
              || ignored.stream()
                  .anyMatch(p -> p.matcher(name).matches() || p.matcher(full).matches());
      if (!known) {
        unknown.add(name);
      }
    }
    if (!unknown.isEmpty()) {
      List<String> first = unknown.stream().limit(3).toList();
      throw new InvalidInputException(
          "%s holds %d tensor(s) that the architecture in config.json has no place for (%s%s); the two files do not belong together."
              .formatted(
                  checkpoint.path(),
                  unknown.size(),
                  String.join(", ", first),
                  unknown.size() > 3 ? ", ..." : ""));
    }
  }

  /**
   * Loads the program and fills it.
   *
   * @param kept the precision that weights are kept in
   * @param computed the precision that the program computes in
   */
  Program bind(Device device, Precision kept, Precision computed) {
    Program program = Program.load(device, switches(computed));
    try {
      for (String name : names) {
        put(program, name, kept);
      }
      tensors.clear();
      files.clear();
      staging = ByteBuffer.allocateDirect(0);
      if (architecture.spec().positions() instanceof Positions.Rotary rotary) {
        for (int window : kinds(architecture.spec())) {
          boolean own = window > 0 && rotary.near().length > 0;
          putFrequencies(program, own ? rotary.near() : rotary.inverseFrequencies(), computed);
          if (rotary.near().length == 0) {
            break; // every kind has the same
          }
        }
      }
      return program;
    } catch (RuntimeException e) {
      program.close();
      throw e;
    }
  }

  private void put(Program program, String name, Precision kept) {
    TensorView tensor = tensors.get(name);
    Shape shape = new Shape(tensor.shape());
    DataType label;
    int bits = AS_IT_IS;
    int stored;
    switch (tensor.type()) {
      case F32 -> {
        label = DataType.FLOAT32;
        stored = Precision.FLOAT32.code();
      }
      case F64 -> {
        label = DataType.FLOAT64;
        stored = Precision.FLOAT64.code();
      }
      case F16 -> {
        label = DataType.FLOAT16;
        stored = Precision.FLOAT16.code();
      }
      case BF16 -> {
        // DJL aborts the JVM on bfloat16, so the bytes travel as float16 and the script relabels.
        label = DataType.FLOAT16;
        bits = BFLOAT16_BITS;
        stored = Precision.BFLOAT16.code();
      }
      default -> throw new IllegalStateException(tensor.type() + " was let through");
    }
    try (NDManager scope = program.newScope()) {
      boolean shared = stored == kept.code() && !program.device().isGpu();
      ByteBuffer bytes = shared ? tensor.bytes() : read(name, tensor);
      NDArray array = scope.create(bytes, shape, label);
      if (shared) {
        mapped.add(bytes);
      }
      program.call(scope, "put", array, hostInts(scope, bits, kept.code(), 0));
    }
  }

  /** The bytes of a tensor until the next one is read. */
  private ByteBuffer read(String name, TensorView tensor) {
    int length = tensor.bytes().remaining();
    if (!files.containsKey(name) || length > MOST_READ) {
      return tensor.bytes();
    }
    if (staging.capacity() < length) {
      staging = ByteBuffer.allocateDirect(length);
    }
    ByteBuffer bytes = staging.slice(0, length).order(ByteOrder.LITTLE_ENDIAN);
    files.get(name).accept(bytes);
    return bytes.flip();
  }

  private static void putFrequencies(Program program, double[] values, Precision computed) {
    try (NDManager scope = program.newScope()) {
      NDArray frequencies;
      if (computed == Precision.FLOAT64) {
        frequencies = scope.create(values);
      } else {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
          floats[i] = (float) values[i];
        }
        frequencies = scope.create(floats);
      }
      program.call(scope, "put_constant", frequencies);
    }
  }

  /** Small integers that the script reads on the host. */
  static NDArray hostInts(NDManager scope, long... values) {
    return scope.newSubManager(Device.cpu()).create(values, new Shape(values.length));
  }

  /** The same with floating-point numbers. */
  static NDArray hostFloats(NDManager scope, double... values) {
    return scope.newSubManager(Device.cpu()).create(values, new Shape(values.length));
  }

  private Map<String, Object> switches(Precision computed) {
    TransformerSpec spec = architecture.spec();
    int layers = spec.encoder().layers() + spec.layers();
    boolean distances = spec.positions() instanceof Positions.Distances;
    Map<String, Object> s = new LinkedHashMap<>();
    s.put("layers", layers);
    s.put("encoder_layers", spec.encoder().layers());
    s.put("heads", spec.attention().heads());
    s.put("kv_heads", spec.attention().keyValueHeads());
    s.put("head_dim", spec.attention().headDim());
    s.put("causal", spec.causal());
    s.put("rotary", spec.positions() instanceof Positions.Rotary);
    s.put("buckets", distances ? ((Positions.Distances) spec.positions()).buckets() : 0);
    s.put("farthest", distances ? ((Positions.Distances) spec.positions()).farthest() : 0);
    s.put("table_scale", spec.embedding().tableScale());
    s.put("input_scale", spec.embedding().inputScale());
    s.put("rms_norm", spec.norm().kind() != Norm.Kind.LAYER);
    s.put("norm_offset", spec.norm().kind() == Norm.Kind.RMS_PLUS_ONE);
    s.put("input_norms", spec.norm().onInputs());
    s.put("output_norms", spec.norm().onOutputs());
    s.put("sum_norms", spec.norm().place() == Norm.Place.SUM);
    s.put("embedding_norm", spec.norm().onEmbeddings());
    s.put("final_norm", spec.norm().place() != Norm.Place.SUM);
    s.put("norm_eps", spec.norm().epsilon());
    s.put("parallel", spec.feedForward().parallel());
    s.put("activation", name(spec.feedForward().activation()));
    s.put("gated", spec.feedForward().gated());
    s.put("score_cap", spec.attention().cap());
    s.put("head_transform", spec.head().transformed());
    s.put("head_activation", spec.head().transformed() ? name(spec.head().activation()) : "");
    s.put("head_scale", spec.head().scale());
    s.put("head_cap", spec.head().cap());
    s.put("tied_head", spec.head().tied());
    List<Integer> windows = kinds(spec);
    List<Integer> kinds = new ArrayList<>();
    List<Double> scales = new ArrayList<>();
    for (int l = 0; l < layers; l++) {
      kinds.add(windows.indexOf(spec.attention().window(l)));
      scales.add(spec.attention().scale() / (spec.attention().dividedByLayer() ? l + 1 : 1));
    }
    s.put("attention_scales", scales);
    s.put("kinds", kinds);
    s.put("windows", windows);
    s.put("compute", computed.code());
    List<List<Integer>> plan = new ArrayList<>();
    List<String> keys = new ArrayList<>();
    for (WeightMap.Slot slot : architecture.weights().slots()) {
      plan.add(
          List.of(
              names.indexOf(slot.name()),
              slot.layer() < 0 ? layers : slot.layer(),
              slot.transposed() ? 1 : 0,
              slot.firstRow(),
              slot.rows()));
      keys.add(slot.key());
    }
    s.put("plan", plan);
    s.put("keys", keys);
    return s;
  }

  /** The different windows: layers with the same one share their mask and rotary angles. */
  private static List<Integer> kinds(TransformerSpec spec) {
    return spec.attention().windows().isEmpty()
        ? List.of(0)
        : spec.attention().windows().stream().distinct().sorted().toList();
  }

  private static String name(TransformerSpec.Activation activation) {
    return activation.name().toLowerCase(Locale.ROOT);
  }
}
