package io.promptgrad.benchmarks;

import ai.djl.Device;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.TrainableModel;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Folders with small models of random weights. */
final class TinyRoberta {

  static final int MASK = 4;
  static final LoadOptions OPTIONS = new LoadOptions(Device.cpu(), Precision.FLOAT32);

  private static final String CONFIG =
      """
      {
        "model_type": "roberta",
        "vocab_size": 300,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "hidden_act": "gelu",
        "max_position_embeddings": 70,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "pad_token_id": 1,
        "tie_word_embeddings": true
      }
      """;

  private TinyRoberta() {}

  /** Two layers, 300 tokens, no tokenizer. */
  static Path write(Path folder, long seed) throws IOException {
    Files.writeString(folder.resolve("config.json"), CONFIG);
    try (TrainableModel model = TrainableModel.create(folder, 0.3, seed, OPTIONS)) {
      model.saveWeights(folder.resolve("model.safetensors"), WeightType.F32);
    }
    return folder;
  }
}
