package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints under the names and types that are found in the wild, and those that do not fit. */
class WeightsTest {

  private static final TokenBatch BATCH = TokenBatch.of(List.of(new int[] {5, 9, 88, 3}), 0);

  @TempDir Path directory;

  // ------------------------------------------------------------------ names

  @ParameterizedTest
  @CsvSource({"gpt2, transformer.", "bert, bert.", "roberta, roberta.", "llama, model."})
  void load_namesWithoutTheBasePrefix_isTheSameModel(String name, String prefix) {
    Path folder =
        rewritten(
            name,
            t -> t.name().startsWith(prefix) ? renamed(t, t.name().substring(prefix.length())) : t);
    assertThat(logits(folder)).isEqualTo(logits(TinyModels.folder(name)));
  }

  @Test
  void load_publicGpt2Names_skipsTheMaskBuffersAndTheSecondHead() {
    Path folder = TinyModels.copy("gpt2", directory);
    Path file = folder.resolve("model.safetensors");
    SafetensorsFile opened = SafetensorsFile.open(file);
    SafetensorsWriter writer = new SafetensorsWriter();
    for (String name : opened.names()) {
      writer.add(renamed(opened.get(name), name.substring("transformer.".length())));
    }
    for (int layer = 0; layer < 3; layer++) {
      writer.add(
          "h." + layer + ".attn.bias",
          WeightType.U8,
          new long[] {1, 1, 40, 40},
          ByteBuffer.allocate(1600));
      writer.add("h." + layer + ".attn.masked_bias", WeightType.F32, new long[0], new float[1]);
    }
    writer.add(renamed(opened.get("transformer.wte.weight"), "lm_head.weight"));
    writer.write(file);
    assertThat(logits(folder)).isEqualTo(logits(TinyModels.folder("gpt2")));
  }

  @Test
  void load_oldBertNames_isTheSameModel() {
    Path folder =
        rewritten(
            "bert",
            t ->
                t.name().contains("LayerNorm")
                    ? renamed(
                        t,
                        t.name()
                            .replace("LayerNorm.weight", "LayerNorm.gamma")
                            .replace("LayerNorm.bias", "LayerNorm.beta"))
                    : t);
    assertThat(SafetensorsFile.open(folder.resolve("model.safetensors")).names())
        .anyMatch(name -> name.endsWith("gamma"))
        .noneMatch(name -> name.endsWith("LayerNorm.weight"));
    assertThat(logits(folder)).isEqualTo(logits(TinyModels.folder("bert")));
  }

  @Test
  void load_partsThatALanguageModelDoesNotUse_areIgnored() {
    Path folder = TinyModels.copy("bert", directory);
    Path file = folder.resolve("model.safetensors");
    SafetensorsFile opened = SafetensorsFile.open(file);
    SafetensorsWriter writer = new SafetensorsWriter();
    opened.names().forEach(name -> writer.add(opened.get(name)));
    writer
        .add("bert.pooler.dense.weight", WeightType.F32, new long[] {32, 32}, new float[1024])
        .add("bert.pooler.dense.bias", WeightType.F32, new long[] {32}, new float[32])
        .add("cls.seq_relationship.weight", WeightType.F32, new long[] {2, 32}, new float[64])
        .add("cls.seq_relationship.bias", WeightType.F32, new long[] {2}, new float[2])
        .add(
            "bert.embeddings.position_ids",
            WeightType.I64,
            new long[] {1, 40},
            ByteBuffer.allocate(320))
        .add("cls.predictions.decoder.bias", WeightType.F32, new long[] {97}, new float[97]);
    writer.write(file);
    assertThat(logits(folder)).isEqualTo(logits(TinyModels.folder("bert")));
  }

