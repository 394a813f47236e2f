package io.promptgrad.gradient.policy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.lm.program.Program;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/**
 * The trainable part of a policy, {@code policy.py}: two linear layers between a frozen model's
 * state and its frozen output matrix. Float32, on the policy's device.
 */
final class PolicyNetwork implements AutoCloseable {

  private static final String SOURCE = "policy.py";

  /** What the script keeps. */
  private static final List<String> STATE = List.of("online", "slow", "first", "second", "count");

  private static final double GAIN = 1e-4;

  private final Program program;
  private final int width;
  private final int hidden;

  PolicyNetwork(Device device, int width, int hidden, RandomGenerator random) {
    this.width = width;
    this.hidden = hidden;
    this.program = load(device);
    try (NDManager scope = program.newScope()) {
      // Xavier's bounds are the same for both layers
      double bound = GAIN * Math.sqrt(6.0 / (width + hidden));
      put(scope, uniform(hidden * width, bound, random), hidden, width);
      put(scope, constant(hidden), hidden);
      put(scope, uniform(width * hidden, bound, random), width, hidden);
      put(scope, constant(width), width);
    }
  }

  /** The script without parameters. */
  static Program load(Device device) {
    try (InputStream in = PolicyNetwork.class.getResourceAsStream(SOURCE)) {
      String source = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return Program.load(device, source, "Policy", Map.of(), STATE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void put(NDManager scope, float[] values, long... shape) {
    program.call(scope, "put", scope.create(values, new Shape(shape)));
  }

  private static float[] uniform(int n, double bound, RandomGenerator random) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (bound * (2 * random.nextDouble() - 1));
    }
    return values;
  }

  private static float[] constant(int n) {
    float[] values = new float[n];
    Arrays.fill(values, (float) -GAIN);
    return values;
  }

  /**
   * The best tokens of some states.
   *
   * @param q their values, the largest first [n][k]
   * @param ids [n][k]
   */
  record Largest(float[][] q, int[][] ids) {}

  /**
   * @param states [n * E]
   * @param head the frozen output matrix [V, E]
   * @param banned tokens that are left out
   */
  Largest largest(float[] states, NDArray head, BitSet banned, int k) {
    int n = states.length / width;
    boolean[] allowed = new boolean[(int) head.getShape().get(0)];
    for (int id = 0; id < allowed.length; id++) {
      allowed[id] = !banned.get(id);
    }
    try (NDManager scope = program.newScope()) {
      NDList out =
          program.call(
              scope,
              "largest",
              scope.create(states, new Shape(n, width)),
              head,
              scope.create(allowed),
              host(scope, k));
      float[] values = out.get(0).toFloatArray();
      long[] ids = out.get(1).toLongArray();
      Largest largest = new Largest(new float[n][k], new int[n][k]);
      for (int i = 0; i < values.length; i++) {
        largest.q()[i / k][i % k] = values[i];
        largest.ids()[i / k][i % k] = (int) ids[i];
      }
      return largest;
    }
  }

  /**
   * One step of learning.
   *
   * @param states of each prompt at each of its tokens [B * T * E]
   * @param actions the tokens [B * T]
   * @param rewards [B]
   * @return the loss
   */
  double update(
      float[] states,
      NDArray head,
      int[] actions,
      double[] rewards,
      double learningRate,
      double clip,
      double polyak) {
    int b = rewards.length;
    int t = actions.length / b;
    long[] ids = new long[actions.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = actions[i];
    }
    float[] r = new float[b];
    for (int i = 0; i < b; i++) {
      r[i] = (float) rewards[i];
    }
    try (NDManager scope = program.newScope()) {
      return program
          .call(
              scope,
              "update",
              scope.create(states, new Shape(b, t, width)),
              head,
              scope.create(ids, new Shape(b, t)),
              scope.create(r),
              scope.newSubManager(Device.cpu()).create(new double[] {learningRate, clip, polyak}))
          .get(0)
          .getFloat();
    }
  }

  private static NDArray host(NDManager scope, long... values) {
    return scope.newSubManager(Device.cpu()).create(values, new Shape(values.length));
  }

  private static final int PARTS = 4;

  ObjectNode save() {
    ObjectNode state = Json.object();
    try (NDManager scope = program.newScope()) {
      for (int kind = 0; kind < 4; kind++) {
        ArrayNode parts = state.putArray(STATE.get(kind));
        for (int part = 0; part < PARTS; part++) {
          parts.add(
              Floats.save(
                  program
                      .call(scope, "state", host(scope, kind, part))
                      .singletonOrThrow()
                      .toFloatArray()));
        }
      }
      state.put(
          STATE.get(4),
          program.call(scope, "state", host(scope, 4, 0)).singletonOrThrow().getDouble());
    }
    return state;
  }

  void restore(ObjectNode state) {
    long[][] shapes = {{hidden, width}, {hidden}, {width, hidden}, {width}};
    try (NDManager scope = program.newScope()) {
      for (int kind = 0; kind < 4; kind++) {
        for (int part = 0; part < PARTS; part++) {
          float[] values = Floats.restore(state.path(STATE.get(kind)).path(part).asText());
          program.call(
              scope,
              "set_state",
              host(scope, kind, part),
              scope.create(values, new Shape(shapes[part])));
        }
      }
      for (int part = 0; part < PARTS; part++) {
        program.call(
            scope,
            "set_state",
            host(scope, 4, part),
            scope.create(state.path(STATE.get(4)).asDouble()));
      }
    }
  }

  @Override
  public void close() {
    program.close();
  }
}
