package io.promptgrad.experiments;

import ai.djl.Device;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.TrainableModel;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A random causal model of 20,000 weights in a folder, with one token for each byte (the byte is
 * its id) and four special ones, and with a chat template.
 */
final class TinyStoryteller {

  static final List<String> SPECIALS = List.of("<s>", "</s>", "<|im_start|>", "<|im_end|>");

  private static final String TEMPLATE =
      "{% for m in messages %}\n{{ '<|im_start|>' ~ m.role }}\n{{ m.content }}<|im_end|>\n"
          + "{% endfor %}\n{% if add_generation_prompt %}\n<|im_start|>assistant\n{% endif %}\n";

  private TinyStoryteller() {}

  static void create(Path folder) throws IOException {
    create(
        folder,
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 260,
         "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 96,
         "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
         "tie_word_embeddings": true, "bos_token_id": 256, "eos_token_id": 257}
        """);
  }

  /** The same as an encoder-decoder. */
  static void createAnswering(Path folder) throws IOException {
    create(
        folder,
        """
        {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": 260,
         "d_model": 32, "d_ff": 48, "d_kv": 8, "num_layers": 1, "num_decoder_layers": 1,
         "num_heads": 4, "relative_attention_num_buckets": 8,
         "relative_attention_max_distance": 16, "feed_forward_proj": "gated-gelu",
         "layer_norm_epsilon": 1e-6, "tie_word_embeddings": false, "is_encoder_decoder": true,
         "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 257}
        """);
  }

  private static void create(Path folder, String architecture) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.json"), architecture);
    Files.writeString(folder.resolve("tokenizer.json"), Json.pretty(tokenizer()));
    ObjectNode config = Json.object().put("bos_token", "<s>").put("eos_token", "</s>");
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        Json.pretty(config.put("chat_template", TEMPLATE)));
    LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT32);
    try (TrainableModel model = TrainableModel.create(folder, 0.3, 7, options)) {
      model.saveWeights(folder.resolve("model.safetensors"), WeightType.F32);
    }
  }

  private static ObjectNode tokenizer() {
    ObjectNode json = Json.object().put("version", "1.0");
    ArrayNode added = json.putArray("added_tokens");
    for (String special : SPECIALS) {
      added
          .addObject()
          .put("id", 256 + SPECIALS.indexOf(special))
          .put("content", special)
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    for (String part : List.of("pre_tokenizer", "decoder")) {
      json.putObject(part)
          .put("type", "ByteLevel")
          .put("add_prefix_space", false)
          .put("trim_offsets", true)
          .put("use_regex", false);
    }
    ObjectNode processor = json.putObject("post_processor").put("type", "TemplateProcessing");
    ArrayNode single = processor.putArray("single");
    single.addObject().putObject("SpecialToken").put("id", "<s>").put("type_id", 0);
    single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    ArrayNode pair = processor.putArray("pair");
    pair.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    pair.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
    ObjectNode bos = processor.putObject("special_tokens").putObject("<s>").put("id", "<s>");
    bos.putArray("ids").add(256);
    bos.putArray("tokens").add("<s>");
    ObjectNode model = json.putObject("model").put("type", "BPE");
    ObjectNode vocabulary = model.putObject("vocab");
    int next = 0x100; // bytes that cannot be seen are written as these, in order
    for (int value = 0; value < 256; value++) {
      boolean itself = (value >= '!' && value <= '~') || (value >= 0xa1 && value != 0xad);
      vocabulary.put(Character.toString(itself ? value : next++), value);
    }
    model.putArray("merges");
    return json;
  }
}
