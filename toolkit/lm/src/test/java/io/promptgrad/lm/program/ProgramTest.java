package io.promptgrad.lm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Every entry point of the script on a decoder that can be computed by hand: one layer of zeros, so
 * that a token's logits are its normalised word vector times the (tied) word vectors.
 */
class ProgramTest {

  /** Word vectors; all have the root mean square 5 / sqrt(2). */
  private static final float[] WORDS = {3, 4, 4, -3, 5, 0};

  private static final double RMS = 5 / Math.sqrt(2);

  /** Weights of the layer, all zero, and their shapes. */
  private static final Map<String, long[]> LAYER = new LinkedHashMap<>();

  static {
    for (String square : List.of("q", "k", "v", "o", "gate", "up", "down")) {
      LAYER.put(square + ".weight", new long[] {2, 2});
    }
    LAYER.put("norm1.weight", new long[] {2});
    LAYER.put("norm2.weight", new long[] {2});
  }

  private final Set<String> called = new TreeSet<>();
  private Program program;
  private NDManager scope;

  @BeforeEach
  void load() {
    load(switches());
    put(WORDS, 3, 2);
    put(new float[] {1, 1}, 2);
    LAYER.values().forEach(s -> put(new float[s.length * 2], s));
    call("put_constant", scope.create(new float[] {1}));
  }

  private void load(Map<String, Object> switches) {
    program = Program.load(Device.cpu(), switches);
    scope = program.newScope();
  }

  @AfterEach
  void close() {
    program.close();
  }

  @Test
  void entryPoints_onAModelComputedByHand_areAllRight() throws IOException {
    assertThat(call("freeze", program.nothing()).getLong()).isEqualTo(LAYER.size() + 2);
    forward();
    gradient();
    gradientAmongTwoTokens();
    discreteSearch();
    blackBox();
    softPrompts();
    training();
    program.close();
    encoderAndDecoder();
    assertThat(called).isEqualTo(entryPoints());
  }

  /** The vector (1, 2) in the place of token 1, and a prefix of which the layer makes nothing. */
  private void softPrompts() {
    NDArray ids = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray positions = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray none = program.nothing();
    NDArray at = scope.create(new long[] {1});
    NDArray v = scope.create(new float[] {1, 2}, new Shape(1, 2));
    NDArray slots = scope.create(new long[] {1});
    NDArray which = scope.create(new long[] {0});
    NDArray settings = scope.create(new double[] {0, 0, 0, 0, 0});
    NDArray target = scope.create(new long[] {2}, new Shape(1, 1));
    NDArray weights = scope.create(new float[] {2});
    assertNear(
        call("soft_logits", ids, none, none, positions, none, v, slots, which, at, none, settings),
        softLogits(1, 2));
    assertNear(
        call(
            "soft_losses",
            ids,
            none,
            none,
            positions,
            none,
            v,
            slots,
            which,
            at,
            target,
            none,
            settings),
        loss(softLogits(1, 2), 2));
    NDList found =
        callAll(
            "soft_gradient",
            ids,
            none,
            none,
            positions,
            none,
            v,
            slots,
            which,
            at,
            target,
            weights,
            none,
            settings);
    assertNear(found.get(0), loss(softLogits(1, 2), 2));
    double step = 1e-6;
    assertNear(
        found.get(1),
        (loss(softLogits(1 + step, 2), 2) - loss(softLogits(1 - step, 2), 2)) / step,
        (loss(softLogits(1, 2 + step), 2) - loss(softLogits(1, 2 - step), 2)) / step);

    NDArray prefix = scope.ones(new Shape(1, 4));
    NDArray pieces = scope.create(new long[] {0, 1});
    NDArray behind = scope.create(new long[] {1, 2}, new Shape(1, 2));
    NDArray one = scope.create(new double[] {1, 0, 0, 0, 0});
    assertNear(
        call("soft_logits", ids, none, none, behind, none, prefix, pieces, which, at, none, one),
        0,
        25 / RMS,
        20 / RMS);
    NDArray features = call("features", ids, none, none, positions, none, at);
    assertNear(call("soft_logits_of", features, none), 0, 25 / RMS, 20 / RMS);
    assertNear(call("soft_prefix", ids, none, positions), new double[8]);
  }