  @Test
  void load_shards_isTheSameModel() throws IOException {
    Path folder = TinyModels.copy("llama", directory);
    SafetensorsFile opened = SafetensorsFile.open(folder.resolve("model.safetensors"));
    SafetensorsWriter[] shards = {new SafetensorsWriter(), new SafetensorsWriter()};
    StringBuilder map = new StringBuilder();
    int i = 0;
    for (String name : opened.names()) {
      shards[i % 2].add(opened.get(name));
      map.append(map.isEmpty() ? "" : ",")
          .append("\"%s\":\"%d.safetensors\"".formatted(name, i % 2));
      i++;
    }
    shards[0].write(folder.resolve("0.safetensors"));
    shards[1].write(folder.resolve("1.safetensors"));
    Files.writeString(
        folder.resolve("model.safetensors.index.json"), "{\"weight_map\":{" + map + "}}");
    Files.delete(folder.resolve("model.safetensors"));
    assertThat(logits(folder)).isEqualTo(logits(TinyModels.folder("llama")));
  }

  // ------------------------------------------------------------------ types

  @ParameterizedTest
  @EnumSource(
      value = WeightType.class,
      names = {"F64", "F32", "F16", "BF16"})
  void load_weightsOfEveryFloatType_computeInEveryPrecision(WeightType type) {
    Path folder = retyped("llama", type);
    double[] stored = logits(folder, Precision.FLOAT64);
    double allowed = type == WeightType.BF16 ? 0.5 : type == WeightType.F16 ? 0.05 : 1e-6;
    assertThat(stored)
        .containsExactly(logits(TinyModels.folder("llama"), Precision.FLOAT64), within(allowed));
    for (Precision precision : List.of(Precision.FLOAT32, Precision.FLOAT16, Precision.BFLOAT16)) {
      double tolerance =
          precision == Precision.FLOAT32 ? 1e-4 : precision == Precision.FLOAT16 ? 0.05 : 0.5;
      assertThat(logits(folder, precision))
          .as("%s in %s", type, precision)
          .containsExactly(stored, within(tolerance));
    }
  }

  @Test
  void load_weightsOfBfloat16InBfloat16_equalRoundedFloat32Ones() {
    // rounding on loading and rounding in the file are the same
    assertThat(logits(retyped("llama", WeightType.BF16), Precision.BFLOAT16))
        .isEqualTo(logits(TinyModels.folder("llama"), Precision.BFLOAT16));
    assertThat(logits(retyped("llama", WeightType.F16), Precision.FLOAT16))
        .isEqualTo(logits(TinyModels.folder("llama"), Precision.FLOAT16));
  }

  @ParameterizedTest
  @EnumSource(
      value = WeightType.class,
      names = {"I8", "U8", "I32", "BOOL"})
  void load_weightsOfIntegers_areRefused(WeightType type) {
    Path folder =
        rewritten(
            "llama",
            t ->
                t.name().endsWith("q_proj.weight")
                    ? new TensorView(
                        t.name(),
                        type,
                        t.shape(),
                        ByteBuffer.allocate((int) t.elements() * type.bytes()))
                    : t);
    assertRefused(folder, "q_proj.weight", type.toString(), "quantised");
  }

  // ------------------------------------------------------------------ what does not fit

  @ParameterizedTest
  @CsvSource({
    "bert, cls.predictions.bias",
    "bert__untied_silu_large_eps, cls.predictions.decoder.weight",
    "roberta, lm_head.layer_norm.weight",
    "gpt2, transformer.h.1.attn.c_attn.bias",
    "llama, lm_head.weight",
    "llama, model.layers.2.self_attn.o_proj.weight"
  })
  void load_missingTensor_isNamed(String name, String tensor) {
    assertRefused(rewritten(name, t -> t.name().equals(tensor) ? null : t), "no tensor " + tensor);
  }

