package io.promptgrad.lm;

import static io.promptgrad.lm.SoftModel.Layout.ALL_KEY_VALUES;
import static io.promptgrad.lm.SoftModel.Layout.KEY_VALUES;
import static io.promptgrad.lm.SoftModel.Layout.VECTORS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.SoftModel.Dropout;
import io.promptgrad.lm.SoftModel.Layout;
import io.promptgrad.lm.SoftModel.Loss;
import io.promptgrad.lm.SoftModel.Placement;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SoftModelTest {

  private static final List<int[]> ROWS =
      List.of(new int[] {38, 87, 88, 51, 10}, new int[] {31, 95, 22}, new int[] {7, 8, 9, 10});

  private static final Loss PLAIN = Loss.among(null);

  static Stream<String> everyFamily() {
    return TinyModels.ALL.stream();
  }

  static Stream<String> causal() {
    return TinyModels.ALL.stream()
        .filter(name -> Stream.of("bert", "electra", "t5").noneMatch(name::contains));
  }

  /** Rows padded on the left; an encoder-decoder gets something to decode. */
  private static TokenBatch batch(LanguageModel model, List<int[]> rows) {
    TokenBatch batch = TokenBatch.leftPadded(rows, 0);
    return model.spec().encoderDecoder()
        ? batch.withDecoder(rows.stream().map(row -> new int[] {0, row[0], row[1]}).toList(), 0)
        : batch;
  }

  /** At the last token of each row and, where it is not padding, at the one before. */
  private static Targets targets(TokenBatch batch) {
    int width = batch.decoderIds().length > 0 ? batch.decoderLength() : batch.length();
    int[] at = new int[2 * batch.rows()];
    int[][] tokens = new int[at.length][];
    float[] weights = new float[at.length];
    for (int i = 0; i < at.length; i++) {
      at[i] = (i / 2 + 1) * width - 1 - i % 2;
      tokens[i] = i % 2 == 0 ? new int[] {5 + i, 60} : new int[] {11 * i % 97};
      weights[i] = 0.25f * (i + 1);
    }
    return new Targets(at, tokens, weights);
  }

  private static List<Layout> layouts(LanguageModel model) {
    return model.spec().encoderDecoder()
        ? List.of(VECTORS, KEY_VALUES, ALL_KEY_VALUES)
        : List.of(VECTORS, KEY_VALUES);
  }

  /** Two prompts of 2 tokens: rows 0 and 2 have the second, row 1 the first. */
  private static Placement placement(Layout layout, TokenBatch batch) {
    if (layout != VECTORS) {
      return new Placement.Before(2, new int[] {1, 0, 1});
    }
    return new Placement.At(
        new int[] {
          batch.index(0, 3),
          batch.index(0, 4),
          batch.index(1, 2),
          batch.index(1, 4),
          batch.index(2, 1),
          batch.index(2, 2)
        },
        new int[] {2, 3, 0, 1, 3, 2});
  }

  private static double[] random(int n) {
    Random random = new Random(4);
    double[] values = new double[n];
    Arrays.setAll(values, i -> 0.5 * random.nextGaussian());
    return values;
  }

  private static double sum(double[] losses, Targets targets) {
    double sum = 0;
    for (int n = 0; n < losses.length; n++) {
      sum += losses[n] * targets.weights()[n];
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bert",
        "roberta",
        "albert",
        "gpt2",
        "gpt_neo",
        "llama__rope_llama3",
        "mistral",
        "gemma2",
        "gemma3_text",
        "gpt_neox",
        "opt__projected_postnorm",
        "t5__v1_1_gated_untied"
      })
  void gradient_inFloat64_equalsFiniteDifferences(String name) {
    SoftModel soft = TinyModels.shared(name, Precision.FLOAT64).forSoft();
    TokenBatch batch = batch(soft.model(), ROWS);
    Targets targets = targets(batch);
    Loss loss = new Loss(null, 0.1, 1e-2);
    for (Layout layout : layouts(soft.model())) {
      Placement placement = placement(layout, batch);
      double[] values = random(4 * soft.width(layout));
      Shape shape = new Shape(4, soft.width(layout));
      try (NDManager scope = soft.model().newScope()) {
        double[] gradient =
            soft.gradient(scope, batch, scope.create(values, shape), placement, targets, loss)
                .prompt()
                .toDoubleArray();
        Random random = new Random(5);
        for (int n = 0; n < (layout == ALL_KEY_VALUES ? 36 : 12); n++) {
          int i = random.nextInt(values.length);
          double[] sides = new double[2];
          for (int side = 0; side < 2; side++) {
            double[] moved = values.clone();
            moved[i] += side == 0 ? -1e-5 : 1e-5;
            NDArray prompt = scope.create(moved, shape);
            sides[side] = sum(soft.losses(batch, prompt, placement, targets, loss), targets);
          }
          assertThat((sides[1] - sides[0]) / 2e-5)
              .as("%s %s entry %d", name, layout, i)
              .isCloseTo(gradient[i], within(1e-7));
        }
        assertThat(Arrays.stream(gradient).map(Math::abs).max().getAsDouble()).isGreaterThan(5e-3);
      }
    }
  }

  /** The word vectors of real tokens are those tokens. */
  @ParameterizedTest
  @MethodSource("everyFamily")
  void losses_ofTheWordVectorsOfTokens_areThoseOfTheTokens(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    SoftModel soft = model.forSoft();
    TokenBatch batch = batch(model, ROWS);
    Targets targets = targets(batch);
    Placement.At placement = (Placement.At) placement(VECTORS, batch);
    int[] ids = batch.ids().clone();
    int[] written = {44, 45, 46, 47};
    int[] other = ids.clone();
    for (int m = 0; m < placement.places().length; m++) {
      ids[placement.places()[m]] = written[placement.rows()[m]];
      other[placement.places()[m]] = 1;
    }
    float[] vectors = model.forSearch().vectors(written);
    try (NDManager scope = model.newScope()) {
      NDArray prompt = soft.prompt(scope, vectors, VECTORS);
      double[] expected = Tensors.doubles(model.losses(scope, withIds(batch, ids), targets));
      SoftModel.Gradient found =
          soft.gradient(scope, withIds(batch, other), prompt, placement, targets, PLAIN);
      assertThat(found.losses()).containsExactly(expected, within(1e-6));
      assertThat(soft.losses(batch, prompt, placement, targets, PLAIN))
          .containsExactly(expected, within(1e-6));
      float[] logits = soft.logits(batch, prompt, placement, targets.at(), new int[] {3, 60});
      float[] all = Tensors.floats(model.logits(scope, withIds(batch, ids), targets.at()));
      for (int n = 0; n < targets.at().length; n++) {
        assertThat(logits[2 * n]).isCloseTo(all[97 * n + 3], within(1e-5f));
        assertThat(logits[2 * n + 1]).isCloseTo(all[97 * n + 60], within(1e-5f));
      }
    }
  }

  private static TokenBatch withIds(TokenBatch batch, int[] ids) {
    return new TokenBatch(
        batch.rows(),
        batch.length(),
        ids,
        batch.mask(),
        batch.positions(),
        batch.types(),
        batch.decoderIds());
  }

  /** Cached keys and values [L, 2, 1, G, P, D] as a prompt [P, 2 * L * G * D]. */
  private static double[] asPrompt(NDArray keyValues) {
    long[] s = keyValues.getShape().getShape();
    double[] from = Tensors.doubles(keyValues);
    double[] to = new double[from.length];
    int i = 0;
    for (int piece = 0; piece < s[0] * 2; piece++) {
      for (int g = 0; g < s[3]; g++) {
        for (int p = 0; p < s[4]; p++) {
          for (int d = 0; d < s[5]; d++) {
            to[(int) (((p * s[0] * 2 + piece) * s[3] + g) * s[5] + d)] = from[i++];
          }
        }
      }
    }
    return to;
  }

  /** A prefix that is made of the keys and values of tokens stands for those tokens. */
  @ParameterizedTest
  @MethodSource("causal")
  void losses_behindTheKeysAndValuesOfTokens_areThoseBehindTheTokens(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    SoftModel soft = model.forSoft();
    int[] first = {60, 61, 62};
    TokenBatch batch = batch(model, ROWS);
    Targets targets = targets(batch);
    try (NDManager scope = model.newScope()) {
      NDArray past =
          model
              .forCaching()
              .extend(scope, null, TokenBatch.of(List.of(first), 0), null, null, new int[] {0})
              .keyValues();
      NDArray prompt = scope.create(asPrompt(past), new Shape(3, soft.width(KEY_VALUES)));
      TokenBatch whole =
          TokenBatch.leftPadded(ROWS.stream().map(row -> joined(first, row)).toList(), 0);
      int[] at = targets.at().clone();
      for (int n = 0; n < at.length; n++) {
        at[n] += 3 * (n / 2 + 1);
      }
      double[] expected =
          Tensors.doubles(
              model.losses(scope, whole, new Targets(at, targets.tokens(), targets.weights())));
      assertThat(soft.losses(batch, prompt, Placement.Before.all(3, 3), targets, PLAIN))
          .containsExactly(expected, within(1e-9));
      assertThat(soft.prefixOf(first)).containsExactly(Tensors.floats(prompt), within(1e-6f));
    }
  }

  private static int[] joined(int[] a, int[] b) {
    int[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  /** In every family the prefix is what cached keys and values of the same numbers are. */
  @ParameterizedTest
  @MethodSource("everyFamily")
  void losses_behindAPrefix_areThoseBehindTheSameCache(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    if (model.spec().encoderDecoder()) {
      return; // below
    }
    SoftModel soft = model.forSoft();
    TokenBatch batch = batch(model, ROWS);
    Targets targets = targets(batch);
    int layers = model.spec().layers();
    int heads = model.spec().attention().keyValueHeads();
    Shape shape = new Shape(layers, 2, 1, heads, 3, model.spec().attention().headDim());
    try (NDManager scope = model.newScope()) {
      NDArray past = scope.create(random((int) shape.size()), shape);
      NDArray prompt = scope.create(asPrompt(past), new Shape(3, soft.width(KEY_VALUES)));
      int[] positions = Arrays.stream(batch.positions()).map(p -> p + 3).toArray();
      float[] logits =
          Tensors.floats(
              model
                  .forCaching()
                  .extend(scope, null, batch.withPositions(positions), past, null, targets.at())
                  .logits());
      assertThat(soft.logits(batch, prompt, Placement.Before.all(3, 3), targets.at(), null))
          .containsExactly(logits, within(1e-6f));
    }
  }

  /** PEFT's layout: decoder layer l takes pieces 4l and 4l + 1, counted round. */
  @ParameterizedTest
  @ValueSource(strings = {"t5__classic_relu_tied", "t5__v1_1_gated_untied"})
  void logits_ofADecoderBehindAPrefix_areThoseBehindTheSameCache(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    SoftModel soft = model.forSoft();
    TokenBatch batch = batch(model, ROWS);
    int heads = model.spec().attention().keyValueHeads();
    int head = model.spec().attention().headDim();
    int width = soft.width(KEY_VALUES);
    double[] values = random(2 * width);
    Shape shape = new Shape(model.spec().layers(), 2, 1, heads, 2, head);
    double[] past = new double[(int) shape.size()];
    int i = 0;
    for (int l = 0; l < model.spec().layers(); l++) {
      for (int s = 0; s < 2; s++) {
        int piece = 4 * l % soft.pieces(KEY_VALUES) + s;
        for (int g = 0; g < heads; g++) {
          for (int p = 0; p < 2; p++) {
            for (int d = 0; d < head; d++) {
              past[i++] = values[p * width + (piece * heads + g) * head + d];
            }
          }
        }
      }
    }
    try (NDManager scope = model.newScope()) {
      CachingModel.Encoded text = model.forCaching().encode(scope, null, batch);
      int[] at = {2, 5, 8};
      float[] expected =
          Tensors.floats(
              model
                  .forCaching()
                  .decode(scope, text, 3, batch.decoderIds(), scope.create(past, shape), at)
                  .logits());
      NDArray prompt = scope.create(values, new Shape(2, width));
      assertThat(soft.logits(batch, prompt, Placement.Before.all(2, 3), at, null))
          .containsExactly(expected, within(1e-6f));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "gpt2", "llama", "gemma3_text", "t5__v1_1_gated_untied"})
  void gradient_ofABatch_isTheSumOfItsRows(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    SoftModel soft = model.forSoft();
    TokenBatch batch = batch(model, ROWS);
    Targets targets = targets(batch);
    for (Layout layout : layouts(model)) {
      Placement placement = placement(layout, batch);
      Shape shape = new Shape(4, soft.width(layout));
      try (NDManager scope = model.newScope()) {
        NDArray prompt = scope.create(random((int) shape.size()), shape);
        SoftModel.Gradient whole = soft.gradient(scope, batch, prompt, placement, targets, PLAIN);
        double[] sum = new double[(int) shape.size()];
        for (int r = 0; r < 3; r++) {
          TokenBatch row = batch(model, List.of(ROWS.get(r)));
          int pad = batch.length() - row.length();
          int wide = row.decoderIds().length > 0 ? row.decoderLength() : row.length();
          Targets own =
              new Targets(
                  new int[] {wide - 1, wide - 2},
                  Arrays.copyOfRange(targets.tokens(), 2 * r, 2 * r + 2),
                  Arrays.copyOfRange(targets.weights(), 2 * r, 2 * r + 2));
          SoftModel.Gradient alone =
              soft.gradient(scope, row, prompt, ofRow(placement, batch, r, pad), own, PLAIN);
          assertThat(alone.losses())
              .containsExactly(Arrays.copyOfRange(whole.losses(), 2 * r, 2 * r + 2), within(1e-9));
          double[] g = alone.prompt().toDoubleArray();
          Arrays.setAll(sum, i -> sum[i] + g[i]);
        }
        assertThat(whole.prompt().toDoubleArray()).containsExactly(sum, within(1e-9));
      }
    }
  }

  private static Placement ofRow(Placement placement, TokenBatch batch, int row, int pad) {
    if (placement instanceof Placement.Before before) {
      return new Placement.Before(before.tokens(), new int[] {before.prompt()[row]});
    }
    Placement.At at = (Placement.At) placement;
    int[] mine = {2 * row, 2 * row + 1};
    return new Placement.At(
        Arrays.stream(mine).map(m -> at.places()[m] - batch.index(row, pad)).toArray(),
        Arrays.stream(mine).map(m -> at.rows()[m]).toArray());
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void gradient_inEveryPrecision_isNearTheExactOne(Precision precision) {
    double allowed =
        switch (precision) {
          case FLOAT64 -> 1e-7;
          case FLOAT32 -> 1e-4;
          case FLOAT16 -> 2e-2;
          case BFLOAT16 -> 1e-1;
        };
    for (String name : List.of("bert", "llama")) {
      for (Layout layout : List.of(VECTORS, KEY_VALUES)) {
        double[] exact = gradient(name, Precision.FLOAT64, layout);
        double largest = Arrays.stream(exact).map(Math::abs).max().getAsDouble();
        assertThat(gradient(name, precision, layout))
            .containsExactly(exact, within(allowed * largest));
      }
    }
  }

  private static double[] gradient(String name, Precision precision, Layout layout) {
    SoftModel soft = TinyModels.shared(name, precision).forSoft();
    TokenBatch batch = batch(soft.model(), ROWS);
    double[] values = random(4 * soft.width(layout));
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    try (NDManager scope = soft.model().newScope()) {
      NDArray prompt = soft.prompt(scope, floats, layout);
      return Tensors.doubles(
          soft.gradient(scope, batch, prompt, placement(layout, batch), targets(batch), PLAIN)
              .prompt());
    }
  }

  /** The same numbers are left out for the same seed, so differences can be taken. */
  @ParameterizedTest
  @ValueSource(strings = {"bert", "llama", "t5__v1_1_gated_untied"})
  void gradient_withDropout_equalsFiniteDifferences(String name) {
    SoftModel soft = TinyModels.shared(name, Precision.FLOAT64).forSoft();
    TokenBatch batch = batch(soft.model(), ROWS);
    Targets targets = targets(batch);
    Dropout dropout = new Dropout(0.4, 7);
    for (Layout layout : layouts(soft.model()).subList(1, layouts(soft.model()).size())) {
      Placement placement = placement(layout, batch);
      double[] values = random(4 * soft.width(layout));
      Shape shape = new Shape(4, soft.width(layout));
      try (NDManager scope = soft.model().newScope()) {
        NDArray prompt = scope.create(values, shape);
        SoftModel.Gradient found =
            soft.gradient(scope, batch, prompt, placement, targets, PLAIN, dropout);
        double[] gradient = found.prompt().toDoubleArray();
        Random random = new Random(5);
        for (int n = 0; n < 12; n++) {
          int i = random.nextInt(values.length);
          double[] sides = new double[2];
          for (int side = 0; side < 2; side++) {
            double[] moved = values.clone();
            moved[i] += side == 0 ? -1e-5 : 1e-5;
            NDArray other = scope.create(moved, shape);
            sides[side] =
                sum(
                    soft.gradient(scope, batch, other, placement, targets, PLAIN, dropout).losses(),
                    targets);
          }
          assertThat((sides[1] - sides[0]) / 2e-5).isCloseTo(gradient[i], within(1e-7));
        }
        double[] without = soft.losses(batch, prompt, placement, targets, PLAIN);
        assertThat(found.losses()).doesNotContain(without);
        assertThat(
                soft.gradient(scope, batch, prompt, placement, targets, PLAIN, new Dropout(0.4, 8))
                    .losses())
            .doesNotContain(found.losses());
        assertThat(
                soft.gradient(scope, batch, prompt, placement, targets, PLAIN, new Dropout(0, 7))
                    .losses())
            .containsExactly(without);
      }
    }
  }

  /**
   * A row's loss is what its prompt has with the same numbers at 0 and the others larger: which
   * ones they are is worked out here, from the seed alone.
   */
  @Test
  void losses_withDropout_areThoseOfPromptsWithZeros() {
    SoftModel soft = TinyModels.shared("llama", Precision.FLOAT64).forSoft();
    TokenBatch batch = batch(soft.model(), ROWS);
    Targets targets = targets(batch);
    int n = 2 * soft.width(KEY_VALUES);
    double[] values = random(n);
    long seed = 123_456_789_012L;
    double[] dropped = new double[3 * n]; // a prompt for each row
    int zeros = 0;
    for (int i = 0; i < dropped.length; i++) {
      long h = i * 0x9E3779B97F4A7C15L + seed;
      h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9L;
      h = (h ^ h >> 27) * 0x94D049BB133111EBL;
      boolean stays = (h >> 40 & 0xFFFFFF) >= 0.3 * 0x1p24;
      dropped[i] = stays ? values[i % n] / 0.7 : 0;
      zeros += stays ? 0 : 1;
    }
    assertThat((double) zeros / dropped.length).isCloseTo(0.3, within(0.06));
    try (NDManager scope = soft.model().newScope()) {
      NDArray prompt = scope.create(values, new Shape(2, n / 2));
      NDArray rows = scope.create(dropped, new Shape(6, n / 2));
      assertThat(
              soft.gradient(
                      scope,
                      batch,
                      prompt,
                      Placement.Before.all(2, 3),
                      targets,
                      PLAIN,
                      new Dropout(0.3, seed))
                  .losses())
          .containsExactly(
              soft.losses(
                  batch, rows, new Placement.Before(2, new int[] {0, 1, 2}), targets, PLAIN),
              within(1e-12));
      NDArray vectors = soft.prompt(scope, new float[4 * soft.width(VECTORS)], VECTORS);
      assertThatThrownBy(
              () ->
                  soft.gradient(
                      scope,
                      batch,
                      vectors,
                      placement(VECTORS, batch),
                      targets,
                      PLAIN,
                      new Dropout(0.1, 0)))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> new Dropout(1, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> soft.width(ALL_KEY_VALUES))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("llama");
  }

  /** (1 - s) (L - log sum exp of targets) + s (L - mean) + z L^2, from the logits. */
  @Test
  void losses_smoothed_areThoseOfTheLogits() {
    SoftModel soft = TinyModels.shared("gpt2", Precision.FLOAT64).forSoft();
    TokenBatch batch = batch(soft.model(), ROWS);
    Targets targets = targets(batch);
    Placement placement = placement(VECTORS, batch);
    int[] among = {60, 5, 7, 9, 11, 33, 55, 65, 3, 13, 15};
    Targets some = new Targets(new int[] {4, 9}, new int[][] {{5, 60}, {9}}, new float[] {1, 1});
    try (NDManager scope = soft.model().newScope()) {
      NDArray prompt = scope.create(random(4 * 32), new Shape(4, 32));
      float[] logits = soft.logits(batch, prompt, placement, some.at(), among);
      double[] losses = soft.losses(batch, prompt, placement, some, new Loss(among, 0.2, 0.03));
      for (int n = 0; n < 2; n++) {
        double all = 0;
        double mean = 0;
        for (int c = 0; c < 11; c++) {
          all += Math.exp(logits[11 * n + c]);
          mean += logits[11 * n + c] / 11;
        }
        double own = n == 0 ? Math.exp(logits[0]) + Math.exp(logits[1]) : Math.exp(logits[11 + 3]);
        double log = Math.log(all);
        assertThat(losses[n])
            .isCloseTo(
                0.8 * (log - Math.log(own)) + 0.2 * (log - mean) + 0.03 * log * log, within(1e-5));
      }
    }
  }

  /** The frozen model is that: no call leaves a trace in it, and none leaves arrays behind. */
  @Test
  void calls_manyTimes_leaveModelAndMemoryAsTheyWere() {
    LanguageModel model = TinyModels.shared("llama", Precision.FLOAT32);
    SoftModel soft = model.forSoft();
    TokenBatch batch = batch(model, ROWS);
    Targets targets = targets(batch);
    try (NDManager scope = model.newScope()) {
      float[] before = model.logits(scope, batch, targets.at()).toFloatArray();
      for (Layout layout : layouts(model)) {
        NDArray prompt = soft.prompt(scope, new float[4 * soft.width(layout)], layout);
        NDManager root = scope.getParentManager();
        callAll(soft, scope, prompt, batch, layout); // entry points are named on first use
        int arrays = scope.getManagedArrays().size();
        int rooted = root.getManagedArrays().size();
        for (int i = 0; i < 20; i++) {
          callAll(soft, scope, prompt, batch, layout);
        }
        assertThat(scope.getManagedArrays()).hasSize(arrays);
        assertThat(root.getManagedArrays()).hasSize(rooted);
      }
      assertThat(model.logits(scope, batch, targets.at()).toFloatArray()).isEqualTo(before);
    }
  }

  private static void callAll(
      SoftModel soft, NDManager scope, NDArray prompt, TokenBatch batch, Layout layout) {
    Targets targets = targets(batch);
    Placement placement = placement(layout, batch);
    soft.gradient(scope, batch, prompt, placement, targets, PLAIN).prompt().close();
    soft.losses(batch, prompt, placement, targets, PLAIN);
    soft.logits(batch, prompt, placement, targets.at(), null);
  }

  @Test
  void calls_withWhatDoesNotFit_areRefusedBeforeNativeCodeSeesThem() {
    SoftModel soft = TinyModels.shared("gpt2", Precision.FLOAT32).forSoft();
    TokenBatch batch = batch(soft.model(), ROWS);
    Targets targets = targets(batch);
    try (NDManager scope = soft.model().newScope()) {
      NDArray prompt = soft.prompt(scope, new float[2 * 32], VECTORS);
      assertThatThrownBy(
              () ->
                  soft.losses(
                      batch,
                      prompt,
                      new Placement.At(new int[] {0}, new int[] {2}),
                      targets,
                      PLAIN))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(
              () -> soft.losses(batch, prompt, Placement.Before.all(2, 3), targets, PLAIN))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("expected");
      assertThatThrownBy(() -> soft.prompt(scope, new float[33], VECTORS))
          .isInstanceOf(IllegalArgumentException.class);
      int context = soft.model().spec().maxPositions();
      NDArray longest = soft.prompt(scope, new float[context * soft.width(KEY_VALUES)], KEY_VALUES);
      assertThatThrownBy(
              () -> soft.losses(batch, longest, Placement.Before.all(context, 3), targets, PLAIN))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("take fewer virtual tokens");
    }
  }
}
