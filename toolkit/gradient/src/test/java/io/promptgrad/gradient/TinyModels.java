package io.promptgrad.gradient;

import ai.djl.Device;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.TrainableModel;
import io.promptgrad.lm.weights.WeightType;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Models with two layers, random weights and a word-piece vocabulary of 60 words. */
public final class TinyModels {

  static final List<String> SPECIALS = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");
  static final List<String> WORDS =
      List.of(
          "the", "a", "film", "book", "was", "is", "not", "very", "good", "bad", "great", "awful",
          "fine", "poor", "dull", "bright", "it", "and", "but", "plot", "cast", "ending", "i", "we",
          "liked", "hated", "this", "that", ".", ",", "!", "so", "too", "never", "again", "Paris",
          "London", "Film", "##s", "##ing", "##ed", "x", "yes", "no", "maybe", "one", "two",
          "three", "red", "green", "blue", "up", "down", "left");

  private static final int VOCABULARY = SPECIALS.size() + WORDS.size();
  private static final LoadOptions OPTIONS = new LoadOptions(Device.cpu(), Precision.FLOAT32);

  private TinyModels() {}

  public static LanguageModel masked(Path folder) {
    return model(
        folder,
        """
        {"model_type": "bert", "vocab_size": %d, "hidden_size": 16, "num_hidden_layers": 2,
         "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 32,
         "type_vocab_size": 2, "pad_token_id": 0}
        """);
  }

  /** A masked model whose vocabulary does not say where words begin: every entry is a word. */
  public static LanguageModel wordLevel(Path folder) {
    masked(folder).close();
    ObjectNode json = tokenizer();
    ObjectNode words = (ObjectNode) json.path("model");
    words.put("type", "WordLevel");
    words.remove(List.of("continuing_subword_prefix", "max_input_chars_per_word"));
    json.putObject("pre_tokenizer").put("type", "Whitespace");
    json.putNull("decoder");
    try {
      Files.writeString(folder.resolve("tokenizer.json"), Json.pretty(json));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return LanguageModel.load(folder, OPTIONS);
  }

  /** {@link #masked} with a weight that is not a number. */
  public static LanguageModel broken(Path folder) {
    masked(folder).close();
    String name = "bert.encoder.layer.0.output.dense.bias";
    try (TrainableModel model = TrainableModel.load(folder, OPTIONS)) {
      float[] values = model.weight(name);
      values[3] = Float.NaN;
      model.setWeight(name, values);
      model.saveWeights(folder.resolve("model.safetensors"), WeightType.F32);
    }
    return LanguageModel.load(folder, OPTIONS);
  }

  public static LanguageModel causal(Path folder) {
    return model(
        folder,
        """
        {"model_type": "gpt2", "vocab_size": %d, "n_embd": 16, "n_layer": 2, "n_head": 2,
         "n_positions": 32}
        """);
  }

  /** An encoder-decoder; its vocabulary ends with T5's first sentinel. */
  public static LanguageModel textToText(Path folder) {
    ObjectNode json = tokenizer();
    addSpecial((ArrayNode) json.path("added_tokens"), VOCABULARY, "<extra_id_0>");
    return model(
        folder,
        """
        {"model_type": "t5", "vocab_size": %d, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2,
         "num_layers": 2, "relative_attention_num_buckets": 8, "n_positions": 32,
         "relative_attention_max_distance": 16, "pad_token_id": 0, "decoder_start_token_id": 0}
        """,
        json,
        VOCABULARY + 1);
  }

  private static LanguageModel model(Path folder, String config) {
    return model(folder, config, tokenizer(), VOCABULARY);
  }

  private static LanguageModel model(
      Path folder, String config, ObjectNode tokenizer, int vocabulary) {
    try {
      Files.createDirectories(folder);
      Files.writeString(folder.resolve("config.json"), config.formatted(vocabulary));
      Files.writeString(folder.resolve("tokenizer.json"), Json.pretty(tokenizer));
      try (TrainableModel random = TrainableModel.create(folder, 0.4, 5, OPTIONS)) {
        random.saveWeights(folder.resolve("model.safetensors"), WeightType.F32);
      }
      return LanguageModel.load(folder, OPTIONS);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void addSpecial(ArrayNode added, int id, String content) {
    added
        .addObject()
        .put("id", id)
        .put("content", content)
        .put("single_word", false)
        .put("lstrip", false)
        .put("rstrip", false)
        .put("normalized", false)
        .put("special", true);
  }

  private static ObjectNode tokenizer() {
    ObjectNode json = Json.object();
    json.put("version", "1.0");
    json.putNull("truncation");
    json.putNull("padding");
    ArrayNode added = json.putArray("added_tokens");
    for (int i = 0; i < SPECIALS.size(); i++) {
      addSpecial(added, i, SPECIALS.get(i));
    }
    json.putNull("normalizer");
    json.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
    ObjectNode post = json.putObject("post_processor");
    post.put("type", "BertProcessing");
    post.putArray("sep").add("[SEP]").add(3);
    post.putArray("cls").add("[CLS]").add(2);
    json.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
    ObjectNode model = json.putObject("model");
    model
        .put("type", "WordPiece")
        .put("unk_token", "[UNK]")
        .put("continuing_subword_prefix", "##")
        .put("max_input_chars_per_word", 100);
    ObjectNode vocab = model.putObject("vocab");
    int id = 0;
    for (String word : SPECIALS) {
      vocab.put(word, id++);
    }
    for (String word : WORDS) {
      vocab.put(word, id++);
    }
    return json;
  }

  /** Sentences of 2 to 9 words whose label is whether a praising word occurs. */
  public static Task task(int train, int dev, int test) {
    Random random = new Random(11);
    return new Task(
        "toy",
        split("train", train, random),
        split("dev", dev, random),
        split("test", test, random));
  }

  private static List<Example> split(String name, int n, Random random) {
    List<String> praise = List.of("good", "great", "fine", "liked", "bright");
    List<String> blame = List.of("bad", "awful", "poor", "hated", "dull");
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      boolean good = i % 2 == 0;
      List<String> words = new ArrayList<>();
      int length = 1 + random.nextInt(8);
      for (int w = 0; w < length; w++) {
        words.add(List.of("the", "film", "was", "very", "it", "plot").get(random.nextInt(6)));
      }
      words.add(random.nextInt(length + 1), (good ? praise : blame).get(random.nextInt(5)));
      examples.add(
          new Example(
              name + ":" + (i + 1),
              Map.of("sentence", String.join(" ", words)),
              good ? "positive" : "negative"));
    }
    return examples;
  }
}
