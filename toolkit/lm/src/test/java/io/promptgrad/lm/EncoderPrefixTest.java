package io.promptgrad.lm;

import static io.promptgrad.lm.SoftModel.Layout.ALL_KEY_VALUES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.lm.SoftModel.Placement;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.arch.TransformerSpec.Positions;
import io.promptgrad.lm.weights.SafetensorsFile;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Prefixes of every attention of T5, against an encoder in plain Java that joins keys and values by
 * hand, and a decoder that gets what it sees of the text and of its past as if it were a cache.
 */
class EncoderPrefixTest {

  private static final int[] TEXT = {38, 87, 88, 51, 10};
  private static final int[] SAID = {0, 38, 9};
  private static final int N = 2;

  private SafetensorsFile weights;
  private TransformerSpec spec;
  private double[] prompt; // [N, pieces, heads, head width]
  private int pieces;

  @ParameterizedTest
  @ValueSource(strings = {"t5__classic_relu_tied", "t5__v1_1_gated_untied"})
  void logits_behindPrefixesOfAllAttentions_areThoseOfJoinedKeysAndValues(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    SoftModel soft = model.forSoft();
    weights = SafetensorsFile.open(model.path().resolve("model.safetensors"));
    spec = model.spec();
    pieces = soft.pieces(ALL_KEY_VALUES);
    Random random = new Random(3);
    prompt = random.doubles((long) N * soft.width(ALL_KEY_VALUES), -1, 1).toArray();
    int encoder = spec.encoder().layers();
    int[] at = {0, 1, 2};
    TokenBatch batch = TokenBatch.of(List.of(TEXT), 0).withDecoder(List.of(SAID), 0);
    try (NDManager scope = model.newScope()) {
      // Without a prefix it is the model's encoder.
      assertThat(cross(encode(0), 0))
          .containsExactly(
              Tensors.doubles(model.forCaching().encode(scope, null, batch).keyValues()),
              within(1e-9));

      byte[] seen = new byte[N + TEXT.length];
      Arrays.fill(seen, (byte) 1);
      CachingModel.Encoded text =
          new CachingModel.Encoded(scope.create(cross(encode(N), N), shape(N + TEXT.length)), seen);
      double[] past = new double[(int) shape(N).size()];
      int i = 0;
      for (int l = 0; l < spec.layers(); l++) {
        for (int s = 0; s < 2; s++) {
          for (int h = 0; h < spec.attention().heads(); h++) {
            for (int p = 0; p < N; p++) {
              for (int d = 0; d < spec.attention().headDim(); d++) {
                past[i++] = prefix(p, 2 * (encoder + l) + s, h, d);
              }
            }
          }
        }
      }
      float[] expected =
          Tensors.floats(
              model
                  .forCaching()
                  .decode(scope, text, 1, SAID, scope.create(past, shape(N)), at)
                  .logits());
      NDArray values = scope.create(prompt, new Shape(N, soft.width(ALL_KEY_VALUES)));
      float[] found = soft.logits(batch, values, Placement.Before.all(N, 1), at, null);
      assertThat(found).containsExactly(expected, within(1e-5f));

      // Each of the three counts.
      for (int part : new int[] {0, 2 * encoder, 2 * (encoder + spec.layers())}) {
        double[] moved = prompt.clone();
        moved[part * spec.attention().heads() * spec.attention().headDim()] += 0.5;
        NDArray other = scope.create(moved, new Shape(N, soft.width(ALL_KEY_VALUES)));
        float[] logits = soft.logits(batch, other, Placement.Before.all(N, 1), at, null);
        assertThat(difference(logits, found)).as("piece %d", part).isGreaterThan(1e-4);
      }
    }
  }

