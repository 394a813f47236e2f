package io.promptgrad.lm.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.TinyModels;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelVerificationTest {

  /** Recorded inputs; everything else is an output that must be compared. */
  private static final Set<String> INPUTS =
      Set.of(
          "input_ids",
          "attention_mask",
          "decoder_input_ids",
          "token_type_ids",
          "labels",
          "position_ids_from_mask",
          "soft_prompt",
          "gen_prompt_ids",
          "gen_prompt_mask");

  @TempDir Path directory;

  static Stream<String> everyModel() {
    return TinyModels.ALL.stream();
  }

  @ParameterizedTest
  @MethodSource("everyModel")
  void run_recordedModel_everyOutputWithinItsTolerance(String name) {
    List<Comparison> comparisons = ModelVerification.run(TinyModels.folder(name), Device.cpu());
    assertThat(comparisons).allMatch(Comparison::ok);
    assertThat(names(comparisons))
        .containsAll(outputs(TinyModels.folder(name)))
        .contains("bfloat16 logits (relative)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"bert", "gpt2", "llama", "opt__projected_postnorm", "t5__v1_1_gated_untied"})
  void run_everyOutputAlteredByTwiceItsTolerance_everyComparisonFails(String name) {
    Path folder = TinyModels.copy(name, directory);
    alterOutputs(folder, 2e-4);
    TinyModels.edit(folder.resolve("golden.json"), "soft_prompt/loss", "99");
    List<Comparison> comparisons = ModelVerification.run(folder, Device.cpu());
    assertThat(failed(comparisons)).containsAll(outputs(folder)).contains("soft_prompt.loss");
  }

  @Test
  void run_outputsAlteredByLessThanTheTolerance_nothingFails() {
    Path folder = TinyModels.copy("llama", directory);
    alterOutputs(folder, 0.8e-4, "gen_sequences", "word_embeddings_out");
    assertThat(ModelVerification.run(folder, Device.cpu())).allMatch(Comparison::ok);
  }

  @Test
  void run_outputsAlteredOnPadding_onlyGradientsMind() {
    Path folder = TinyModels.copy("bert", directory);
    TinyModels.rewrite(
        folder.resolve("golden.safetensors"),
        tensor ->
            INPUTS.contains(tensor.name()) || tensor.shape()[0] != 3
                ? tensor
                // the last entry of row 1, which ends in padding
                : TinyModels.edited(tensor, b -> b.putFloat(b.limit() / 3 * 2 - 4, 1234f)));
    assertThat(failed(ModelVerification.run(folder, Device.cpu())))
        .containsExactlyInAnyOrder("grad_inputs_embeds", "word_embeddings_out");
  }

  @Test
  void run_recordedTensorThatNobodyCompares_fails() {
    Path folder = TinyModels.copy("llama", directory);
    TinyModels.edit(folder.resolve("golden.json"), "grad_weight_name", "\"\"");
    assertThat(failed(ModelVerification.run(folder, Device.cpu())))
        .containsExactly("grad_weight (recorded, but unknown)");
  }

  @Test
  void run_notANumberInTheRecording_fails() {
    Path folder = TinyModels.copy("llama", directory);
    TinyModels.rewrite(
        folder.resolve("golden.safetensors"),
        tensor ->
            tensor.name().equals("logits")
                ? TinyModels.edited(tensor, b -> b.putFloat(0, Float.NaN))
                : tensor);
    assertThat(failed(ModelVerification.run(folder, Device.cpu()))).containsExactly("logits");
  }

  @ParameterizedTest
  @CsvSource({
    "bert__untied_silu_large_eps, layer_norm_eps, 1e-12",
    "bert, hidden_act, \"gelu_new\"",
    "bert, num_attention_heads, 2",
    "roberta, layer_norm_eps, 1e-2",
    "gpt2, activation_function, \"gelu\"",
    "gpt2, n_head, 8",
    "gpt2, scale_attn_by_inverse_layer_idx, true",
    "llama, rope_theta, 9000.0",
    "llama, tie_word_embeddings, true",
    "llama__rope_llama3, rope_scaling, null",
    "llama__rope_linear, rope_scaling, null",
    "distilbert, activation, \"relu\"",
    "electra, hidden_act, \"relu\"",
    "albert, hidden_act, \"gelu\"",
    "openai-gpt, afn, \"relu\"",
    "gpt_neo, window_size, 5",
    "gpt_neox, use_parallel_residual, false",
    "opt, activation_function, \"gelu\"",
    "mistral, sliding_window, 5",
    "mistral, sliding_window, null",
    "qwen2, rope_theta, 10000.0",
    "qwen3, rope_theta, 10000.0",
    "gemma, hidden_activation, \"gelu\"",
    "gemma2, attn_logit_softcapping, null",
    "gemma2, final_logit_softcapping, null",
    "gemma2, query_pre_attn_scalar, 12",
    "gemma2, sliding_window, 3",
    "gemma3_text, rope_local_base_freq, 60.0",
    "gemma3_text, rope_theta, 900.0",
    "gemma3_text, sliding_window_pattern, 3",
    "phi, partial_rotary_factor, 0.25",
    "phi3, sliding_window, 4",
    "olmo2, rms_norm_eps, 1e-2",
    "t5__v1_1_gated_untied, relative_attention_max_distance, 32",
    "t5__v1_1_gated_untied, layer_norm_epsilon, 1e-2",
  })
  void run_configurationOfAnotherModel_fails(String name, String key, String value) {
    Path folder = TinyModels.copy(name, directory);
    TinyModels.configure(folder, key, value);
    assertThat(failed(ModelVerification.run(folder, Device.cpu())))
        .contains("logits", "grad_inputs_embeds", "grad_weight");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "input_ids",
        "attention_mask",
        "labels",
        "logits",
        "hidden_states.1",
        "loss",
        "grad_inputs_embeds",
        "grad_weight",
        "soft_prompt",
        "soft_logits",
        "soft_grad",
        "position_ids_from_mask",
        "logits_kv_cache",
        "gen_prompt_ids",
        "gen_prompt_mask",
        "gen_sequences",
        "gen_logits"
      })
  void run_tensorOfAnotherShape_isRefusedByName(String name) {
    Path folder = TinyModels.copy("llama", directory);
    TinyModels.rewrite(
        folder.resolve("golden.safetensors"),
        tensor ->
            tensor.name().equals(name)
                ? new TensorView(
                    name, tensor.type(), new long[] {1, tensor.elements(), 1}, tensor.bytes())
                : tensor);
    assertRefused(folder, name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "decoder_input_ids",
        "labels",
        "logits",
        "encoder_hidden_states.1",
        "decoder_hidden_states.0",
        "encoder_last_hidden_state",
        "grad_decoder_inputs_embeds",
        "logits_kv_cache",
        "gen_sequences"
      })
  void run_tensorOfAnotherShapeForAnEncoderDecoder_isRefusedByName(String name) {
    Path folder = TinyModels.copy("t5__classic_relu_tied", directory);
    TinyModels.rewrite(
        folder.resolve("golden.safetensors"),
        tensor ->
            tensor.name().equals(name)
                ? new TensorView(
                    name, tensor.type(), new long[] {1, tensor.elements(), 1}, tensor.bytes())
                : tensor);
    assertRefused(folder, name);
  }

  /** RoBERTa's kin is RoBERTa by other names. */
  @ParameterizedTest
  @ValueSource(strings = {"xlm-roberta", "camembert"})
  void run_robertaUnderTheNameOfItsKin_everyOutputWithinItsTolerance(String family) {
    Path folder = TinyModels.copy("roberta", directory);
    TinyModels.configure(folder, "model_type", '"' + family + '"');
    assertThat(ModelVerification.run(folder, Device.cpu())).allMatch(Comparison::ok);
  }

  @ParameterizedTest
  @ValueSource(strings = {"input_ids", "attention_mask", "logits"})
  void run_tensorOfAnotherType_isRefusedByName(String name) {
    Path folder = TinyModels.copy("llama", directory);
    TinyModels.rewrite(
        folder.resolve("golden.safetensors"),
        tensor ->
            tensor.name().equals(name)
                ? new TensorView(
                    name,
                    WeightType.U8,
                    tensor.shape(),
                    ByteBuffer.allocate((int) tensor.elements()))
                : tensor);
    assertRefused(folder, name);
  }

  @ParameterizedTest
  @CsvSource({
    "input_ids, 97",
    "input_ids, -1",
    "input_ids, 9223372036854775807",
    "position_ids_from_mask, 64",
    "labels, 97",
    "gen_prompt_ids, 97"
  })
  void run_idOutsideTheModel_isRefused(String name, long id) {
    Path folder = TinyModels.copy("llama", directory);
    TinyModels.rewrite(
        folder.resolve("golden.safetensors"),
        tensor ->
            tensor.name().equals(name) ? TinyModels.edited(tensor, b -> b.putLong(8, id)) : tensor);
    assertRefused(folder, "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{", "null", "{\"a\": 1, \"a\": 2}"})
  void run_malformedSettings_areRefused(String json) throws IOException {
    Path folder = TinyModels.copy("gpt2", directory);
    Files.writeString(folder.resolve("golden.json"), json);
    assertRefused(folder, "golden.json");
  }

  @Test
  void run_missingFileOrTensor_isNamed() throws IOException {
    Path folder = TinyModels.copy("gpt2", directory);
    TinyModels.rewrite(
        folder.resolve("golden.safetensors"), t -> t.name().equals("logits") ? null : t);
    assertRefused(folder, "has no tensor logits");
    Files.delete(folder.resolve("golden.safetensors"));
    assertRefused(folder, "golden.safetensors");
  }

  /** Adds to one entry that counts of every output: absolutely, for gradients relatively. */
  private static void alterOutputs(Path folder, double by, String... except) {
    TinyModels.rewrite(
        folder.resolve("golden.safetensors"),
        tensor -> {
          if (INPUTS.contains(tensor.name()) || List.of(except).contains(tensor.name())) {
            return tensor;
          }
          if (tensor.type() == WeightType.I64) {
            int last = (int) tensor.elements() * 8 - 8;
            return TinyModels.edited(tensor, b -> b.putLong(last, 1 - b.getLong(last)));
          }
          double scale = 1;
          if (tensor.name().contains("grad")) {
            scale = 0;
            for (float value : tensor.toFloats()) {
              scale = Math.max(scale, Math.abs(value));
            }
          }
          float more = (float) (by * scale);
          return TinyModels.edited(tensor, b -> b.putFloat(0, b.getFloat(0) + more));
        });
  }

  private static Set<String> outputs(Path folder) {
    Set<String> names =
        new HashSet<>(SafetensorsFile.open(folder.resolve("golden.safetensors")).names());
    names.removeAll(INPUTS);
    return names;
  }

  private static void assertRefused(Path folder, String naming) {
    assertThatThrownBy(() -> ModelVerification.run(folder, Device.cpu()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(folder.toString(), naming)
        .hasMessageEndingWith(".");
  }

  private static List<String> names(List<Comparison> comparisons) {
    return comparisons.stream().map(Comparison::name).toList();
  }

  private static List<String> failed(List<Comparison> comparisons) {
    return new ArrayList<>(
        comparisons.stream().filter(c -> !c.ok()).map(Comparison::name).toList());
  }
}
