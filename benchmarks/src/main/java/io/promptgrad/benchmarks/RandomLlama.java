package io.promptgrad.benchmarks;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.arch.WeightMap;
import io.promptgrad.lm.weights.HalfPrecision;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.WeightType;
import io.promptgrad.search.RandomSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/**
 * Checkpoints of random weights in Llama's shapes: how fast a model is does not depend on what it
 * has learnt. Matrices are cut, each from another place, out of one block of normal numbers, so
 * that seven billion weights need no seven billion draws; norms are 1.
 */
enum RandomLlama {
  /** For tests. */
  TINY("tiny", 320, 64, 2, 4, 2, 128, true),
  /** About the weights of GPT-2 small. */
  SMALL("0.1b", 32000, 768, 12, 12, 12, 2048, true),
  /** 2.5 GB in float32. */
  LOADED_FLOAT32("0.6b", 32000, 1536, 19, 12, 12, 4096, false),
  /** 2.5 GB in bfloat16. */
  LOADED_BFLOAT16("1.3b", 32000, 2048, 26, 32, 4, 5632, false),
  /** The shape of TinyLlama, 1.1 billion weights. */
  MEDIUM("1b", 32000, 2048, 22, 32, 4, 5632, false),
  /** The shape of Llama 2 7B, 6.7 billion weights. */
  LARGE("7b", 32000, 4096, 32, 32, 32, 11008, false);

  private static final int CONTEXT = 2048;
  private static final float DEVIATION = 0.02f;

  final String title;
  private final int vocabulary;
  private final int hidden;
  private final int layers;
  private final int heads;
  private final int keyValueHeads;
  private final int width;
  private final boolean tied;

  RandomLlama(
      String title,
      int vocabulary,
      int hidden,
      int layers,
      int heads,
      int keyValueHeads,
      int width,
      boolean tied) {
    this.title = title;
    this.vocabulary = vocabulary;
    this.hidden = hidden;
    this.layers = layers;
    this.heads = heads;
    this.keyValueHeads = keyValueHeads;
    this.width = width;
    this.tied = tied;
  }

  /** The size of that name. */
  static RandomLlama named(String name) {
    for (RandomLlama size : values()) {
      if (size.title.equals(name.toLowerCase(Locale.ROOT))) {
        return size;
      }
    }
    throw new InvalidInputException(
        "There is no size '%s'; take %s, several with commas."
            .formatted(
                name, Arrays.stream(values()).map(s -> s.title).collect(Collectors.joining(", "))));
  }

  /** Writes {@code config.json} and {@code model.safetensors} in bfloat16 into an empty folder. */
  void write(Path folder, long seed) {
    write(folder, WeightType.BF16, seed);
  }

  /** The same in bfloat16 or float32. */
  void write(Path folder, WeightType type, long seed) {
    try {
      Files.writeString(folder.resolve("config.json"), config());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    WeightMap weights = Architecture.read(folder).weights();
    int largest = 0;
    for (WeightMap.Slot slot : weights.slots()) {
      largest = Math.max(largest, elements(slot.shape()));
    }
    int places = 4096; // where a matrix may begin in the block
    RandomGenerator values = new RandomSource(seed).stream("weights", 0);
    ByteBuffer block =
        numbers(type, largest + places, () -> DEVIATION * (float) values.nextGaussian());
    RandomGenerator place = new RandomSource(seed).stream("places", 0);
    SafetensorsWriter writer = new SafetensorsWriter();
    Set<String> written = new HashSet<>();
    for (WeightMap.Slot slot : weights.slots()) {
      if (!written.add(slot.name())) {
        continue; // several weights may come from one tensor
      }
      int elements = elements(slot.shape());
      ByteBuffer tensor =
          slot.shape().length == 1
              ? numbers(type, elements, () -> 1)
              : block.slice(type.bytes() * place.nextInt(places), type.bytes() * elements);
      writer.add(slot.name(), type, slot.shape(), tensor);
    }
    writer.write(folder.resolve("model.safetensors"));
  }

  private String config() {
    return """
    {"model_type": "llama", "vocab_size": %d, "hidden_size": %d, "num_hidden_layers": %d,
     "num_attention_heads": %d, "num_key_value_heads": %d, "intermediate_size": %d,
     "hidden_act": "silu", "max_position_embeddings": %d, "rms_norm_eps": 1e-5,
     "tie_word_embeddings": %b}
    """
        .formatted(vocabulary, hidden, layers, heads, keyValueHeads, width, CONTEXT, tied);
  }

  private static int elements(long[] shape) {
    long product = 1;
    for (long dimension : shape) {
      product = Math.multiplyExact(product, dimension);
    }
    return Math.toIntExact(product);
  }

  private interface FloatSource {
    float next();
  }

  private static ByteBuffer numbers(WeightType type, int elements, FloatSource source) {
    ByteBuffer numbers =
        ByteBuffer.allocateDirect(type.bytes() * elements).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < elements; i++) {
      if (type == WeightType.F32) {
        numbers.putFloat(source.next());
      } else {
        numbers.putShort(HalfPrecision.floatToBfloat16(source.next()));
      }
    }
    return numbers.flip();
  }

  /**
   * Floating-point operations of one forward pass over a sequence: two for each weight and token,
   * and four for each pair of query and key and each element of a head (also of pairs that the
   * causal mask hides: they are computed).
   *
   * @param outputs logits that the head computes
   */
  double forwardOperations(int length, long outputs) {
    double attention = 2.0 * hidden * hidden + 2.0 * hidden * keyValueHeads * hidden / heads;
    double weights = layers * (attention + 3.0 * hidden * width);
    return length * (2 * weights + pairs(length)) + 2.0 * outputs * hidden;
  }

  /**
   * Of forward and backward, with one loss over the whole vocabulary: the gradient stops at the
   * word vectors, so each product with a weight is done once more, and each of the two products of
   * attention twice more.
   */
  double gradientOperations(int length) {
    return 2 * forwardOperations(length, vocabulary) + length * pairs(length);
  }

  private double pairs(int length) {
    return 4.0 * layers * length * hidden;
  }

  /** Number of weights. */
  long parameters() {
    long h = hidden;
    long layer = 2 * h * h + 2 * h * keyValueHeads * (h / heads) + 3 * h * width + 2 * h;
    return layers * layer + h + (tied ? 1 : 2) * h * vocabulary;
  }

  /** Size of the vocabulary. */
  int vocabulary() {
    return vocabulary;
  }
}