  /** Logits behind the vector (x, y). */
  private static double[] softLogits(double x, double y) {
    double rms = Math.sqrt((x * x + y * y) / 2);
    return new double[] {(3 * x + 4 * y) / rms, (4 * x - 3 * y) / rms, 5 * x / rms};
  }

  /** Sequence 0, 1; logits at token 1, whose normalised vector is (4, -3) / rms. */
  private void forward() {
    NDArray ids = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray positions = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray none = program.nothing();
    NDArray at = scope.create(new long[] {1});
    double[] expected = {0, 25 / RMS, 20 / RMS};

    assertNear(call("word_vectors", ids), 3, 4, 4, -3);
    assertNear(call("logits", ids, none, none, positions, none, at), expected);
    NDArray tokens = scope.create(new long[] {2, 0});
    assertNear(call("token_logits", ids, none, none, positions, none, at, tokens), 20 / RMS, 0);
    assertNear(call("features", ids, none, none, positions, none, at), 4 / RMS, -3 / RMS);
    assertNear(call("times_table", call("word_vectors", ids), ints(0)), 25, 0, 15, 0, 25, 20);
    assertNear(call("times_table", call("word_vectors", ids), ints(1)), 25, 0, 15, 0, 25, 20);
    NDArray targets = scope.create(new long[] {1, 2, 0, -1}, new Shape(2, 2));
    NDArray twice = scope.create(new long[] {1, 1});
    assertNear(
        call("losses", ids, none, none, positions, none, twice, targets),
        loss(expected, 1, 2),
        loss(expected, 0));

    NDList states = callAll("hidden_states", ids, none, none, positions, none);
    assertThat(states).hasSize(2);
    assertNear(states.get(0), 3, 4, 4, -3);
    assertNear(states.get(1), 3 / RMS, 4 / RMS, 4 / RMS, -3 / RMS);

    NDArray vectors = call("word_vectors", ids);
    NDList extended = callAll("extend", vectors, none, none, positions, none, none, at);
    assertNear(extended.get(0), expected);
    assertThat(extended.get(1).getShape()).isEqualTo(new Shape(1, 2, 1, 1, 2, 2));
    NDArray past = scope.ones(new Shape(1, 2, 1, 1, 3, 2));
    NDArray joined = call("join_caches", past, extended.get(1));
    assertThat(joined.getShape()).isEqualTo(new Shape(1, 2, 1, 1, 5, 2));
    assertThat(joined.sum().getFloat()).isEqualTo(12);

    // token 0 in a room for two, and token 1 behind it
    NDArray zero = ints(0);
    NDArray head = zero.reshape(1, 1);
    NDArray cached =
        callAll("extend", call("word_vectors", head), none, none, head, none, none, zero).get(1);
    NDArray room = call("make_room", cached, ints(1, 2));
    assertThat(room.getShape()).isEqualTo(new Shape(1, 2, 1, 1, 2, 2));
    NDArray tail = ints(1).reshape(1, 1);
    assertNear(call("extend_into", tail, none, none, tail, room, ints(1), zero), expected);
    assertThat(room.toFloatArray()).isEqualTo(extended.get(1).toFloatArray());
  }

  /** -log softmax, of the summed probability of the targets. */
  private static double loss(double[] logits, int... targets) {
    double all = 0;
    for (double logit : logits) {
      all += Math.exp(logit);
    }
    double wanted = 0;
    for (int target : targets) {
      wanted += Math.exp(logits[target]);
    }
    return -Math.log(wanted / all);
  }

