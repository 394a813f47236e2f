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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** A random masked language model of 20,000 weights with a task of its own words, in a folder. */
final class TinyWorld {

  static final String TEMPLATE = "{sentence} [T] [T] [T] [P] .";

  private static final List<String> SPECIALS =
      List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");
  private static final List<String> NAMED =
      List.of(".", "!", "it", "was", "good", "great", "bad", "awful", "grip", "##ping");
  private static final int NAMELESS = 150;

  private final Path folder;

  private TinyWorld(Path folder) {
    this.folder = folder;
  }

  /** Makes model and task below a folder. */
  static TinyWorld create(Path folder) throws IOException {
    TinyWorld world = new TinyWorld(folder);
    Files.createDirectories(world.model());
    List<String> vocabulary = vocabulary();
    Files.writeString(world.model("config.json"), config(vocabulary.size()));
    Files.writeString(world.model("tokenizer.json"), Json.pretty(tokenizer(vocabulary)));
    LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT32);
    try (TrainableModel model = TrainableModel.create(world.model(), 0.3, 7, options)) {
      model.saveWeights(world.model("model.safetensors"), WeightType.F32);
    }
    Random random = new Random(11);
    Files.writeString(folder.resolve("train.tsv"), rows(60, random));
    Files.writeString(folder.resolve("dev.tsv"), rows(60, random));
    Files.writeString(folder.resolve("test.tsv"), rows(60, random));
    Files.writeString(world.file("task.yaml"), world.task());
    Files.writeString(world.file("run.yaml"), world.experiment());
    return world;
  }

  /** A world that was made there before. */
  static TinyWorld in(Path folder) {
    return new TinyWorld(folder);
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  Path model() {
    return folder.resolve("model");
  }

  Path model(String file) {
    return model().resolve(file);
  }

  String task() {
    return "name: tiny\nlabel: label\ntrain: train.tsv\ndev: dev.tsv\ntest: test.tsv\n";
  }

  String experiment() {
    return """
    method: autoprompt
    model: model
    task: task.yaml
    template: "%s"
    verbalizer: {negative: [bad, awful], positive: [good, great]}
    budget: {steps: 3}
    autoprompt: {candidates: 4, gradient_examples: 8, evaluation_examples: 16}
    manual_prompts:
      - template: "{sentence} it was [P] ."
      - template: "{sentence} [P] !"
    """
        .formatted(TEMPLATE);
  }

  private static List<String> vocabulary() {
    List<String> vocabulary = new ArrayList<>(SPECIALS);
    vocabulary.addAll(NAMED);
    vocabulary.addAll(words());
    return vocabulary;
  }

  /** Made-up words such as "bamo". */
  private static List<String> words() {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < NAMELESS; i++) {
      words.add("" + "bdfgk".charAt(i % 5) + "aeiou".charAt(i / 5 % 5) + "lmnprt".charAt(i / 25));
    }
    return words;
  }

  /** Half of the rows have a word of the first half of the vocabulary, half one of the second. */
  private static String rows(int n, Random random) {
    List<String> words = words();
    List<String> rows = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      boolean positive = i % 2 == 0;
      List<String> sentence = new ArrayList<>();
      for (int w = 4 + random.nextInt(8); w > 0; w--) {
        int half = random.nextInt(NAMELESS / 2);
        sentence.add(words.get(positive ? half : half + NAMELESS / 2));
      }
      rows.add(String.join(" ", sentence) + "\t" + (positive ? "positive" : "negative"));
    }
    Collections.shuffle(rows, random);
    return "sentence\tlabel\n" + String.join("\n", rows) + "\n";
  }

  private static String config(int vocabulary) {
    return """
    {"architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": %d,
     "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
     "intermediate_size": 64, "hidden_act": "gelu", "max_position_embeddings": 48,
     "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0}
    """
        .formatted(vocabulary);
  }

  private static ObjectNode tokenizer(List<String> vocabulary) {
    ObjectNode json = Json.object();
    json.put("version", "1.0");
    ArrayNode added = json.putArray("added_tokens");
    for (String special : SPECIALS) {
      added
          .addObject()
          .put("id", vocabulary.indexOf(special))
          .put("content", special)
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    json.putObject("normalizer")
        .put("type", "BertNormalizer")
        .put("clean_text", true)
        .put("handle_chinese_chars", true)
        .put("lowercase", true);
    json.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
    ObjectNode processor = json.putObject("post_processor").put("type", "TemplateProcessing");
    for (String form : List.of("single", "pair")) {
      ArrayNode pieces = processor.putArray(form);
      for (String piece : Arrays.asList("[CLS]", null, "[SEP]")) {
        String kind = piece == null ? "Sequence" : "SpecialToken";
        pieces.addObject().putObject(kind).put("id", piece == null ? "A" : piece).put("type_id", 0);
      }
      if (form.equals("pair")) {
        pieces.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
      }
    }
    ObjectNode specials = processor.putObject("special_tokens");
    for (String special : List.of("[CLS]", "[SEP]")) {
      ObjectNode node = specials.putObject(special).put("id", special);
      node.putArray("ids").add(vocabulary.indexOf(special));
      node.putArray("tokens").add(special);
    }
    json.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
    ObjectNode model =
        json.putObject("model")
            .put("type", "WordPiece")
            .put("unk_token", "[UNK]")
            .put("continuing_subword_prefix", "##")
            .put("max_input_chars_per_word", 100);
    ObjectNode vocab = model.putObject("vocab");
    vocabulary.forEach(token -> vocab.put(token, vocab.size()));
    return json;
  }
}
