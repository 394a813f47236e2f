package io.promptgrad.lm.arch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.TinyModels;
import io.promptgrad.lm.arch.TransformerSpec.Activation;
import io.promptgrad.lm.arch.TransformerSpec.Positions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ArchitectureTest {

  @TempDir Path directory;

  /** Keys that change what is computed, with a value that would. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "llama | sliding_window | 4096",
        "llama | sliding_window | 0",
        "llama | use_sliding_window | true",
        "llama | layer_types | [\"sliding_attention\"]",
        "llama | no_rope_layers | [1]",
        "llama | attention_multiplier | 0.5",
        "llama | residual_multiplier | 0.2",
        "llama | embedding_multiplier | 12",
        "llama | logits_scaling | 8",
        "llama | scale_embeddings | true",
        "llama | final_logit_softcapping | 30.0",
        "llama | attn_logit_softcapping | 50.0",
        "llama | query_pre_attn_scalar | 224",
        "llama | partial_rotary_factor | 0.5",
        "llama | num_experts_per_tok | 2",
        "llama | qk_norm | true",
        "llama | use_parallel_residual | true",
        "llama | is_encoder_decoder | true",
        "llama | a_key_of_next_year | \"on\"",
        "bert | position_embedding_type | \"relative_key\"",
        "bert | position_embedding_type | \"relative_key_query\"",
        "bert | is_decoder | true",
        "bert | add_cross_attention | true",
        "bert | pruned_heads | {\"0\": [1]}",
        "bert | embedding_size | 16",
        "roberta | position_embedding_type | \"relative_key\"",
        "roberta | is_decoder | true",
        "roberta | add_cross_attention | true",
        "gpt2 | add_cross_attention | true",
        "gpt2 | pruned_heads | {\"0\": [1]}",
        "gpt2 | rope_scaling | {\"type\": \"linear\", \"factor\": 2.0}",
      })
  void read_keyThatChangesTheComputation_isRefusedByName(String name, String key, String value) {
    assertRefused(name, key, value, key);
  }

  @ParameterizedTest
  @CsvSource({
    "llama, sliding_window",
    "llama, attention_multiplier",
    "llama, layer_types",
    "llama, rope_parameters",
    "llama, quantization_config",
    "bert, add_cross_attention",
    "bert, is_decoder",
    "bert, pruned_heads",
    "gpt2, add_cross_attention",
    "gpt2, a_key_of_next_year"
  })
  void read_sameKeyNullFalseOrEmpty_changesNothing(String name, String key) {
    TransformerSpec plain = Architecture.read(TinyModels.folder(name)).spec();
    boolean flag = List.of("add_cross_attention", "is_decoder").contains(key);
    boolean object = key.equals("rope_parameters");
    for (String value :
        flag
            ? List.of("null", "false")
            : object ? List.of("null", "{}") : List.of("null", "false", "{}", "[]")) {
      assertThat(spec(name, key, value)).usingRecursiveComparison().isEqualTo(plain);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 128}",
        "{\"quant_method\": \"awq\", \"bits\": 4}",
        "{\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}",
        "{\"load_in_8bit\": true}",
        "\"int8\""
      })
  void read_quantisedCheckpoint_isRefusedAndSaysWhatToUse(String value) {
    assertRefused("llama", "quantization_config", value, "quantised");
    assertRefused("bert", "quantization_config", value, "use the original float16");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"type\": \"yarn\", \"factor\": 4.0} | \"yarn\"",
        "{\"rope_type\": \"dynamic\", \"factor\": 4.0} | \"dynamic\"",
        "{\"rope_type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1]} | _factor",
        "{\"type\": \"su\"} | \"su\"",
        "{\"rope_type\": 5} | \"5\"",
        "{\"rope_type\": {}} | rope type",
        "{\"rope_type\": \"linear\"} | \"factor\"",
        "{\"rope_type\": \"linear\", \"factor\": 0} | \"factor\"",
        "{\"rope_type\": \"linear\", \"factor\": -2} | \"factor\"",
        "{\"rope_type\": \"linear\", \"factor\": \"4\"} | \"factor\"",
        "{\"rope_type\": \"linear\", \"factor\": true} | \"factor\"",
        "{\"rope_type\": \"linear\", \"factor\": 1e999} | \"factor\"",
        "{\"rope_type\": \"linear\", \"factor\": 2, \"attention_factor\": 2} | \"attention_factor\"",
        "{\"rope_type\": \"default\", \"partial_rotary_factor\": 0.5} | \"partial_rotary_factor\"",
        "{\"rope_type\": \"llama3\", \"factor\": 8} | \"low_freq_factor\"",
        "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 4,"
            + " \"original_max_position_embeddings\": 32} | high_freq_factor",
        "[1] | must be an object",
        "\"linear\" | must be an object"
      })
  void read_rotaryScalingThatIsUnsupportedOrMalformed_isRefused(String value, String naming) {
    assertRefused("llama", "rope_scaling", value, "\"rope_scaling\"");
    assertRefused("llama", "rope_scaling", value, naming);
    assertRefused("llama", "rope_parameters", value, naming);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bert | hidden_size | 0",
        "bert | hidden_size | -32",
        "bert | hidden_size | 32.5",
        "bert | hidden_size | \"32\"",
        "bert | hidden_size | true",
        "bert | hidden_size | [32]",
        "bert | hidden_size | 99999999999",
        "bert | hidden_size | 2147483647",
        "bert | num_hidden_layers | 0",
        "bert | num_hidden_layers | 16777216",
        "bert | num_attention_heads | 5",
        "bert | num_attention_heads | 0",
        "bert | intermediate_size | 0",
        "bert | vocab_size | 0",
        "bert | type_vocab_size | 0",
        "bert | max_position_embeddings | 0",
        "bert | layer_norm_eps | 0",
        "bert | layer_norm_eps | -1e-12",
        "bert | layer_norm_eps | \"1e-12\"",
        "bert | layer_norm_eps | 1e999",
        "bert | hidden_act | \"quick_gelu\"",
        "bert | hidden_act | \"GELU\"",
        "bert | hidden_act | 3",
        "bert | tie_word_embeddings | \"yes\"",
        "bert | is_decoder | 1",
        "bert | position_embedding_type | 7",
        "bert | pad_token_id | \"0\"",
        "roberta | max_position_embeddings | 2",
        "roberta | pad_token_id | -1",
        "gpt2 | n_head | 3",
        "gpt2 | n_layer | 0",
        "gpt2 | n_positions | 0",
        "gpt2 | n_inner | 0",
        "gpt2 | n_embd | null | n_head", // the default 768 is read, and fits 4 heads
        "gpt2 | activation_function | \"mish\"",
        "gpt2 | scale_attn_weights | \"true\"",
        "llama | num_attention_heads | 3",
        "llama | num_key_value_heads | 3",
        "llama | num_key_value_heads | 0",
        "llama | head_dim | 7",
        "llama | head_dim | 0",
        "llama | rms_norm_eps | 0",
        "llama | rope_theta | 0",
        "llama | rope_theta | \"10000\"",
        "llama | attention_bias | 0",
        "llama | hidden_act | \"xielu\""
      })
  void read_valueOfAWrongTypeOrOutOfRange_isRefusedByName(String name, String key, String value) {
    if (value.equals("null")) {
      assertThat(spec(name, key, value).hidden()).isEqualTo(768);
    } else {
      assertRefused(name, key, value, "\"");
    }
  }

  @Test
  void read_unknownOrMissingArchitecture_isRefusedWithTheSupportedOnes() throws IOException {
    assertRefused(
        "bert", "model_type", "\"deberta-v2\"", "\"deberta-v2\", an unknown architecture");
    assertRefused("bert", "model_type", "null", "bert, camembert, gpt2, llama, roberta");
    assertRefused("bert", "model_type", "1", "must be a string");
    Files.createDirectory(directory.resolve("empty"));
    assertThatThrownBy(() -> Architecture.read(directory.resolve("empty")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("No config.json");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | must hold one JSON object",
        "[] | must hold one JSON object",
        "null | must hold one JSON object",
        "{\"model_type\": \"bert\" | line 1",
        "{\"hidden_size\": 1, \"hidden_size\": 2} | Duplicate",
        "{hidden_size: 1} | line 1"
      })
  void read_malformedFile_isRefusedWithItsPlace(String json, String naming) throws IOException {
    Files.writeString(directory.resolve("config.json"), json);
    assertThatThrownBy(() -> Architecture.read(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll("config.json", naming)
        .hasMessageEndingWith(".");
  }

  @Test
  void read_absentKeys_haveTheDefaultsOfTheirFamily() throws IOException {
    TransformerSpec bert = bare("bert");
    assertThat(bert.vocabulary()).isEqualTo(30522);
    assertThat(bert.hidden()).isEqualTo(768);
    assertThat(bert.layers()).isEqualTo(12);
    assertThat(bert.maxPositions()).isEqualTo(512);
    assertThat(bert.tokenTypes()).isEqualTo(2);
    assertThat(bert.norm().epsilon()).isEqualTo(1e-12);
    assertThat(bert.head().tied()).isTrue();
    TransformerSpec roberta = bare("roberta");
    assertThat(roberta.vocabulary()).isEqualTo(50265);
    assertThat(roberta.positions()).isEqualTo(new Positions.Learned(2));
    assertThat(roberta.maxPositions()).isEqualTo(510);
    TransformerSpec gpt2 = bare("gpt2");
    assertThat(gpt2.feedForward().width()).isEqualTo(4 * 768);
    assertThat(gpt2.feedForward().activation()).isEqualTo(Activation.GELU_TANH);
    assertThat(gpt2.norm().epsilon()).isEqualTo(1e-5);
    assertThat(gpt2.attention().scale()).isEqualTo(0.125);
    TransformerSpec llama = bare("llama");
    assertThat(llama.attention().keyValueHeads()).isEqualTo(32);
    assertThat(llama.attention().headDim()).isEqualTo(128);
    assertThat(llama.head().tied()).isFalse();
    assertThat(llama.norm().epsilon()).isEqualTo(1e-6);
  }

  @Test
  void read_activationsByEachOfTheirNames_areTheSame() {
    assertThat(activation("gelu")).isEqualTo(Activation.GELU);
    assertThat(activation("gelu_new")).isEqualTo(Activation.GELU_TANH);
    assertThat(activation("gelu_pytorch_tanh")).isEqualTo(Activation.GELU_TANH);
    assertThat(activation("silu")).isEqualTo(Activation.SILU);
    assertThat(activation("swish")).isEqualTo(Activation.SILU);
    assertThat(activation("relu")).isEqualTo(Activation.RELU);
    assertThat(activation("tanh")).isEqualTo(Activation.TANH);
    // RoBERTa's head keeps the exact GELU whatever the layers use
    assertThat(spec("roberta", "hidden_act", "\"relu\"").head().activation())
        .isEqualTo(Activation.GELU);
    assertThat(spec("bert", "hidden_act", "\"relu\"").head().activation())
        .isEqualTo(Activation.RELU);
  }

  @Test
  void read_rotaryFrequencies_followTheFormulas() {
    // width 8, base 10000: 1, 0.1, 0.01, 0.001
    assertThat(frequencies("rope_scaling", "null")).containsExactly(near(1, 0.1, 0.01, 0.001), e());
    assertThat(frequencies("rope_theta", "16")).containsExactly(near(1, 0.5, 0.25, 0.125), e());
    for (String key : List.of("rope_scaling", "rope_parameters")) {
      assertThat(frequencies(key, "{\"rope_type\": \"linear\", \"factor\": 4}"))
          .containsExactly(near(0.25, 0.025, 0.0025, 0.00025), e());
      assertThat(frequencies(key, "{\"type\": \"linear\", \"factor\": 4}"))
          .containsExactly(near(0.25, 0.025, 0.0025, 0.00025), e());
    }
    Path folder = TinyModels.copy("llama", directory);
    TinyModels.configure(folder, "rope_theta", "null");
    TinyModels.configure(folder, "rope_parameters", "{\"rope_theta\": 16.0}");
    assertThat(frequencies(folder)).containsExactly(near(1, 0.5, 0.25, 0.125), e());
    // wavelengths 6.28, 62.8, 628, 6283 with original length 1000: below 1000/4 kept, above 1000/1
    // divided, 628 between: smooth = (1000/628.3 - 1) / 3 = 0.19718
    double smooth = (1000 / (2 * Math.PI * 100) - 1) / 3;
    assertThat(
            frequencies(
                "rope_scaling",
                "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1,"
                    + " \"high_freq_factor\": 4, \"original_max_position_embeddings\": 1000}"))
        .containsExactly(near(1, 0.1, (1 - smooth) * 0.01 / 8 + smooth * 0.01, 0.001 / 8), e());
  }

  private static double[] near(double... values) {
    return values;
  }

  private static org.assertj.core.data.Offset<Double> e() {
    return within(1e-12);
  }

  private double[] frequencies(String key, String value) {
    Path folder = TinyModels.copy("llama", directory);
    TinyModels.configure(folder, key, value);
    return frequencies(folder);
  }

  private static double[] frequencies(Path folder) {
    return ((Positions.Rotary) Architecture.read(folder).spec().positions()).inverseFrequencies();
  }

  private Activation activation(String name) {
    return spec("bert", "hidden_act", "\"" + name + "\"").feedForward().activation();
  }

  private TransformerSpec bare(String family) throws IOException {
    Files.writeString(directory.resolve("config.json"), "{\"model_type\": \"" + family + "\"}");
    return Architecture.read(directory).spec();
  }

  private TransformerSpec spec(String name, String key, String value) {
    Path folder = TinyModels.copy(name, directory);
    TinyModels.configure(folder, key, value);
    return Architecture.read(folder).spec();
  }

  private void assertRefused(String name, String key, String value, String naming) {
    assertThatThrownBy(() -> spec(name, key, value))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll("config.json", naming)
        .hasMessageEndingWith(".");
  }
}