  /** d loss / d vector = (1 - n n^T / 2) W^T (p - target) / rms, n the normalised vector. */
  private void gradient() {
    NDArray ids = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray none = program.nothing();
    NDList result =
        callAll(
            "gradient",
            call("word_vectors", ids),
            none,
            none,
            scope.create(new long[] {0, 1}, new Shape(1, 2)),
            none,
            none,
            scope.create(new long[] {1}),
            scope.create(new long[] {2}, new Shape(1, 1)),
            scope.create(new float[] {3}),
            none);
    double[] logits = {0, 25 / RMS, 20 / RMS};
    double[] n = {4 / RMS, -3 / RMS};
    double[] back = new double[2];
    for (int id = 0; id < 3; id++) {
      double p = Math.exp(-loss(logits, id)) - (id == 2 ? 1 : 0);
      back[0] += 3 * p * WORDS[2 * id];
      back[1] += 3 * p * WORDS[2 * id + 1];
    }
    double along = (back[0] * n[0] + back[1] * n[1]) / 2;
    assertNear(result.get(0), loss(logits, 2));
    assertNear(result.get(1), 0, 0, (back[0] - along * n[0]) / RMS, (back[1] - along * n[1]) / RMS);
  }

  /** The same with token 1 out of the game: only tokens 2 and 0 share the probability. */
  private void gradientAmongTwoTokens() {
    NDArray ids = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray none = program.nothing();
    NDList result =
        callAll(
            "gradient",
            call("word_vectors", ids),
            none,
            none,
            scope.create(new long[] {0, 1}, new Shape(1, 2)),
            none,
            none,
            scope.create(new long[] {1}),
            scope.create(new long[] {0}, new Shape(1, 1)),
            scope.create(new float[] {3}),
            scope.create(new long[] {2, 0}));
    double[] logits = {20 / RMS, 0};
    double[] n = {4 / RMS, -3 / RMS};
    double wrong = 3 * Math.exp(-loss(logits, 1)); // what token 0 takes from token 2
    double[] back = {wrong * (WORDS[0] - WORDS[4]), wrong * (WORDS[1] - WORDS[5])};
    double along = (back[0] * n[0] + back[1] * n[1]) / 2;
    assertNear(result.get(0), loss(logits, 0));
    assertNear(result.get(1), 0, 0, (back[0] - along * n[0]) / RMS, (back[1] - along * n[1]) / RMS);
  }

  /** The same numbers as above, by the calls of a search. */
  private void discreteSearch() {
    NDArray ids = scope.create(new long[] {0, 0}, new Shape(1, 2)); // token 1 comes as a vector
    NDArray none = program.nothing();
    NDArray positions = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray at = scope.create(new long[] {1});
    NDArray target = scope.create(new long[] {2}, new Shape(1, 1));
    double[] logits = {0, 25 / RMS, 20 / RMS};
    NDArray right = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray scores =
        call(
            "target_scores",
            right,
            none,
            none,
            positions,
            none,
            none,
            at,
            target,
            none,
            ints(0, 2, 4));
    assertNear(scores, loss(logits, 2), 20 / RMS, 25 / RMS);
    NDArray cache = call("cache", right, none, none, positions, none, ints(0));
    assertThat(cache.getShape()).isEqualTo(new Shape(1, 2, 1, 1, 2, 2));

    double[] n = {4 / RMS, -3 / RMS};
    for (int kind = 0; kind < 3; kind++) {
      NDList result =
          callAll(
              "trigger_gradient",
              ids,
              none,
              none,
              positions,
              none,
              none,
              scope.create(new float[] {4, -3}, new Shape(1, 2)),
              scope.create(new long[] {1}),
              scope.create(new long[] {0}),
              at,
              target,
              scope.create(new float[] {3}),
              none,
              scope.create(new double[] {0, kind, 0.5}));
      double[] slopes = new double[3]; // d loss / d logit
      for (int id = 0; id < 3; id++) {
        slopes[id] = (kind == 0 ? Math.exp(-loss(logits, id)) : 0) - (id == 2 ? 1 : 0);
      }
      slopes[1] += kind == 2 ? 1 : 0; // the hinge's other token
      double[] back = new double[2];
      for (int id = 0; id < 3; id++) {
        back[0] += 3 * slopes[id] * WORDS[2 * id];
        back[1] += 3 * slopes[id] * WORDS[2 * id + 1];
      }
      double along = (back[0] * n[0] + back[1] * n[1]) / 2;
      assertNear(result.get(1), (back[0] - along * n[0]) / RMS, (back[1] - along * n[1]) / RMS);
    }

    NDArray v = scope.create(new float[] {3, 4}, new Shape(1, 2));
    NDArray all = scope.create(new boolean[] {true, true, true});
    NDArray notFirst = scope.create(new boolean[] {false, true, true});
    assertThat(callAll("smallest_products", v, all, ints(2)).get(1).toLongArray())
        .containsExactly(1, 2);
    assertThat(call("nearest", v, all, ints(0)).getLong()).isZero();
    assertThat(call("nearest", v, notFirst, ints(1)).getLong()).isEqualTo(2);
    assertNear(call("mixtures", scope.create(new float[] {1, 1, 0}, new Shape(1, 3))), 7, 1);
  }

