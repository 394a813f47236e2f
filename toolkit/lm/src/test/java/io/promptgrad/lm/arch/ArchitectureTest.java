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
        "albert | num_hidden_groups | 3",
        "albert | inner_group_num | 2",
        "albert | gap_size | 1",
        "albert | net_structure_type | 1",
        "albert | num_memory_blocks | 1",
        "albert | down_scale_factor | 2",
        "albert | position_embedding_type | \"relative_key\"",
        "electra | position_embedding_type | \"relative_key\"",
        "electra | is_decoder | true",
        "distilbert | tie_weights_ | false",
        "distilbert | pruned_heads | {\"0\": [1]}",
        "openai-gpt | n_special | 3",
        "gpt_neo | attention_layers | [\"global\", \"local\", \"local\"]", // against
        // attention_types
        "gpt_neo | attention_layers | [\"global\"]",
        "gpt_neo | attention_types | [[[\"global\", \"sparse\"], 3]]",
        "gpt_neox | rope_theta | 5000",
        "gpt_neox | partial_rotary_factor | 0.5",
        "gpt_neox | rotary_pct | 0.2", // 3 of 16 dimensions
        "gpt_neox | rotary_pct | 1.5",
        "opt | _remove_final_layer_norm | true",
        "opt | layer_norm_elementwise_affine | false",
        "mistral | use_sliding_window | true",
        "mistral | sliding_window | 0",
        "mistral | layer_types | [\"sliding_attention\", \"full_attention\"]",
        "mistral | layer_types | [\"chunked_attention\"]",
        "mistral | layer_types | [true]",
        "mistral | layer_types | \"full_attention\"",
        "qwen2 | use_sliding_window | true",
        "qwen2 | layer_types | [\"sliding_attention\"]",
        "qwen3 | use_sliding_window | true",
        "gemma | hidden_activation | \"silu_and_mul\"",
        "gemma2 | query_pre_attn_scalar | 0",
        "gemma2 | attn_logit_softcapping | -1",
        "gemma3_text | attn_logit_softcapping | 50.0",
        "gemma3_text | final_logit_softcapping | 30.0",
        "gemma3_text | use_bidirectional_attention | true",
        "phi | qk_layernorm | true",
        "phi | partial_rotary_factor | 0",
        "phi3 | partial_rotary_factor | 0.75",
        "phi3 | rope_scaling | {\"type\": \"longrope\", \"long_factor\": [1], \"short_factor\": [1]}",
        "olmo2 | clip_qkv | 8.0",
        "t5__v1_1_gated_untied | is_encoder_decoder | false",
        "t5__v1_1_gated_untied | is_gated_act | false",
        "t5__v1_1_gated_untied | dense_act_fn | \"relu\"",
        "t5__v1_1_gated_untied | feed_forward_proj | \"gated-swiglu\"",
        "t5__v1_1_gated_untied | relative_attention_num_buckets | 3",
        "t5__v1_1_gated_untied | relative_attention_num_buckets | 32", // but only 16 distances
        "t5__classic_relu_tied | scale_decoder_outputs | true",
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
        "electra | embedding_size | 0",
        "opt | ffn_dim | null",
        "mistral | hidden_size | null",
        "qwen3 | num_hidden_layers | null",
        "gpt_neo | num_layers | 5000",
        "phi3 | intermediate_size | \"56\"",
        "t5__classic_relu_tied | d_kv | null",
        "t5__classic_relu_tied | num_decoder_layers | 0",
        "llama | hidden_act | \"xielu\""
      })
  void read_valueOfAWrongTypeOrOutOfRange_isRefusedByName(String name, String key, String value) {
    assertRefused(name, key, value, "\"");
  }

  @Test
  void read_unknownOrMissingArchitecture_isRefusedWithTheSupportedOnes() throws IOException {
    assertRefused(
        "bert", "model_type", "\"deberta-v2\"", "\"deberta-v2\", an unknown architecture");
    assertRefused("bert", "model_type", "null", "albert, bert, camembert, distilbert");
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
    assertThat(spec("gpt2", "n_embd", "null").hidden()).isEqualTo(768); // fits 4 heads
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

  /**
   * As their authors published them; what is not in here is refused, so all of it must be known.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "xlm-roberta | 250002 | 0 | 2",
        "camembert | 32005 | 5 | 6",
      })
  void read_publishedKinOfRoberta_isRobertaWithItsOwnSizes(
      String family, int vocabulary, int bos, int eos) throws IOException {
    Files.writeString(
        directory.resolve("config.json"),
        """
        {"architectures": ["ForMaskedLM"], "attention_probs_dropout_prob": 0.1, "bos_token_id": %d,
         "eos_token_id": %d, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 768,
         "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
         "max_position_embeddings": 514, "model_type": "%s", "num_attention_heads": 12,
         "num_hidden_layers": 12, "output_past": true, "pad_token_id": 1,
         "position_embedding_type": "absolute", "transformers_version": "4.17.0.dev0",
         "type_vocab_size": 1, "use_cache": true, "vocab_size": %d}
        """
            .formatted(bos, eos, family, vocabulary));
    Architecture architecture = Architecture.read(directory);
    TransformerSpec spec = architecture.spec();
    assertThat(spec.family()).isEqualTo(family);
    assertThat(spec.vocabulary()).isEqualTo(vocabulary);
    assertThat(spec.maxPositions()).isEqualTo(512);
    assertThat(spec.positions()).isEqualTo(new Positions.Learned(2));
    assertThat(spec.tokenTypes()).isEqualTo(1);
    assertThat(spec.norm().epsilon()).isEqualTo(1e-5);
    assertThat(spec.head().activation()).isEqualTo(Activation.GELU);
    assertThat(architecture.weights().slots().get(0).name())
        .isEqualTo("roberta.embeddings.word_embeddings.weight");
  }

  @Test
  void read_configurationAsPublished_isAcceptedWithTheKeysOfItsTime() throws IOException {
    accepts(
        """
        {"model_type": "albert", "vocab_size": 30000, "embedding_size": 128, "hidden_size": 768,
         "num_hidden_layers": 12, "num_hidden_groups": 1, "num_attention_heads": 12,
         "intermediate_size": 3072, "inner_group_num": 1, "hidden_act": "gelu_new",
         "max_position_embeddings": 512, "type_vocab_size": 2, "down_scale_factor": 1, "gap_size": 0,
         "net_structure_type": 0, "num_memory_blocks": 0, "layers_to_keep": []}
        """);
    accepts(
        """
        {"model_type": "distilbert", "vocab_size": 30522, "dim": 768, "hidden_dim": 3072,
         "n_layers": 6, "n_heads": 12, "max_position_embeddings": 512, "activation": "gelu",
         "dropout": 0.1, "qa_dropout": 0.1, "seq_classif_dropout": 0.2, "tie_weights_": true,
         "sinusoidal_pos_embds": false, "pad_token_id": 0}
        """);
    accepts(
        """
        {"model_type": "electra", "vocab_size": 30522, "embedding_size": 128, "hidden_size": 256,
         "num_hidden_layers": 12, "num_attention_heads": 4, "intermediate_size": 1024,
         "generator_size": "0.25", "summary_last_dropout": 0.1, "summary_type": "first",
         "max_position_embeddings": 512, "type_vocab_size": 2}
        """);
    accepts(
        """
        {"model_type": "openai-gpt", "afn": "gelu", "n_ctx": 512, "n_embd": 768, "n_head": 12,
         "n_layer": 12, "n_positions": 512, "n_special": 0, "predict_special_tokens": true,
         "vocab_size": 40478, "layer_norm_epsilon": 1e-05, "resid_pdrop": 0.1}
        """);
    accepts(
        """
        {"model_type": "opt", "vocab_size": 50272, "hidden_size": 1024, "word_embed_proj_dim": 512,
         "num_hidden_layers": 24, "num_attention_heads": 16, "ffn_dim": 4096, "prefix": "</s>",
         "do_layer_norm_before": false, "activation_dropout": 0.0, "layerdrop": 0.0,
         "max_position_embeddings": 2048, "activation_function": "relu"}
        """);
    accepts(
        """
        {"model_type": "gpt_neo", "vocab_size": 50257, "hidden_size": 768, "num_heads": 12,
         "num_layers": 2, "attention_types": [[["global", "local"], 1]], "window_size": 256,
         "intermediate_size": null, "max_position_embeddings": 2048, "embed_dropout": 0,
         "gradient_checkpointing": false, "tokenizer_class": "GPT2Tokenizer"}
        """);
    accepts(
        """
        {"model_type": "gpt_neox", "vocab_size": 50304, "hidden_size": 512, "rotary_pct": 0.25,
         "num_hidden_layers": 6, "num_attention_heads": 8, "intermediate_size": 2048,
         "max_position_embeddings": 2048, "rotary_emb_base": 10000, "use_parallel_residual": true,
         "hidden_act": "gelu", "tie_word_embeddings": false}
        """);
    accepts(
        """
        {"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024, "head_dim": 128,
         "num_hidden_layers": 2, "num_attention_heads": 16, "num_key_value_heads": 8,
         "intermediate_size": 3072, "max_position_embeddings": 40960, "rope_theta": 1000000,
         "sliding_window": null, "use_sliding_window": false, "max_window_layers": 28,
         "layer_types": ["full_attention", "full_attention"], "tie_word_embeddings": true}
        """);
    accepts(
        """
        {"model_type": "phi3", "vocab_size": 32064, "hidden_size": 3072, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 8192,
         "max_position_embeddings": 4096, "original_max_position_embeddings": 4096,
         "rope_scaling": null, "sliding_window": 2047, "attention_bias": false}
        """);
    accepts(
        """
        {"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "head_dim": 256,
         "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1,
         "intermediate_size": 6912, "max_position_embeddings": 32768, "sliding_window": 512,
         "sliding_window_pattern": 6, "query_pre_attn_scalar": 256, "rope_local_base_freq": 10000,
         "cache_implementation": "hybrid", "hidden_activation": "gelu_pytorch_tanh"}
        """);
    accepts(
        """
        {"model_type": "t5", "vocab_size": 32128, "d_model": 768, "d_kv": 64, "d_ff": 3072,
         "num_layers": 12, "num_heads": 12, "relative_attention_num_buckets": 32, "n_positions": 512,
         "dropout_rate": 0.1, "initializer_factor": 1.0, "is_encoder_decoder": true,
         "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, "output_past": true,
         "task_specific_params": {"summarization": {"num_beams": 4}}}
        """);
  }

  private void accepts(String json) throws IOException {
    Files.writeString(directory.resolve("config.json"), json);
    assertThat(Architecture.read(directory).spec().layers()).isPositive();
  }

  @Test
  void read_layersWithWindows_areThoseOfTheFamilyOrOfTheFile() {
    assertThat(windows("mistral", "sliding_window", "4")).containsExactly(4, 4, 4);
    assertThat(windows("mistral", "sliding_window", "null")).isEmpty();
    assertThat(
            windows(
                "mistral",
                "layer_types",
                "[\"full_attention\", \"sliding_attention\", \"full_attention\"]"))
        .containsExactly(0, 4, 0);
    assertThat(windows("phi3", "sliding_window", "7")).containsExactly(7, 7, 7);
    assertThat(windows("qwen3", "sliding_window", "7")).isEmpty(); // switched off
    assertThat(windows("gemma2", "sliding_window", "5")).containsExactly(5, 0, 5);
    assertThat(windows("gemma3_text", "sliding_window_pattern", "3")).containsExactly(4, 4, 0);
    assertThat(windows("gpt_neo", "attention_layers", "null")).containsExactly(0, 4, 0);
    assertThat(windows("llama", "pad_token_id", "0")).isEmpty();
  }

  private List<Integer> windows(String name, String key, String value) {
    return spec(name, key, value).attention().windows();
  }

  @Test
  void read_optionsOfTheGemmas_haveTheirDefaults() {
    TransformerSpec gemma = spec("gemma", "hidden_activation", "null");
    assertThat(gemma.feedForward().activation()).isEqualTo(Activation.GELU_TANH);
    Path older = TinyModels.copy("gemma", directory);
    TinyModels.configure(older, "hidden_activation", "null");
    TinyModels.configure(older, "hidden_act", "\"gelu\""); // meant the tanh form
    assertThat(Architecture.read(older).spec().feedForward().activation())
        .isEqualTo(Activation.GELU_TANH);
    TinyModels.configure(older, "hidden_act", "\"silu\"");
    assertThatThrownBy(() -> Architecture.read(older)).hasMessageContaining("hidden_act");
    assertThat(gemma.embedding().inputScale()).isEqualTo(Math.sqrt(32));
    assertThat(spec("gemma2", "attn_logit_softcapping", "null").attention().cap()).isZero();
    assertThat(spec("gemma2", "final_logit_softcapping", "null").head().cap()).isZero();
    assertThat(spec("gemma2", "query_pre_attn_scalar", "null").attention().scale())
        .isEqualTo(1 / 16.0);
    TransformerSpec gemma3 = spec("gemma3_text", "rope_local_base_freq", "null");
    assertThat(gemma3.embedding().tableScale()).isEqualTo(Math.sqrt(32));
    assertThat(gemma3.embedding().inputScale()).isEqualTo(1);
    assertThat(((Positions.Rotary) gemma3.positions()).near()[1])
        .isCloseTo(Math.pow(10000, -2 / 12.0), e());
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