  @ParameterizedTest
  @CsvSource({
    "bert, vocab_size, 98, word_embeddings.weight",
    "bert, type_vocab_size, 3, token_type_embeddings.weight",
    "roberta, max_position_embeddings, 41, position_embeddings.weight",
    "gpt2, n_inner, 64, mlp.c_fc.weight",
    "gpt2, n_positions, 39, wpe.weight",
    "llama, num_key_value_heads, 4, k_proj.weight",
    "llama, head_dim, 16, q_proj.weight",
    "llama, intermediate_size, 64, gate_proj.weight"
  })
  void load_shapeThatTheConfigurationDoesNotAskFor_isNamed(
      String name, String key, String value, String tensor) {
    Path folder = TinyModels.copy(name, directory);
    TinyModels.configure(folder, key, value);
    assertRefused(folder, tensor, "has shape", "do not belong together");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.layers.3.self_attn.q_proj.weight", // a layer more than the configuration says
        "model.layers.0.self_attn.q_proj.bias",
        "model.layers.0.self_attn.q_norm.weight",
        "model.layers.0.self_attn.q_proj.lora_A.weight",
        "model.layers.0.self_attn.q_proj.qweight",
        "score.weight",
        "something.gamma"
      })
  void load_tensorWithoutAPlace_isRefused(String name) {
    Path folder = TinyModels.copy("llama", directory);
    Path file = folder.resolve("model.safetensors");
    SafetensorsFile opened = SafetensorsFile.open(file);
    SafetensorsWriter writer = new SafetensorsWriter();
    opened.names().forEach(n -> writer.add(opened.get(n)));
    writer.add(name, WeightType.F32, new long[] {1}, new float[1]).write(file);
    assertRefused(
        folder, "has no place for", name.replace("gamma", "weight"), "do not belong together");
  }

  @Test
  void load_tokenizerWithMoreTokensThanRows_isRefusedAndFewerAreFine() throws IOException {
    Path folder = TinyModels.copy("llama", directory);
    TinyModels.addCharacterTokenizer(folder); // 97
    try (LanguageModel model = LanguageModel.load(folder, options(Precision.FLOAT32))) {
      assertThat(model.tokenizer().vocabularySize()).isEqualTo(97);
    }
    String json = Files.readString(folder.resolve("tokenizer.json"));
    Files.writeString(
        folder.resolve("tokenizer.json"), json.replace("\"vocab\":{", "\"vocab\":{\"!!\":97,"));
    assertRefused(folder, "98 tokens", "only 97 rows");
    Files.writeString(folder.resolve("tokenizer.json"), json.replaceAll(",\"[^\"]+\":96", ""));
    try (LanguageModel model = LanguageModel.load(folder, options(Precision.FLOAT32))) {
      assertThat(model.tokenizer().vocabularySize()).isEqualTo(96);
    }
  }

  // ------------------------------------------------------------------ helpers

  private Path rewritten(String name, UnaryOperator<TensorView> change) {
    Path folder = TinyModels.copy(name, directory);
    TinyModels.rewrite(folder.resolve("model.safetensors"), change);
    return folder;
  }

  private Path retyped(String name, WeightType type) {
    Path folder = TinyModels.copy(name, directory);
    Path file = folder.resolve("model.safetensors");
    SafetensorsFile opened = SafetensorsFile.open(file);
    SafetensorsWriter writer = new SafetensorsWriter();
    for (String tensor : opened.names()) {
      writer.add(tensor, type, opened.get(tensor).shape(), opened.get(tensor).toFloats());
    }
    writer.write(file);
    return folder;
  }

  private static TensorView renamed(TensorView tensor, String name) {
    return new TensorView(name, tensor.type(), tensor.shape(), tensor.bytes());
  }

  private static double[] logits(Path folder) {
    return logits(folder, Precision.FLOAT32);
  }

  private static double[] logits(Path folder, Precision precision) {
    try (LanguageModel model = LanguageModel.load(folder, options(precision));
        NDManager scope = model.newScope()) {
      return Tensors.doubles(model.logits(scope, BATCH, new int[] {1, 3}));
    }
  }

  private static LoadOptions options(Precision precision) {
    return new LoadOptions(Device.cpu(), precision);
  }

  private static void assertRefused(Path folder, String... naming) {
    assertThatThrownBy(() -> LanguageModel.load(folder, options(Precision.FLOAT32)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(naming)
        .hasMessageContaining(folder.toString())
        .hasMessageEndingWith(".");
  }
}