  /** Token 1 once more, first instead of token 0 and then as its vector moved by (1, -7). */
  private void blackBox() {
    NDArray ids = scope.create(new long[] {0, 0}, new Shape(1, 2));
    NDArray none = program.nothing();
    NDArray positions = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray blocks = scope.create(new float[] {9, 9, 4, -3, 1, -7}, new Shape(3, 1, 2));
    NDArray one = scope.create(new long[] {1});
    NDArray tokens = scope.create(new long[] {2, 0});
    for (int instead = 0; instead < 2; instead++) {
      NDArray which = scope.create(new long[] {2 - instead}, new Shape(1, 1));
      NDArray logits =
          call(
              "black_box",
              ids,
              none,
              none,
              positions,
              blocks,
              which,
              one,
              one,
              tokens,
              ints(instead));
      assertNear(logits, 20 / RMS, 0);
    }
    assertNear(
        call("output_matrix", none), WORDS[0], WORDS[1], WORDS[2], WORDS[3], WORDS[4], WORDS[5]);
  }

  private void training() {
    assertThat(call("make_trainable", program.nothing()).getLong()).isEqualTo(LAYER.size() + 2);
    NDArray ids = scope.create(new long[] {1}, new Shape(1, 1));
    NDArray none = program.nothing();
    double[] logits = {0, 25 / RMS, 20 / RMS};
    NDArray losses =
        call(
            "accumulate",
            ids,
            none,
            none,
            scope.create(new long[] {0}, new Shape(1, 1)),
            none,
            scope.create(new long[] {0}),
            scope.create(new long[] {2}, new Shape(1, 1)),
            scope.create(new float[] {1}),
            scope.create(new double[] {0}));
    assertNear(losses, loss(logits, 2));
    // the gain of the final norm: n * W^T (p - target)
    double[] back = new double[2];
    for (int id = 0; id < 3; id++) {
      double p = Math.exp(-loss(logits, id)) - (id == 2 ? 1 : 0);
      back[0] += p * WORDS[2 * id];
      back[1] += p * WORDS[2 * id + 1];
    }
    NDArray gain = call("state", ints(1, 1));
    assertNear(gain, back[0] * 4 / RMS, back[1] * -3 / RMS);

    call("adamw", scope.create(new double[] {0.5, 0.9, 0.99, 1e-8, 0, 0}));
    // the first step of Adam moves by the rate against the sign
    assertNear(
        call("state", ints(0, 1)), 1 - 0.5 * Math.signum(back[0]), 1 - 0.5 * Math.signum(-back[1]));
    assertNear(call("state", ints(4, 1)), 1);
    call("set_state", ints(0, 1), scope.create(new float[] {2, 3}));
    call("refresh", none);
    assertNear(call("state", ints(0, 1)), 2, 3);
    assertNear(call("state", ints(1, 1)), 0, 0);
  }

