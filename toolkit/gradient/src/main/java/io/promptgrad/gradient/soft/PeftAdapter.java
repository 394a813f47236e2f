package io.promptgrad.gradient.soft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A prompt as Hugging Face PEFT keeps it: {@code adapter_config.json} and {@code
 * adapter_model.safetensors}. What is read and written again gives the same bytes, unknown keys
 * apart, which PEFT drops as well.
 *
 * <p>What a row of word vectors means is up to the model's code in Python. For Gemma and Gemma 2,
 * transformers before 5.4 multiply it by the square root of the width, as the models here do, and
 * later ones do not: prompts for these two that were made under one mean nothing under the other.
 * Keys and values are the same under both. ALBERT ignores them in Python (5.15), and not here.
 *
 * @param config known keys only, as they stand in the file
 * @param dtype of the stored values
 * @param rows virtual tokens; with two sub-modules (sequence to sequence) twice as many, of which
 *     the second half is not used
 * @param columns values of each
 * @param values row-major
 * @param warnings what reading it gave to say
 */
public record PeftAdapter(
    ObjectNode config,
    WeightType dtype,
    int rows,
    int columns,
    float[] values,
    List<String> warnings) {

  /** The files' names. */
  public static final String CONFIG = "adapter_config.json";

  public static final String WEIGHTS = "adapter_model.safetensors";

  /** The version whose format this is. */
  static final String PEFT_VERSION = "0.20.0";

  private static final String TENSOR = "prompt_embeddings";

  /** The kinds of adapters that are prompts. */
  public enum Type {
    /** Word vectors. */
    PROMPT_TUNING,
    /** Word vectors that an encoder made. */
    P_TUNING,
    /** Keys and values of all layers. */
    PREFIX_TUNING,
    /**
     * Keys and values of every attention of an encoder-decoder. PEFT has no such prompt and refuses
     * this name.
     */
    ALL_PREFIX_TUNING;

    /** Whether it consists of keys and values. */
    boolean isPrefix() {
      return this == PREFIX_TUNING || this == ALL_PREFIX_TUNING;
    }
  }

  private static final List<String> TASK_TYPES =
      List.of(
          "SEQ_CLS",
          "SEQ_2_SEQ_LM",
          "CAUSAL_LM",
          "TOKEN_CLS",
          "QUESTION_ANS",
          "FEATURE_EXTRACTION");

  private static final Set<String> COMMON =
      Set.of(
          "auto_mapping",
          "base_model_name_or_path",
          "inference_mode",
          "modules_to_save",
          "num_attention_heads",
          "num_layers",
          "num_transformer_submodules",
          "num_virtual_tokens",
          "peft_type",
          "peft_version",
          "revision",
          "task_type",
          "token_dim");

  private static final Map<Type, Set<String>> OWN =
      Map.of(
          Type.PROMPT_TUNING,
          Set.of(
              "prompt_tuning_init",
              "prompt_tuning_init_text",
              "tokenizer_name_or_path",
              "tokenizer_kwargs"),
          Type.P_TUNING,
          Set.of(
              "encoder_reparameterization_type",
              "encoder_hidden_size",
              "encoder_num_layers",
              "encoder_dropout"),
          Type.PREFIX_TUNING,
          Set.of("encoder_hidden_size", "prefix_projection", "init_weights"),
          Type.ALL_PREFIX_TUNING,
          Set.of("encoder_hidden_size", "prefix_projection", "init_weights"));

  /** Checks that the values are as many as the configuration says. */
  public PeftAdapter {
    warnings = List.copyOf(warnings);
    if (values.length != rows * columns) {
      throw new IllegalArgumentException(values.length + " values for " + rows + " x " + columns);
    }
  }

  /** The kind of prompt. */
  public Type type() {
    return Type.valueOf(config.path("peft_type").asText());
  }

  /** P, virtual tokens. */
  public int tokens() {
    return config.path("num_virtual_tokens").asInt();
  }

  /** The model that it was made for, or "" if that is not known. */
  public String baseModel() {
    return config.path("base_model_name_or_path").asText("");
  }

  /** The values of the virtual tokens that are used [P * columns]. */
  public float[] used() {
    return Arrays.copyOf(values, tokens() * columns);
  }

  /**
   * A configuration with every key.
   *
   * @param type the kind
   * @param baseModel name of the model
   * @param taskType one of PEFT's
   * @param tokens P
   * @param layers that have keys and values: of the model, of an encoder-decoder its encoder's
   * @param heads attention heads; for keys and values the key-value heads
   * @param width values of a word vector, or of one key or value of all heads
   */
  public static ObjectNode config(
      Type type, String baseModel, String taskType, int tokens, int layers, int heads, int width) {
    ObjectNode json = Json.object();
    json.putNull("auto_mapping");
    json.put("base_model_name_or_path", baseModel);
    json.put("inference_mode", true);
    json.putNull("modules_to_save");
    json.put("num_attention_heads", heads);
    json.put("num_layers", layers);
    json.put("num_transformer_submodules", taskType.equals("SEQ_2_SEQ_LM") ? 2 : 1);
    json.put("num_virtual_tokens", tokens);
    json.put("peft_type", type.name());
    json.put("peft_version", PEFT_VERSION);
    json.putNull("revision");
    json.put("task_type", taskType);
    json.put("token_dim", width);
    switch (type) {
      case PROMPT_TUNING -> {
        json.put("prompt_tuning_init", "RANDOM");
        json.putNull("prompt_tuning_init_text");
        json.putNull("tokenizer_name_or_path");
        json.putNull("tokenizer_kwargs");
      }
      case P_TUNING ->
          json.put("encoder_reparameterization_type", "MLP")
              .put("encoder_hidden_size", width)
              .put("encoder_num_layers", 2)
              .put("encoder_dropout", 0.0);
      case PREFIX_TUNING, ALL_PREFIX_TUNING -> {
        json.put("encoder_hidden_size", width).put("prefix_projection", false);
        json.putNull("init_weights");
      }
    }
    return json;
  }

  /**
   * An adapter in float32 of P rows of values; with two sub-modules the second half is zeros.
   *
   * @param config as {@link #config} gives it
   */
  public static PeftAdapter of(ObjectNode config, float[] values) {
    int tokens = config.path("num_virtual_tokens").asInt();
    boolean prefix = Type.valueOf(config.path("peft_type").asText()).isPrefix();
    int rows = tokens * (prefix ? 1 : submodules(config));
    int columns = values.length / tokens;
    return new PeftAdapter(
        config, WeightType.F32, rows, columns, Arrays.copyOf(values, rows * columns), List.of());
  }

  private static int submodules(JsonNode config) {
    boolean two = config.path("task_type").asText("").equals("SEQ_2_SEQ_LM");
    return config.path("num_transformer_submodules").asInt(two ? 2 : 1);
  }

  // ------------------------------------------------------------------ reading

  /** Whether a folder looks like an adapter's. */
  public static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(CONFIG));
  }

  /**
   * Reads a folder.
   *
   * @throws InvalidInputException if something is missing, of another kind or does not fit together
   */
  public static PeftAdapter read(Path folder) {
    Path file = folder.resolve(CONFIG);
    if (!Files.isRegularFile(file)) {
      throw new InvalidInputException(
          "%s has no %s; name the folder that PEFT's save_pretrained wrote."
              .formatted(folder, CONFIG));
    }
    if (!(Json.read(file) instanceof ObjectNode json)) {
      throw new InvalidInputException(file + " is not a JSON object; save the adapter again.");
    }
    Type type = type(file, json);
    List<String> warnings = new ArrayList<>();
    ObjectNode known = Json.object();
    Set<String> unknown = new TreeSet<>();
    json.properties()
        .forEach(
            entry -> {
              if (COMMON.contains(entry.getKey()) || OWN.get(type).contains(entry.getKey())) {
                known.set(entry.getKey(), entry.getValue());
              } else {
                unknown.add(entry.getKey());
              }
            });
    if (!unknown.isEmpty()) {
      warnings.add("%s: the unknown keys %s are left out.".formatted(file, unknown));
    }
    requireKnownValues(file, known, type);
    TensorView tensor = tensor(folder);
    long[] shape = tensor.shape();
    int tokens = known.path("num_virtual_tokens").asInt();
    int rows = tokens * (type.isPrefix() ? 1 : submodules(known));
    long width = known.path("token_dim").asLong();
    long columns = type.isPrefix() ? known.path("num_layers").asLong() * 2 * width : width;
    boolean fits = shape.length == 2 && shape[0] == rows && (columns == 0 || shape[1] == columns);
    if (!fits) {
      throw new InvalidInputException(
          "%s: %s has shape %s, but %s asks for [%d, %s]; the two files do not belong together."
              .formatted(
                  folder.resolve(WEIGHTS),
                  TENSOR,
                  Arrays.toString(shape),
                  CONFIG,
                  rows,
                  columns == 0 ? "any" : columns));
    }
    return new PeftAdapter(
        known, tensor.type(), rows, Math.toIntExact(shape[1]), tensor.toFloats(), warnings);
  }

  private static Type type(Path file, JsonNode json) {
    String name = json.path("peft_type").asText("");
    for (Type type : Type.values()) {
      if (type.name().equals(name)) {
        return type;
      }
    }
    throw new InvalidInputException(
        "%s: the adapter's peft_type is %s, which is no soft prompt; PROMPT_TUNING, P_TUNING, PREFIX_TUNING and our own ALL_PREFIX_TUNING can be read."
            .formatted(file, name.isEmpty() ? "missing" : "'" + name + "'"));
  }

  private static void requireKnownValues(Path file, ObjectNode config, Type type) {
    JsonNode task = config.path("task_type");
    if (!task.isMissingNode() && !task.isNull() && !TASK_TYPES.contains(task.asText())) {
      throw new InvalidInputException(
          "%s: the task_type %s is none of %s.".formatted(file, task, TASK_TYPES));
    }
    if (!config.path("num_virtual_tokens").isInt()
        || config.path("num_virtual_tokens").intValue() < 1) {
      throw new InvalidInputException(
          "%s: num_virtual_tokens is %s, a whole number from 1 is needed."
              .formatted(file, config.path("num_virtual_tokens")));
    }
    if (type != Type.PROMPT_TUNING) {
      return;
    }
    boolean text = config.path("prompt_tuning_init").asText("RANDOM").equals("TEXT");
    boolean told =
        config.path("prompt_tuning_init_text").isTextual()
            && config.path("tokenizer_name_or_path").isTextual();
    if (text && !told) {
      throw new InvalidInputException(
          "%s: prompt_tuning_init TEXT needs prompt_tuning_init_text and tokenizer_name_or_path."
              .formatted(file));
    }
    if (!text && config.hasNonNull("tokenizer_kwargs")) {
      throw new InvalidInputException(
          "%s: tokenizer_kwargs are for prompt_tuning_init TEXT only.".formatted(file));
    }
  }

  private static TensorView tensor(Path folder) {
    Path file = folder.resolve(WEIGHTS);
    if (!Files.isRegularFile(file)) {
      boolean pickle = Files.exists(folder.resolve("adapter_model.bin"));
      throw new InvalidInputException(
          pickle
              ? "%s holds its weights as a pickle (adapter_model.bin), which can run code when it is opened; in Python save it again with save_pretrained(folder, safe_serialization=True)."
                  .formatted(folder)
              : "%s has no %s; save the adapter again.".formatted(folder, WEIGHTS));
    }
    SafetensorsFile opened = SafetensorsFile.open(file);
    Set<String> others = new TreeSet<>(opened.names());
    others.remove(TENSOR);
    TensorView tensor =
        opened
            .find(TENSOR)
            .orElseThrow(
                () ->
                    new InvalidInputException(
                        "%s has no tensor %s, only %s; it is no prompt."
                            .formatted(file, TENSOR, others)));
    if (!others.isEmpty()) {
      throw new InvalidInputException(
          "%s holds trained layers besides the prompt (%s), which models here have no place for; take one that answers with label words."
              .formatted(file, String.join(", ", others)));
    }
    if (!tensor.type().isFloatingPoint()) {
      throw new InvalidInputException(
          "%s: %s holds %s values, floating-point ones are needed."
              .formatted(file, TENSOR, tensor.type()));
    }
    return tensor;
  }

  // ------------------------------------------------------------------ writing

  /**
   * Writes the two files.
   *
   * @throws InvalidInputException if they cannot be written
   */
  public void write(Path folder) {
    try {
      Files.createDirectories(folder);
      AtomicFiles.write(folder.resolve(CONFIG), python(config));
    } catch (IOException e) {
      throw new InvalidInputException(
          "The adapter cannot be written to %s: %s; check space and permissions."
              .formatted(folder, e),
          e);
    }
    new SafetensorsWriter()
        .add(TENSOR, dtype, new long[] {rows, columns}, values)
        .write(folder.resolve(WEIGHTS));
  }

  /** As Python's json.dumps writes it with indent=2 and sort_keys=True. */
  static String python(JsonNode node) {
    StringBuilder text = new StringBuilder();
    append(text, node, "\n");
    return text.toString();
  }

  private static void append(StringBuilder text, JsonNode node, String line) {
    String inner = line + "  ";
    if (node.isObject() && !node.isEmpty()) {
      String separator = "{" + inner;
      Map<String, JsonNode> sorted = new TreeMap<>();
      node.properties().forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
      for (Map.Entry<String, JsonNode> entry : sorted.entrySet()) {
        text.append(separator);
        appendText(text, entry.getKey());
        text.append(": ");
        append(text, entry.getValue(), inner);
        separator = "," + inner;
      }
      text.append(line).append('}');
    } else if (node.isArray() && !node.isEmpty()) {
      String separator = "[" + inner;
      for (JsonNode item : node) {
        text.append(separator);
        append(text, item, inner);
        separator = "," + inner;
      }
      text.append(line).append(']');
    } else if (node.isTextual()) {
      appendText(text, node.asText());
    } else {
      text.append(node); // numbers and words are written alike
    }
  }

  /** Everything but ASCII is escaped. */
  private static void appendText(StringBuilder text, String value) {
    String quoted = Json.line(Json.tree(value));
    for (int i = 0; i < quoted.length(); i++) {
      char c = quoted.charAt(i);
      if (c < 0x7F) {
        text.append(c);
      } else {
        text.append("\\u%04x".formatted((int) c));
      }
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PeftAdapter that
        && config.equals(that.config)
        && dtype == that.dtype
        && rows == that.rows
        && columns == that.columns
        && Arrays.equals(values, that.values);
  }

  @Override
  public int hashCode() {
    return 31 * config.hashCode() + Arrays.hashCode(values);
  }

  @Override
  public String toString() {
    return "PeftAdapter[%s, %d x %d %s]"
        .formatted(config.path("peft_type").asText(), rows, columns, dtype);
  }
}
