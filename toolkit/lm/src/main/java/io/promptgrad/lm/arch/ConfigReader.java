package io.promptgrad.lm.arch;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.TransformerSpec.Activation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Reads a {@code config.json} key by key and, at the end, refuses what nobody asked for.
 *
 * <p>A key that changes the computation and is silently ignored gives a model that runs and is
 * wrong. So a family asks for every key that it understands, {@link #HARMLESS} lists those that
 * cannot change a forward pass in evaluation mode, and any other key with a value other than null,
 * false, an empty list or an empty object is an error that names it.
 */
final class ConfigReader {

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /** Keys about training, generation, labels and provenance. */
  private static final Set<String> HARMLESS =
      Set.of(
          "_attn_implementation_autoset",
          "_name_or_path",
          "activation_dropout",
          "architectures",
          "attention_dropout",
          "attention_probs_dropout_prob",
          "attn_implementation",
          "attn_pdrop",
          "auto_map",
          "bad_words_ids",
          "begin_suppress_tokens",
          "bos_token_id",
          "cache_implementation",
          "chunk_size_feed_forward",
          "classifier_dropout",
          "classifier_dropout_prob",
          "cls_token_id",
          "decoder_start_token_id",
          "directionality",
          "diversity_penalty",
          "do_sample",
          "dropout",
          "dropout_rate",
          "dtype",
          "early_stopping",
          "embd_pdrop",
          "embed_dropout",
          "encoder_no_repeat_ngram_size",
          "eos_token_id",
          "finetuning_task",
          "generator_size",
          "gradient_checkpointing",
          "hidden_dropout",
          "hidden_dropout_prob",
          "id2label",
          "init_std",
          "initializer_factor",
          "initializer_range",
          "label2id",
          "layerdrop",
          "length_penalty",
          "mask_token_id",
          "max_length",
          "max_window_layers",
          "min_length",
          "no_repeat_ngram_size",
          "num_beam_groups",
          "num_beams",
          "num_labels",
          "num_return_sequences",
          "output_past",
          "pooler_fc_size",
          "pooler_num_attention_heads",
          "pooler_num_fc_layers",
          "pooler_size_per_head",
          "pooler_type",
          "predict_special_tokens",
          "prefix",
          "pretraining_tp",
          "problem_type",
          "qa_dropout",
          "repetition_penalty",
          "resid_dropout",
          "resid_pdrop",
          "return_dict",
          "sep_token_id",
          "seq_classif_dropout",
          "summary_activation",
          "summary_first_dropout",
          "summary_last_dropout",
          "summary_proj_to_labels",
          "summary_type",
          "summary_use_proj",
          "task_specific_params",
          "temperature",
          "tokenizer_class",
          "top_k",
          "top_p",
          "torch_dtype",
          "transformers_version",
          "typical_p",
          "unk_token_id",
          "use_cache");

  private final Path file;
  private final JsonNode root;
  private final Set<String> asked = new HashSet<>();
  private final Map<String, Integer> assumed = new HashMap<>();

  private ConfigReader(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
  }

  static ConfigReader open(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new InvalidInputException(
          "No config.json in "
              + file.toAbsolutePath().getParent()
              + ": a model folder holds config.json, tokenizer.json and model.safetensors.");
    }
    try {
      JsonNode root = JSON.readTree(Files.readAllBytes(file));
      if (root == null || !root.isObject()) {
        throw new InvalidInputException(file + " must hold one JSON object.");
      }
      ConfigReader reader = new ConfigReader(file, root);
      reader.refuseQuantised();
      return reader;
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "%s is not valid JSON (line %d, column %d: %s)."
              .formatted(
                  file,
                  e.getLocation() == null ? 0 : e.getLocation().getLineNr(),
                  e.getLocation() == null ? 0 : e.getLocation().getColumnNr(),
                  e.getOriginalMessage().lines().findFirst().orElse("").replaceAll("\\.$", "")),
          e);
    } catch (IOException e) {
      throw new InvalidInputException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  private void refuseQuantised() {
    JsonNode quantisation = root.path("quantization_config");
    if (isSet(quantisation)) {
      throw wrong(
          "quantization_config",
          "says that the weights are quantised ("
              + quantisation.path("quant_method").asText("unknown method")
              + "), which has no gradients here; use the original float16, bfloat16 or float32"
              + " checkpoint");
    }
  }

  /** An error about one key: "{file}: {key} {problem}." */
  InvalidInputException wrong(String key, String problem) {
    return new InvalidInputException(file + ": \"" + key + "\" " + problem + ".");
  }

  boolean has(String key) {
    return isSet(root.path(key));
  }

  private JsonNode ask(String key) {
    asked.add(key);
    return root.path(key);
  }

  /** Sizes that the family has where the file names none. */
  void assume(Map<String, Integer> sizes) {
    assumed.putAll(sizes);
  }

  /** Whether the file or {@link #assume} gives a size. */
  boolean knows(String key) {
    return has(key) || assumed.containsKey(key);
  }

  /** A whole number of at least 1 that the file or {@link #assume} gives. */
  int size(String key) {
    if (!knows(key)) {
      throw wrong(key, "is missing");
    }
    return size(key, assumed.getOrDefault(key, 0));
  }

  /** A whole number of at least 1. */
  int size(String key, int absent) {
    return size(key, absent, 1 << 24);
  }

  /** The number of layers, which must be given as {@link #size(String)}. */
  int layers(String key) {
    return layers(key, size(key));
  }

  /** The number of layers, each of which costs memory before a weight is read. */
  int layers(String key, int absent) {
    return size(key, absent, 4096);
  }

  private int size(String key, int absent, int most) {
    int value = integer(key, absent);
    if (value < 1 || value > most) {
      throw wrong(key, "is " + value + " but must be between 1 and " + most);
    }
    return value;
  }

  int integer(String key, int absent) {
    JsonNode node = ask(key);
    if (node.isMissingNode() || node.isNull()) {
      return absent;
    }
    if (!node.isIntegralNumber() || !node.canConvertToInt()) {
      throw wrong(key, "is " + node + " but must be a whole number");
    }
    return node.intValue();
  }

  double number(String key, double absent) {
    return number(ask(key), key, absent);
  }

  private double number(JsonNode node, String key, double absent) {
    if (node.isMissingNode() || node.isNull()) {
      return absent;
    }
    if (!node.isNumber() || !Double.isFinite(node.doubleValue())) {
      throw wrong(key, "is " + node + " but must be a number");
    }
    return node.doubleValue();
  }

  double positive(String key, double absent) {
    double value = number(key, absent);
    if (!(value > 0)) {
      throw wrong(key, "is " + value + " but must be greater than 0");
    }
    return value;
  }

  boolean flag(String key, boolean absent) {
    JsonNode node = ask(key);
    if (node.isMissingNode() || node.isNull()) {
      return absent;
    }
    if (!node.isBoolean()) {
      throw wrong(key, "is " + node + " but must be true or false");
    }
    return node.booleanValue();
  }

  String text(String key, String absent) {
    JsonNode node = ask(key);
    if (node.isMissingNode() || node.isNull()) {
      return absent;
    }
    if (!node.isTextual()) {
      throw wrong(key, "is " + node + " but must be a string");
    }
    return node.textValue();
  }

  /** Whether the file says null, which is not the same as nothing where a family has a default. */
  boolean none(String key) {
    return ask(key).isNull();
  }

  /** A list-valued key; empty if it is absent or null. */
  JsonNode list(String key) {
    JsonNode node = ask(key);
    if (node.isMissingNode() || node.isNull()) {
      return JSON.createArrayNode();
    }
    if (!node.isArray()) {
      throw wrong(key, "is " + node + " but must be a list");
    }
    return node;
  }

  /** A list of strings; empty if it is absent or null. */
  List<String> texts(String key) {
    List<String> texts = new ArrayList<>();
    for (JsonNode entry : list(key)) {
      if (!entry.isTextual()) {
        throw wrong(key, "holds " + entry + " but must be a list of strings");
      }
      texts.add(entry.textValue());
    }
    return texts;
  }

  /** An object-valued key; missing if it is absent or null. */
  JsonNode object(String key) {
    JsonNode node = ask(key);
    if (node.isMissingNode() || node.isNull()) {
      return com.fasterxml.jackson.databind.node.MissingNode.getInstance();
    }
    if (!node.isObject()) {
      throw wrong(key, "is " + node + " but must be an object");
    }
    return node;
  }

  Activation activation(String key, String absent) {
    return activationNamed(key, text(key, absent));
  }

  /** The activation of this name, which the key holds in whatever form. */
  Activation activationNamed(String key, String name) {
    return switch (name) {
      case "gelu" -> Activation.GELU;
      case "gelu_new", "gelu_pytorch_tanh" -> Activation.GELU_TANH;
      case "silu", "swish" -> Activation.SILU;
      case "relu" -> Activation.RELU;
      case "tanh" -> Activation.TANH;
      default ->
          throw wrong(
              key,
              "is \""
                  + name
                  + "\", an activation that is not supported (gelu, gelu_new, gelu_pytorch_tanh,"
                  + " silu, swish, relu and tanh are)");
    };
  }

  /** Accepts the key only with the given value, the one that the program computes. */
  void only(String key, String supported) {
    String value = text(key, supported);
    if (!value.equals(supported)) {
      throw wrong(key, "is \"" + value + "\", but only \"" + supported + "\" is supported");
    }
  }

  /** Accepts the key only with the given value, or absent. */
  void only(String key, int supported) {
    int value = integer(key, supported);
    if (value != supported) {
      throw wrong(key, "is " + value + ", but only " + supported + " is supported");
    }
  }

  /** Accepts the key only if it is absent, null or false. */
  void never(String key) {
    if (flag(key, false)) {
      throw wrong(key, "is true, which is not supported");
    }
  }

  /** {@code total} split into {@code parts} without remainder. */
  int share(String totalKey, int total, String partsKey, int parts) {
    if (total % parts != 0) {
      throw wrong(
          partsKey, "is " + parts + ", which does not divide \"" + totalKey + "\" (" + total + ")");
    }
    return total / parts;
  }

  /** Refuses every key that no one has asked for and that is not known to be harmless. */
  void refuseTheRest() {
    Set<String> unknown = new TreeSet<>();
    for (Iterator<Map.Entry<String, JsonNode>> fields = root.fields(); fields.hasNext(); ) {
      Map.Entry<String, JsonNode> field = fields.next();
      String key = field.getKey();
      if (isSet(field.getValue()) && !asked.contains(key) && !HARMLESS.contains(key)) {
        unknown.add(key);
      }
    }
    if (!unknown.isEmpty()) {
      throw new InvalidInputException(
          file
              + " has "
              + (unknown.size() == 1 ? "a key" : "keys")
              + " that this version does not support for model_type \""
              + root.path("model_type").asText()
              + "\" and that may change the computation: "
              + String.join(", ", unknown)
              + "; remove it from a copy of the file if it does not.");
    }
  }

  private static boolean isSet(JsonNode node) {
    return !(node.isMissingNode()
        || node.isNull()
        || (node.isBoolean() && !node.booleanValue())
        || (node.isContainerNode() && node.isEmpty()));
  }
}