  /**
   * A layer of zeros each; but the decoder's attention to the text, which sees all of it alike, has
   * unit matrices for values and output, so that it adds the mean of the encoder's states.
   */
  private void encoderAndDecoder() {
    Map<String, Object> switches = switches();
    switches.put("layers", 2);
    switches.put("encoder_layers", 1);
    switches.put("causal", false);
    switches.put("attention_scales", List.of(1.0, 1.0));
    switches.put("kinds", List.of(0, 0));
    List<String> keys =
        new ArrayList<>(List.of("word.weight", "final_norm.weight", "encoder_norm.weight"));
    List<List<Integer>> plan = new ArrayList<>();
    for (int leaf = 0; leaf < 3; leaf++) {
      plan.add(List.of(leaf, 2, 0, 0, 0));
    }
    List<Float> crossing = List.of(0f, 0f, 1f, 1f); // on the diagonals
    List<String> cross = List.of("cross_q", "cross_k", "cross_v", "cross_o");
    for (int layer = 0; layer < 2; layer++) {
      for (String key : LAYER.keySet()) {
        plan.add(List.of(keys.size(), layer, 0, 0, 0));
        keys.add(key);
      }
    }
    for (String key : cross) {
      plan.add(List.of(keys.size(), 1, 0, 0, 0));
      keys.add(key + ".weight");
    }
    plan.add(List.of(keys.size(), 1, 0, 0, 0));
    keys.add("cross_norm.weight");
    switches.put("keys", keys);
    switches.put("plan", plan);
    load(switches);
    put(WORDS, 3, 2);
    put(new float[] {1, 1}, 2);
    put(new float[] {1, 1}, 2);
    for (int layer = 0; layer < 2; layer++) {
      LAYER.values().forEach(s -> put(new float[s.length * 2], s));
    }
    crossing.forEach(one -> put(new float[] {one, 0, 0, one}, 2, 2));
    put(new float[] {1, 1}, 2);
    call("put_constant", scope.create(new float[] {1}));
    call("freeze", program.nothing());

    NDArray text = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray positions = scope.create(new long[] {0, 1}, new Shape(1, 2));
    NDArray answer = scope.create(new long[] {1, 2}, new Shape(1, 2));
    NDArray none = program.nothing();
    NDArray second = scope.create(new long[] {1});
    // token 2 plus the mean of the normalised tokens 0 and 1
    double[] sum = {5 + 3.5 / RMS, 0.5 / RMS};
    double rms = Math.sqrt((sum[0] * sum[0] + sum[1] * sum[1]) / 2);
    double[] expected = new double[3];
    for (int id = 0; id < 3; id++) {
      expected[id] = (sum[0] * WORDS[2 * id] + sum[1] * WORDS[2 * id + 1]) / rms;
    }
    assertNear(call("logits", text, none, none, positions, answer, second), expected);
    assertThat(callAll("hidden_states", text, none, none, positions, none)).hasSize(2);
    NDArray encoded = call("encode", call("word_vectors", text), none, none, positions);
    assertThat(encoded.getShape()).isEqualTo(new Shape(1, 2, 1, 1, 2, 2));
    NDList whole = callAll("decode", answer, encoded, none, none, second);
    assertNear(whole.get(0), expected);
    assertThat(whole.get(1).getShape()).isEqualTo(new Shape(1, 2, 1, 1, 2, 2));
    NDArray last = scope.create(new long[] {2}, new Shape(1, 1));
    NDArray past = scope.ones(new Shape(1, 2, 1, 1, 1, 2));
    NDArray first = scope.create(new long[] {0});
    assertNear(callAll("decode", last, encoded, none, past, first).get(0), expected);
    NDArray room = call("make_room", past, ints(1, 3));
    assertNear(call("decode_into", last, encoded, none, room, ints(1), first), expected);
    // with token 1 of the text masked the mean is token 0 alone
    NDArray half = scope.create(new boolean[] {true, false}, new Shape(1, 2));
    double[] other = {5 + 3 / RMS, 4 / RMS};
    double length = Math.sqrt((other[0] * other[0] + other[1] * other[1]) / 2);
    assertNear(
        callAll("decode", last, encoded, half, past, first).get(0),
        (other[0] * 3 + other[1] * 4) / length,
        (other[0] * 4 - other[1] * 3) / length,
        other[0] * 5 / length);
  }

  @Test
  void call_unknownEntryPoint_isNamedInTheException() {
    assertThatThrownBy(() -> program.call(scope, "no_such_method", program.nothing()))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("no_such_method");
  }

