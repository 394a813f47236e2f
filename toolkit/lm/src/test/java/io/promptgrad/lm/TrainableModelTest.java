package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainableModelTest {

  private static final TokenBatch BATCH =
      TokenBatch.leftPadded(
          List.of(new int[] {38, 87, 88, 51, 10}, new int[] {31, 95, 22}, new int[] {7, 8, 9, 10}),
          0);

  private static final Targets TARGETS =
      new Targets(
          new int[] {4, 8, 9, 14},
          new int[][] {{5}, {1, 2, 3}, {96}, {0, 50}},
          new float[] {0.5f, 1, -0.25f, 2});

  @TempDir Path directory;

  // ------------------------------------------------------------------ gradients

  @ParameterizedTest
  @CsvSource({
    "bert, bert.embeddings.word_embeddings.weight", // tied: input and output matrix
    "bert, bert.encoder.layer.1.attention.self.key.weight",
    "bert, cls.predictions.bias",
    "gpt2, transformer.wte.weight",
    "gpt2, transformer.wpe.weight",
    "gpt2, transformer.h.1.attn.c_attn.weight", // query, key and value in one, stored [in, out]
    "gpt2, transformer.h.2.attn.c_attn.bias",
    "llama, model.embed_tokens.weight",
    "llama, lm_head.weight",
    "llama, model.layers.0.self_attn.v_proj.weight", // grouped
    "llama, model.norm.weight",
    "albert, albert.encoder.albert_layer_groups.0.albert_layers.0.attention.query.weight", // shared
    "electra, electra.embeddings_project.weight",
    "opt__projected_postnorm, model.decoder.project_out.weight",
    "gpt_neox, gpt_neox.layers.1.attention.query_key_value.weight",
    "phi, lm_head.bias",
    "phi3, model.layers.0.mlp.gate_up_proj.weight",
    "qwen3, model.layers.1.self_attn.k_norm.weight",
    "gemma2, model.layers.0.post_attention_layernorm.weight",
    "gemma3_text, model.embed_tokens.weight", // scaled where it is looked up, not in the head
    "t5__classic_relu_tied, shared.weight", // encoder, decoder and head
    "t5__v1_1_gated_untied, shared.weight",
    "t5__v1_1_gated_untied, decoder.block.1.layer.1.EncDecAttention.v.weight",
    "t5__v1_1_gated_untied, encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    "t5__v1_1_gated_untied, decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
  })
  void accumulate_inFloat64_equalsTheFiniteDifferenceAlongARandomDirection(
      String name, String weight) {
    float[] gradient;
    long[] shape;
    try (TrainableModel model = load(name, Precision.FLOAT64)) {
      model.accumulate(batch(model.spec()), TARGETS, 0);
      gradient = model.gradient(weight);
      shape = model.shape(weight);
    }
    Random random = new Random(weight.hashCode());
    double[] direction = random.doubles(gradient.length, -1, 1).toArray();
    double expected = 0;
    for (int i = 0; i < gradient.length; i++) {
      expected += direction[i] * gradient[i];
    }
    double step = 1e-5;
    double difference =
        (loss(name, weight, shape, direction, step) - loss(name, weight, shape, direction, -step))
            / (2 * step);
    assertThat(difference).isCloseTo(expected, within(1e-5 * Math.max(1, Math.abs(expected))));
    assertThat(Math.abs(expected)).isGreaterThan(1e-4);
  }

  /** The weighted loss of a copy of the model, in float64, with one weight moved. */
  private double loss(String name, String weight, long[] shape, double[] direction, double by) {
    Path folder = TinyModels.copy(name, directory);
    TinyModels.rewrite(
        folder.resolve("model.safetensors"),
        tensor -> {
          if (!tensor.name().equals(weight)) {
            return tensor;
          }
          float[] values = tensor.toFloats();
          ByteBuffer bytes =
              ByteBuffer.allocateDirect(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
          for (int i = 0; i < values.length; i++) {
            bytes.putDouble(values[i] + by * direction[i]);
          }
          return new TensorView(weight, WeightType.F64, shape, bytes.flip());
        });
    LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT64);
    try (LanguageModel model = LanguageModel.load(folder, options);
        NDManager scope = model.newScope()) {
      double[] losses = Tensors.doubles(model.losses(scope, batch(model.spec()), TARGETS));
      double sum = 0;
      for (int n = 0; n < losses.length; n++) {
        sum += losses[n] * TARGETS.weights()[n];
      }
      return sum;
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void accumulate_inEveryPrecision_agreesWithTheFrozenModel(Precision precision) {
    try (TrainableModel model = load("roberta", precision);
        LanguageModel frozen = TinyModels.load("roberta", precision);
        NDManager scope = frozen.newScope()) {
      float[] losses = model.accumulate(BATCH, TARGETS, 0);
      assertThat(losses).isEqualTo(model.losses(BATCH, TARGETS));
      assertThat(losses)
          .containsExactly(
              Tensors.floats(frozen.losses(scope, BATCH, TARGETS)),
              within(precision == Precision.FLOAT64 ? 1e-6f : 1e-5f));
      for (String name : model.names()) {
        for (float g : model.gradient(name)) {
          assertThat(g).as(name).isFinite();
        }
      }
    }
  }

  @Test
  void accumulate_twice_addsUpAndUpdateClears() {
    String name = "model.layers.1.mlp.up_proj.weight";
    try (TrainableModel model = load("llama", Precision.FLOAT32)) {
      model.accumulate(BATCH, TARGETS, 0);
      float[] once = model.gradient(name);
      model.accumulate(BATCH, TARGETS, 0);
      float[] twice = model.gradient(name);
      for (int i = 0; i < once.length; i++) {
        assertThat(twice[i]).isEqualTo(2 * once[i]);
      }
      model.update(AdamW.forPretraining(), 1e-3);
      assertThat(model.gradient(name)).containsOnly(0);
    }
  }

  @Test
  void accumulate_fullyMaskedRowWithDropout_isFinite() {
    byte[] mask = BATCH.mask().clone();
    Arrays.fill(mask, 5, 10, (byte) 0);
    TokenBatch masked = new TokenBatch(3, 5, BATCH.ids(), mask, BATCH.positions(), new int[0]);
    for (String name : List.of("bert", "gpt2")) {
      try (TrainableModel model = load(name, Precision.FLOAT32)) {
        for (float loss : model.accumulate(masked, TARGETS, 0.3)) {
          assertThat(loss).isFinite();
        }
        for (String weight : model.names()) {
          for (float g : model.gradient(weight)) {
            assertThat(g).as(weight).isFinite();
          }
        }
      }
    }
  }

  // ------------------------------------------------------------------ dropout

  @Test
  void dropout_aboveZero_changesLossesAndZeroDoesNot() {
    try (TrainableModel model = load("bert", Precision.FLOAT32)) {
      float[] plain = model.losses(BATCH, TARGETS);
      assertThat(model.accumulate(BATCH, TARGETS, 0)).isEqualTo(plain);
      float[] dropped = model.accumulate(BATCH, TARGETS, 0.2);
      assertThat(dropped).isNotEqualTo(plain);
      assertThat(model.accumulate(BATCH, TARGETS, 0.2)).isNotEqualTo(dropped);
      assertThat(model.losses(BATCH, TARGETS)).isEqualTo(plain);
      for (double bad : new double[] {-0.1, 1, Double.NaN}) {
        assertThatThrownBy(() -> model.accumulate(BATCH, TARGETS, bad))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("dropout");
      }
    }
  }

  // ------------------------------------------------------------------ save and restore

  @ParameterizedTest
  @EnumSource(
      value = Precision.class,
      names = {"FLOAT32", "FLOAT64", "BFLOAT16"})
  void restore_inTheMiddle_endsWhereAnUninterruptedRunDoes(Precision precision) throws IOException {
    Path middle = directory.resolve("middle.safetensors");
    Path end = directory.resolve("end.safetensors");
    Path resumed = directory.resolve("resumed.safetensors");
    try (TrainableModel model = load("gpt2", precision)) {
      step(model, 1e-2);
      step(model, 2e-2);
      model.save(middle, "after 2");
      step(model, 3e-2);
      step(model, 1e-2);
      model.save(end, "done");
    }
    try (TrainableModel model = load("gpt2", precision)) {
      step(model, 0.5); // somewhere else, with a gradient pending
      model.accumulate(BATCH, TARGETS, 0);
      assertThat(model.restore(middle)).isEqualTo("after 2");
      step(model, 3e-2);
      step(model, 1e-2);
      model.save(resumed, "done");
    }
    assertThat(Files.mismatch(end, resumed)).isEqualTo(-1);
    assertThat(SafetensorsFile.open(end).get("transformer.h.0.ln_1.bias/count").toFloats())
        .containsExactly(4);
  }

  private static void step(TrainableModel model, double rate) {
    model.accumulate(BATCH, TARGETS, 0);
    model.accumulate(BATCH, Targets.mean(new int[] {13}, new int[] {77}), 0);
    model.update(AdamW.forPretraining(), rate);
  }

  @Test
  void restore_fileThatDoesNotFit_isRefusedAndChangesNothing() {
    try (TrainableModel model = load("gpt2", Precision.FLOAT32);
        TrainableModel other = load("llama", Precision.FLOAT32);
        TrainableModel wide = load("gpt2", Precision.FLOAT64)) {
      Path mine = directory.resolve("mine.safetensors");
      model.save(mine, "");
      float[] before = model.weight("transformer.wte.weight");
      Path llama = directory.resolve("llama.safetensors");
      other.save(llama, "");
      Path float64 = directory.resolve("float64.safetensors");
      wide.save(float64, "");
      Path cut = directory.resolve("cut.safetensors");
      SafetensorsWriter writer = new SafetensorsWriter().metadata("promptgrad.note", "");
      SafetensorsFile saved = SafetensorsFile.open(mine);
      for (String name : saved.names()) {
        TensorView tensor = saved.get(name);
        if (name.equals("transformer.h.2.mlp.c_proj.bias/second_moment")) {
          continue;
        }
        writer.add(
            name.equals("transformer.wte.weight")
                ? TinyModels.edited(tensor, b -> b.putFloat(0, 99))
                : tensor);
      }
      writer.write(cut);
      for (Path file :
          List.of(
              llama,
              float64,
              cut,
              TinyModels.folder("gpt2").resolve("model.safetensors"),
              directory.resolve("none.safetensors"))) {
        assertThatThrownBy(() -> model.restore(file))
            .as(file.toString())
            .isInstanceOf(InvalidInputException.class)
            .hasMessageContaining(file.getFileName().toString());
        assertThat(model.weight("transformer.wte.weight")).isEqualTo(before);
      }
      assertThatThrownBy(() -> model.save(directory.resolve("no/such/x.safetensors"), ""))
          .isInstanceOf(InvalidInputException.class);
    }
  }

  @Test
  void update_neverChangesTheFileThatWasLoaded() throws IOException {
    Path folder = TinyModels.copy("gpt2", directory);
    Path file = folder.resolve("model.safetensors");
    byte[] before = Files.readAllBytes(file);
    LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT32);
    try (LanguageModel frozen = LanguageModel.load(folder, options);
        TrainableModel model = TrainableModel.load(folder, options);
        NDManager scope = frozen.newScope()) {
      double[] logits = Tensors.doubles(frozen.logits(scope, BATCH, new int[] {4}));
      float[] weight = model.weight("transformer.wte.weight");
      step(model, 0.1);
      assertThat(model.weight("transformer.wte.weight")).isNotEqualTo(weight);
      assertThat(Tensors.doubles(frozen.logits(scope, BATCH, new int[] {4}))).isEqualTo(logits);
    }
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
  }

  @Test
  void saveWeights_isAModelThatComputesTheSame() throws IOException {
    Path folder = TinyModels.copy("bert", directory);
    LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT32);
    float[] trained;
    try (TrainableModel model = TrainableModel.load(folder, options)) {
      step(model, 0.1);
      trained = model.losses(BATCH, TARGETS);
      model.saveWeights(folder.resolve("model.safetensors"), WeightType.F32);
    }
    try (LanguageModel model = LanguageModel.load(folder, options);
        NDManager scope = model.newScope()) {
      assertThat(Tensors.floats(model.losses(scope, BATCH, TARGETS))).isEqualTo(trained);
    }
  }

  // ------------------------------------------------------------------ from random weights

  @ParameterizedTest
  @ValueSource(strings = {"roberta", "gpt2", "llama"})
  void create_hasTheSpreadAskedForAndIsFixedByTheSeed(String name) {
    LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT32);
    try (TrainableModel model = TrainableModel.create(TinyModels.folder(name), 0.02, 3, options);
        TrainableModel same = TrainableModel.create(TinyModels.folder(name), 0.02, 3, options);
        TrainableModel other = TrainableModel.create(TinyModels.folder(name), 0.02, 4, options)) {
      boolean differs = false;
      for (String weight : model.names()) {
        float[] values = model.weight(weight);
        assertThat(same.weight(weight)).isEqualTo(values);
        differs |= !Arrays.equals(other.weight(weight), values);
        double deviation = deviation(values);
        if (model.shape(weight).length == 1) {
          boolean gain = weight.endsWith("weight"); // of a norm
          assertThat(values).as(weight).containsOnly(gain ? 1f : 0f);
        } else if (weight.matches(".*(o_proj|down_proj|c_proj)\\.weight")) { // pre-norm only
          assertThat(deviation).as(weight).isCloseTo(0.02 / Math.sqrt(6), within(0.001));
        } else {
          assertThat(deviation)
              .as(weight)
              .isCloseTo(0.02, within(values.length < 500 ? 0.006 : 0.002));
        }
      }
      assertThat(differs).isTrue();
      // and it learns
      float[] first = model.accumulate(BATCH, TARGETS, 0);
      for (int i = 0; i < 20; i++) {
        model.update(AdamW.forPretraining(), 1e-2);
        model.accumulate(BATCH, Targets.mean(new int[] {4}, new int[] {5}), 0);
      }
      assertThat(model.losses(BATCH, TARGETS)[0]).isLessThan(first[0] / 2);
    }
  }

  /**
   * Gemma's gains are added to 1, so theirs begin with 0; a norm of outputs undoes small weights.
   */
  @ParameterizedTest
  @CsvSource({"gemma, 0, true", "gemma2, 0, false", "olmo2, 1, false"})
  void create_ofOtherNorms_beginsWithTheirNeutralGainAndLearns(
      String name, float gain, boolean before) {
    LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT32);
    try (TrainableModel model = TrainableModel.create(TinyModels.folder(name), 0.02, 3, options)) {
      for (String weight : model.names()) {
        if (weight.endsWith("norm.weight")) {
          assertThat(model.weight(weight)).as(weight).containsOnly(gain);
        }
      }
      assertThat(deviation(model.weight("model.layers.0.mlp.down_proj.weight")))
          .isCloseTo(before ? 0.02 / Math.sqrt(6) : 0.02, within(0.002));
      float first = model.accumulate(BATCH, TARGETS, 0)[0];
      for (int i = 0; i < 20; i++) {
        model.update(AdamW.forPretraining(), 1e-2);
        model.accumulate(BATCH, Targets.mean(new int[] {4}, new int[] {5}), 0);
      }
      assertThat(model.losses(BATCH, TARGETS)[0]).isLessThan(first / 2);
    }
  }

  /** A decoder gets as many tokens, so that the same places exist. */
  private static TokenBatch batch(TransformerSpec spec) {
    return spec.encoderDecoder()
        ? BATCH.withDecoder(
            List.of(new int[] {0, 4, 9, 16, 25}, new int[] {0, 7, 7, 7, 8}, new int[] {0, 1, 2}), 0)
        : BATCH;
  }

  private static double deviation(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum / values.length);
  }

  private static TrainableModel load(String name, Precision precision) {
    return TrainableModel.load(TinyModels.folder(name), new LoadOptions(Device.cpu(), precision));
  }
}