  private static double difference(float[] a, float[] b) {
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs(a[i] - b[i]));
    }
    return largest;
  }

  /** Of the decoder: [L, 2, 1, G, n, D]. */
  private Shape shape(int n) {
    return new Shape(spec.layers(), 2, 1, spec.attention().heads(), n, spec.attention().headDim());
  }

  private double prefix(int token, int piece, int head, int d) {
    int heads = spec.attention().heads();
    return prompt[((token * pieces + piece) * heads + head) * spec.attention().headDim() + d];
  }

  /** Keys and values by which the decoder sees the text, behind n of the prompt. */
  private double[] cross(double[][] h, int n) {
    double[] all = new double[(int) shape(n + h.length).size()];
    int i = 0;
    for (int l = 0; l < spec.layers(); l++) {
      for (int s = 0; s < 2; s++) {
        double[][] own =
            linear(h, "decoder.block.%d.layer.1.EncDecAttention.%s".formatted(l, "kv".charAt(s)));
        for (int head = 0; head < spec.attention().heads(); head++) {
          for (int t = 0; t < n + h.length; t++) {
            for (int d = 0; d < spec.attention().headDim(); d++) {
              int piece = 2 * (spec.encoder().layers() + spec.layers() + l) + s;
              all[i++] =
                  t < n
                      ? prefix(t, piece, head, d)
                      : own[t - n][head * spec.attention().headDim() + d];
            }
          }
        }
      }
    }
    return all;
  }

  /** The encoder's last states [S][C], with n keys and values of the prompt in each layer. */
  private double[][] encode(int n) {
    double[][] table = matrix("shared.weight", spec.hidden());
    double[][] x = Arrays.stream(TEXT).mapToObj(id -> table[id].clone()).toArray(double[][]::new);
    double[][] distances =
        matrix(
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            spec.attention().heads());
    for (int l = 0; l < spec.encoder().layers(); l++) {
      String block = "encoder.block." + l + ".layer.";
      double[][] h = norm(x, block + "0.layer_norm");
      String name = block + "0.SelfAttention.";
      add(x, linear(attend(h, l, name, distances, n), name + "o"));
      h = norm(x, block + "1.layer_norm");
      name = block + "1.DenseReluDense.";
      double[][] up = linear(h, name + (spec.feedForward().gated() ? "wi_1" : "wi"));
      double[][] gate = spec.feedForward().gated() ? linear(h, name + "wi_0") : up;
      for (int t = 0; t < up.length; t++) {
        for (int i = 0; i < up[t].length; i++) {
          double g = gate[t][i];
          double cube = 0.044715 * g * g * g;
          up[t][i] =
              spec.feedForward().gated()
                  ? up[t][i] * 0.5 * g * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (g + cube)))
                  : Math.max(0, g);
        }
      }
      add(x, linear(up, name + "wo"));
    }
    return norm(x, "encoder.final_layer_norm");
  }

  private double[][] attend(double[][] h, int l, String name, double[][] distances, int n) {
    int width = spec.attention().headDim();
    double[][] q = linear(h, name + "q");
    double[][] k = linear(h, name + "k");
    double[][] v = linear(h, name + "v");
    double[][] out = new double[h.length][q[0].length];
    for (int head = 0; head < spec.attention().heads(); head++) {
      for (int t = 0; t < h.length; t++) {
        double[] p = new double[n + h.length];
        double sum = 0;
        for (int j = 0; j < p.length; j++) {
          double score = distances[bucket(j - (n + t))][head];
          for (int d = 0; d < width; d++) {
            double key = j < n ? prefix(j, 2 * l, head, d) : k[j - n][head * width + d];
            score += q[t][head * width + d] * key;
          }
          p[j] = Math.exp(score);
          sum += p[j];
        }
        for (int j = 0; j < p.length; j++) {
          for (int d = 0; d < width; d++) {
            double value = j < n ? prefix(j, 2 * l + 1, head, d) : v[j - n][head * width + d];
            out[t][head * width + d] += p[j] / sum * value;
          }
        }
      }
    }
    return out;
  }

  private int bucket(int ahead) {
    Positions.Distances positions = (Positions.Distances) spec.positions();
    int n = positions.buckets() / 2;
    int single = n / 2;
    int distance = Math.abs(ahead);
    double growth =
        Math.log((double) distance / single) / Math.log((double) positions.farthest() / single);
    int own =
        distance < single ? distance : Math.min(n - 1, single + (int) (growth * (n - single)));
    return (ahead > 0 ? n : 0) + own;
  }

  private static void add(double[][] x, double[][] y) {
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < x[t].length; i++) {
        x[t][i] += y[t][i];
      }
    }
  }

  private double[][] norm(double[][] x, String name) {
    float[] gain = weights.find(name + ".weight").orElseThrow().toFloats();
    double[][] y = new double[x.length][gain.length];
    for (int t = 0; t < x.length; t++) {
      double square = Arrays.stream(x[t]).map(value -> value * value).average().orElseThrow();
      for (int i = 0; i < gain.length; i++) {
        y[t][i] = x[t][i] / Math.sqrt(square + 1e-6) * gain[i];
      }
    }
    return y;
  }

  private double[][] linear(double[][] x, String name) {
    double[][] w = matrix(name + ".weight", x[0].length);
    double[][] y = new double[x.length][w.length];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < w.length; o++) {
        for (int i = 0; i < w[o].length; i++) {
          y[t][o] += w[o][i] * x[t][i];
        }
      }
    }
    return y;
  }

  private double[][] matrix(String name, int columns) {
    float[] values = weights.find(name).orElseThrow().toFloats();
    double[][] rows = new double[values.length / columns][columns];
    for (int i = 0; i < values.length; i++) {
      rows[i / columns][i % columns] = values[i];
    }
    return rows;
  }
}