  @Test
  void call_wrongNumberOfArguments_isAnException() {
    assertThatThrownBy(() -> program.call(scope, "freeze"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("freeze");
    assertThatThrownBy(() -> program.call(scope, "freeze", program.nothing(), program.nothing()))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("freeze");
  }

  @Test
  void call_argumentsWithNames_areArgumentsAllTheSame() {
    call("freeze", program.nothing());
    NDArray ids = scope.create(new long[] {2}, new Shape(1, 1));
    ids.setName("a.b[]"); // to DJL a list in a dictionary
    assertNear(call("word_vectors", ids), 5, 0);
  }

  @Test
  void call_results_belongToTheScopeGiven() {
    call("freeze", program.nothing());
    NDArray ids = scope.create(new long[] {2}, new Shape(1, 1));
    try (NDManager other = program.newScope()) {
      NDArray vectors = program.call(other, "word_vectors", ids).singletonOrThrow();
      assertThat(vectors.getManager()).isSameAs(other);
    }
    assertThat(ids.toLongArray()).containsExactly(2); // arguments are only borrowed
  }

  // ------------------------------------------------------------------ helpers

  private static Map<String, Object> switches() {
    Map<String, Object> s = new LinkedHashMap<>();
    s.put("layers", 1);
    s.put("encoder_layers", 0);
    s.put("heads", 1);
    s.put("kv_heads", 1);
    s.put("head_dim", 2);
    s.put("causal", true);
    s.put("rotary", true);
    s.put("buckets", 0);
    s.put("farthest", 0);
    s.put("table_scale", 1.0);
    s.put("input_scale", 1.0);
    s.put("rms_norm", true);
    s.put("norm_offset", false);
    s.put("input_norms", true);
    s.put("output_norms", false);
    s.put("sum_norms", false);
    s.put("embedding_norm", false);
    s.put("final_norm", true);
    s.put("norm_eps", 0.0);
    s.put("parallel", false);
    s.put("activation", "silu");
    s.put("gated", true);
    s.put("score_cap", 0.0);
    s.put("head_transform", false);
    s.put("head_activation", "");
    s.put("head_scale", 1.0);
    s.put("head_cap", 0.0);
    s.put("tied_head", true);
    s.put("attention_scales", List.of(1.0));
    s.put("kinds", List.of(0));
    s.put("windows", List.of(0));
    s.put("compute", 6);
    List<List<Integer>> plan = new ArrayList<>();
    List<String> keys = new ArrayList<>(List.of("word.weight", "final_norm.weight"));
    keys.addAll(LAYER.keySet());
    for (int leaf = 0; leaf < keys.size(); leaf++) {
      plan.add(List.of(leaf, leaf < 2 ? 1 : 0, 0, 0, 0)); // leaf, layer, as it is
    }
    s.put("plan", plan);
    s.put("keys", keys);
    return s;
  }

  private void put(float[] values, long... shape) {
    // kept in float32 (6), as a copy (1), because the array here is collected some day
    call("put", scope.create(values, new Shape(shape)), ints(0, 6, 1));
  }

  private NDArray ints(long... values) {
    return scope.create(values);
  }

  private NDArray call(String method, NDArray... arguments) {
    return callAll(method, arguments).singletonOrThrow();
  }

  private NDList callAll(String method, NDArray... arguments) {
    called.add(method);
    return program.call(scope, method, arguments);
  }

  private static void assertNear(NDArray actual, double... expected) {
    double[] values = new double[(int) actual.size()];
    float[] floats = actual.toFloatArray();
    for (int i = 0; i < values.length; i++) {
      values[i] = floats[i];
    }
    assertThat(values).containsExactly(expected, within(1e-5));
  }

  /** The methods of the script that take tensors only. */
  private static Set<String> entryPoints() throws IOException {
    String source;
    try (InputStream in = Program.class.getResourceAsStream("transformer.py")) {
      source = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    Set<String> names = new TreeSet<>();
    Matcher methods =
        Pattern.compile("  def (\\w+)\\(self: __torch__\\.Transformer,([^)]*)\\) ->")
            .matcher(source);
    while (methods.find()) {
      boolean tensorsOnly = true;
      for (String argument : methods.group(2).split(",")) {
        tensorsOnly &= argument.strip().endsWith(": Tensor");
      }
      if (tensorsOnly) {
        names.add(methods.group(1));
      }
    }
    return names;
  }
}
