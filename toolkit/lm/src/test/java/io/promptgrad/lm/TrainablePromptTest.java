package io.promptgrad.lm;

import static io.promptgrad.lm.SoftModel.Layout.KEY_VALUES;
import static io.promptgrad.lm.SoftModel.Layout.VECTORS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.lm.SoftModel.Layout;
import io.promptgrad.lm.SoftModel.Loss;
import io.promptgrad.lm.SoftModel.Placement;
import io.promptgrad.lm.TrainablePrompt.Form;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TrainablePromptTest {

  private static final TokenBatch BATCH =
      TokenBatch.leftPadded(List.of(new int[] {38, 87, 88, 51, 10}, new int[] {31, 95, 22, 5}), 0);
  private static final Targets TARGETS =
      new Targets(new int[] {4, 9, 8}, new int[][] {{5}, {1, 2}, {96}}, new float[] {1, 0.5f, 2});
  private static final AdamW ADAM = new AdamW(0.9, 0.99, 1e-8, 0.1, 0);

  static Stream<Form> forms() {
    return Stream.of(
        new Form.Table(1),
        new Form.LowRank(2),
        new Form.Projection(6, 5),
        new Form.Mlp(6, 5),
        new Form.Lstm(6, 3, 2));
  }

  private static float[] initial(String name, long[] shape) {
    Random random = new Random(name.hashCode());
    float[] values = new float[(int) new Shape(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.round(0.4 * random.nextGaussian() * 4096) / 4096f;
    }
    return values;
  }

  private static Placement placement(Layout layout) {
    return layout == KEY_VALUES
        ? Placement.Before.all(3, 2)
        : new Placement.At(new int[] {0, 1, 2, 6, 7, 8}, new int[] {0, 1, 2, 0, 1, 2});
  }

  private static double loss(SoftModel soft, TrainablePrompt prompt, Layout layout) {
    try (NDManager scope = soft.model().newScope()) {
      double[] losses =
          soft.losses(BATCH, prompt.value(scope), placement(layout), TARGETS, Loss.among(null));
      return losses[0] + 0.5 * losses[1] + 2 * losses[2];
    }
  }

  /** Every parameter of every form, in both layouts. */
  @ParameterizedTest
  @MethodSource("forms")
  void gradient_inFloat64_equalsFiniteDifferences(Form form) {
    for (String name : List.of("bert", "llama")) {
      SoftModel soft = TinyModels.shared(name, Precision.FLOAT64).forSoft();
      for (Layout layout : List.of(VECTORS, KEY_VALUES)) {
        requireGradients(soft, layout, form);
      }
    }
  }

  /** A network for each part of the prompt, which is what each makes, side by side. */
  @Test
  void gradient_ofANetworkForEachPart_equalsFiniteDifferences() {
    SoftModel soft = TinyModels.shared("llama", Precision.FLOAT64).forSoft();
    int width = soft.width(KEY_VALUES);
    Form parts = new Form.Projection(6, 5, List.of(width / 4, width - width / 4));
    requireGradients(soft, KEY_VALUES, parts);
    assertThatThrownBy(() -> new Form.Projection(6, 5, List.of(3)).parameters(3, width))
        .isInstanceOf(IllegalArgumentException.class);
    try (TrainablePrompt both =
            new TrainablePrompt(
                soft.model(), KEY_VALUES, parts, 3, ADAM, TrainablePromptTest::initial);
        TrainablePrompt one =
            new TrainablePrompt(
                soft.model(),
                KEY_VALUES,
                new Form.Projection(6, 5),
                3,
                ADAM,
                (name, shape) ->
                    name.startsWith("dense2")
                        ? Arrays.copyOf(initial(name, cut(shape, width / 4)), size(shape))
                        : initial(name, shape))) {
      for (int t = 0; t < 3; t++) {
        assertThat(Arrays.copyOfRange(both.values(), t * width, t * width + width / 4))
            .containsExactly(
                Arrays.copyOfRange(one.values(), t * width, t * width + width / 4), within(1e-6f));
      }
    }
  }

  private static long[] cut(long[] shape, int rows) {
    long[] smaller = shape.clone();
    smaller[0] = rows;
    return smaller;
  }

  private static void requireGradients(SoftModel soft, Layout layout, Form form) {
    try (TrainablePrompt prompt =
            new TrainablePrompt(soft.model(), layout, form, 3, ADAM, TrainablePromptTest::initial);
        NDManager scope = soft.model().newScope()) {
      prompt.accumulate(
          soft.gradient(
                  scope, BATCH, prompt.value(scope), placement(layout), TARGETS, Loss.among(null))
              .prompt());
      prompt
          .parameters()
          .forEach(
              (parameter, shape) -> {
                double[] gradient = prompt.gradient(parameter);
                Random random = new Random(7);
                for (int n = 0; n < 2; n++) {
                  int i = random.nextInt(gradient.length);
                  double difference =
                      (moved(soft, layout, form, parameter, i, 1)
                              - moved(soft, layout, form, parameter, i, -1))
                          / (2 * STEP);
                  assertThat(gradient[i])
                      .as("%s %s %s %d", layout, form, parameter, i)
                      .isCloseTo(difference, within(1e-5));
                }
                assertThat(Arrays.stream(gradient).map(Math::abs).max().getAsDouble())
                    .as(parameter)
                    .isGreaterThan(1e-4);
              });
    }
  }

  /** A power of two, so that parameters given in float32 move by exactly that much. */
  private static final double STEP = 0x1p-16;

  private static double moved(
      SoftModel soft, Layout layout, Form form, String parameter, int i, int side) {
    try (TrainablePrompt prompt =
        new TrainablePrompt(
            soft.model(),
            layout,
            form,
            3,
            ADAM,
            (name, shape) -> {
              float[] values = initial(name, shape);
              if (name.equals(parameter)) {
                values[i] += (float) (side * STEP);
              }
              return values;
            })) {
      return loss(soft, prompt, layout);
    }
  }

  /** Gates in the order input, forget, cell, output, as PyTorch has them. */
  @Test
  void value_ofAnLstm_isWhatItsEquationsSay() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT64);
    Form.Lstm form = new Form.Lstm(4, 3, 2);
    try (TrainablePrompt prompt =
        new TrainablePrompt(model, VECTORS, form, 5, ADAM, TrainablePromptTest::initial)) {
      double[][] x = rows(prompt.parameter("table"), 4);
      for (int l = 1; l <= 2; l++) {
        double[][] ahead = direction(prompt, "lstm" + l + ".forward", x, false);
        double[][] back = direction(prompt, "lstm" + l + ".backward", x, true);
        double[][] y = new double[5][];
        for (int t = 0; t < 5; t++) {
          y[t] = Arrays.copyOf(ahead[t], 6);
          System.arraycopy(back[t], 0, y[t], 3, 3);
        }
        x = y;
      }
      float[] values = prompt.values();
      for (int t = 0; t < 5; t++) {
        double[] h = dense(prompt, "dense1", x[t]);
        Arrays.setAll(h, i -> Math.max(0, h[i]));
        double[] out = dense(prompt, "dense2", h);
        for (int e = 0; e < 32; e++) {
          assertThat((double) values[32 * t + e]).isCloseTo(out[e], within(1e-6));
        }
      }
    }
  }

  private static double[][] rows(double[] values, int width) {
    double[][] rows = new double[values.length / width][];
    Arrays.setAll(rows, r -> Arrays.copyOfRange(values, r * width, (r + 1) * width));
    return rows;
  }

  private static double[] dense(TrainablePrompt prompt, String name, double[] x) {
    double[][] w = rows(prompt.parameter(name + ".weight"), x.length);
    double[] y = prompt.parameter(name + ".bias");
    for (int o = 0; o < y.length; o++) {
      for (int i = 0; i < x.length; i++) {
        y[o] += w[o][i] * x[i];
      }
    }
    return y;
  }

  private static double[][] direction(
      TrainablePrompt prompt, String name, double[][] x, boolean reversed) {
    double[][] input = rows(prompt.parameter(name + ".input"), x[0].length);
    double[][] state = rows(prompt.parameter(name + ".state"), 3);
    double[] bias = prompt.parameter(name + ".input_bias");
    double[] other = prompt.parameter(name + ".state_bias");
    double[] h = new double[3];
    double[] c = new double[3];
    double[][] out = new double[x.length][];
    for (int step = 0; step < x.length; step++) {
      int t = reversed ? x.length - 1 - step : step;
      double[] gates = new double[12];
      for (int g = 0; g < 12; g++) {
        gates[g] = bias[g] + other[g];
        for (int i = 0; i < x[t].length; i++) {
          gates[g] += input[g][i] * x[t][i];
        }
        for (int i = 0; i < 3; i++) {
          gates[g] += state[g][i] * h[i];
        }
      }
      double[] next = new double[3];
      for (int i = 0; i < 3; i++) {
        c[i] = sigmoid(gates[3 + i]) * c[i] + sigmoid(gates[i]) * Math.tanh(gates[6 + i]);
        next[i] = sigmoid(gates[9 + i]) * Math.tanh(c[i]);
      }
      h = next;
      out[t] = h;
    }
    return out;
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  // ------------------------------------------------------------------ optimizers

  private static TrainablePrompt table(String name, int tokens, int prompts, Optimizer optimizer) {
    return new TrainablePrompt(
        TinyModels.shared(name, Precision.FLOAT64),
        VECTORS,
        new Form.Table(prompts),
        tokens,
        optimizer,
        TrainablePromptTest::initial);
  }

  private static void accumulate(TrainablePrompt prompt, double[] gradient, int width) {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      prompt.accumulate(scope.create(gradient, new Shape(gradient.length / width, width)));
    }
  }

  private static double[] random(int n, int seed) {
    Random random = new Random(seed);
    double[] values = new double[n];
    Arrays.setAll(values, i -> random.nextGaussian());
    return values;
  }

  @Test
  void adamW_overThreeUpdates_followsItsEquations() {
    try (TrainablePrompt prompt = table("gpt2", 2, 1, ADAM)) {
      double[] p = prompt.parameter("prompt.0");
      double[] m = new double[64];
      double[] v = new double[64];
      for (int t = 1; t <= 3; t++) {
        double[] g = random(64, t);
        accumulate(prompt, g, 32);
        double norm = prompt.update(t, 0.05)[0];
        double square = 0;
        for (int i = 0; i < 64; i++) {
          square += g[i] * g[i];
          m[i] = 0.9 * m[i] + 0.1 * g[i];
          v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
          double mHat = m[i] / (1 - Math.pow(0.9, t));
          double vHat = v[i] / (1 - Math.pow(0.99, t));
          p[i] = p[i] - 0.05 * 0.1 * p[i] - 0.05 * mHat / (Math.sqrt(vHat) + 1e-8);
        }
        assertThat(norm).isCloseTo(Math.sqrt(square), within(1e-6));
        assertThat(prompt.parameter("prompt.0")).containsExactly(p, within(1e-12));
      }
    }
  }

  /** The first update of Adafactor by hand: rho is 0, so that every step is rate * sign(g). */
  @Test
  void adafactor_firstUpdate_isTheSignOfTheGradient() {
    Adafactor paper = Adafactor.forPrompts();
    try (TrainablePrompt prompt = table("gpt2", 1, 1, paper)) {
      double[] p = prompt.parameter("prompt.0");
      double[] g = random(32, 3);
      accumulate(prompt, g, 32);
      prompt.update(1, 0.3);
      for (int i = 0; i < 32; i++) {
        p[i] = p[i] * (1 - 1e-5) - 0.3 * Math.signum(g[i]);
      }
      assertThat(prompt.parameter("prompt.0")).containsExactly(p, within(1e-9));
    }
  }

  @Test
  void adafactor_overThreeUpdates_followsItsEquations() {
    Adafactor paper = Adafactor.forPrompts();
    try (TrainablePrompt prompt = table("gpt2", 2, 1, paper)) {
      double[] p = prompt.parameter("prompt.0");
      double[] v = new double[64];
      for (int t = 0; t < 3; t++) {
        double[] g = random(64, t);
        g[5] *= 40;
        accumulate(prompt, g, 32);
        prompt.update(t + 1, 0.3);
        double rho = 1 - Math.pow(t + 1, -0.8);
        double mean = 0;
        double[] y = new double[64];
        for (int i = 0; i < 64; i++) {
          v[i] = rho * v[i] + (1 - rho) * (g[i] * g[i] + 1e-30);
          y[i] = g[i] / Math.sqrt(v[i]);
          mean += y[i] * y[i] / 64;
        }
        double cut = Math.max(1, Math.sqrt(mean));
        for (int i = 0; i < 64; i++) {
          p[i] = (1 - 1e-5) * p[i] - 0.3 * y[i] / cut;
        }
        assertThat(prompt.parameter("prompt.0")).containsExactly(p, within(1e-10));
      }
    }
  }

  /** 130 rows of 128 values are factored: the larger axis is that of the rows. */
  @Test
  void adafactor_ofALargeMatrix_keepsMeansOfRowsAndColumns() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT64);
    int w = model.forSoft().width(KEY_VALUES);
    assertThat(w).isGreaterThanOrEqualTo(128);
    int n = w + 2;
    try (TrainablePrompt prompt =
        new TrainablePrompt(
            model,
            KEY_VALUES,
            new Form.Table(1),
            n,
            Adafactor.forPrompts(),
            TrainablePromptTest::initial)) {
      assertThat(prompt.save().get("prompt.0/first")).hasSize(8 * w); // means over the n rows
      assertThat(prompt.save().get("prompt.0/second")).hasSize(8 * n);
      double[] p = prompt.parameter("prompt.0");
      double[] row = new double[w]; // v_row: mean over the larger axis
      double[] column = new double[n];
      for (int t = 0; t < 2; t++) {
        double[] g = random(n * w, 10 + t);
        accumulate(prompt, g, w);
        prompt.update(t + 1, 0.3);
        double rho = 1 - Math.pow(t + 1, -0.8);
        double[] newRow = new double[w];
        double[] newColumn = new double[n];
        for (int i = 0; i < g.length; i++) {
          newRow[i % w] += (g[i] * g[i] + 1e-30) / n;
          newColumn[i / w] += (g[i] * g[i] + 1e-30) / w;
        }
        double mean = 0;
        for (int i = 0; i < w; i++) {
          row[i] = rho * row[i] + (1 - rho) * newRow[i];
          mean += row[i] / w;
        }
        for (int i = 0; i < n; i++) {
          column[i] = rho * column[i] + (1 - rho) * newColumn[i];
        }
        double square = 0;
        double[] y = new double[g.length];
        for (int i = 0; i < g.length; i++) {
          y[i] = g[i] / Math.sqrt(row[i % w] / mean) / Math.sqrt(column[i / w]);
          square += y[i] * y[i] / g.length;
        }
        double cut = Math.max(1, Math.sqrt(square));
        for (int i = 0; i < g.length; i++) {
          p[i] = (1 - 1e-5) * p[i] - 0.3 * y[i] / cut;
        }
        assertThat(prompt.parameter("prompt.0")).containsExactly(p, within(1e-9));
      }
    }
  }

  /** Prompts of an ensemble are cut by themselves, as if each were alone. */
  @Test
  void update_ofSeveralPrompts_isThatOfEachAlone() {
    AdamW cutting = new AdamW(0.9, 0.99, 1e-8, 0, 1);
    double[] g = random(128, 5);
    Arrays.setAll(g, i -> i < 64 ? g[i] * 100 : g[i] * 0.01);
    try (TrainablePrompt both = table("gpt2", 2, 2, cutting)) {
      accumulate(both, g, 32);
      float[] norms = both.update(1, 0.1);
      assertThat(norms).hasSize(2);
      assertThat(norms[0]).isGreaterThan(100 * norms[1]);
      try (TrainablePrompt one = table("gpt2", 2, 1, cutting)) {
        accumulate(one, Arrays.copyOf(g, 64), 32);
        one.update(1, 0.1);
        assertThat(both.parameter("prompt.0")).isEqualTo(one.parameter("prompt.0"));
      }
    }
  }

  // ------------------------------------------------------------------ state

  @ParameterizedTest
  @MethodSource("forms")
  void restore_ofASavedState_goesOnToTheLastBit(Form form) {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    for (Optimizer optimizer : List.of(ADAM, Adafactor.forPrompts())) {
      try (TrainablePrompt whole =
              new TrainablePrompt(
                  model, VECTORS, form, 3, optimizer, TrainablePromptTest::initial);
          TrainablePrompt resumed =
              new TrainablePrompt(
                  model, VECTORS, form, 3, optimizer, (name, s) -> new float[size(s)])) {
        step(model, whole, 1);
        step(model, whole, 2);
        Map<String, byte[]> saved = whole.save();
        resumed.restore(saved);
        step(model, whole, 3);
        step(model, resumed, 3);
        assertThat(resumed.values()).isEqualTo(whole.values());
        whole.save().forEach((k, bytes) -> assertThat(resumed.save().get(k)).isEqualTo(bytes));
        assertThat(whole.save().get("nothing")).isNull();
        saved.replaceAll((k, bytes) -> new byte[3]);
        assertThatThrownBy(() -> resumed.restore(saved))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  private static int size(long[] shape) {
    return (int) new Shape(shape).size();
  }

  private static void step(LanguageModel model, TrainablePrompt prompt, int update) {
    SoftModel soft = model.forSoft();
    try (NDManager scope = model.newScope()) {
      NDArray gradient =
          soft.gradient(
                  scope, BATCH, prompt.value(scope), placement(VECTORS), TARGETS, Loss.among(null))
              .prompt();
      prompt.accumulate(gradient);
    }
    prompt.update(update, 0.01);
  }

  @Test
  void mask_ofAPrompt_keepsItsZeros() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    float[] factors = new float[96];
    Arrays.fill(factors, 40, 96, 1);
    try (TrainablePrompt prompt =
        new TrainablePrompt(
            model, VECTORS, new Form.Table(1), 3, ADAM, TrainablePromptTest::initial)) {
      prompt.mask(factors);
      step(model, prompt, 1);
      float[] values = prompt.values();
      for (int i = 0; i < 96; i++) {
        assertThat(values[i] == 0).isEqualTo(i < 40);
      }
    }
  }
}
