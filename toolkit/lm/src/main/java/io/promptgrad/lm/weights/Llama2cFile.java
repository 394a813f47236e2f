package io.promptgrad.lm.weights;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A model of Karpathy's llama2.c in its first file format ("legacy", version 0), seen as a Llama
 * checkpoint of Hugging Face.
 *
 * <p>The file is seven 32-bit integers (width, width of the feed-forward layer, layers, heads,
 * heads of keys and values, vocabulary, positions; a negative vocabulary means that the output has
 * weights of its own), then float32 tensors, little-endian, each kind for all layers together, then
 * tables of the rotary positions, which are computed here and not read. Its rotary positions turn
 * neighbouring pairs (2i, 2i+1) of a head's queries and keys, those of Hugging Face turn the pairs
 * (i, i + half), so the rows of both projections are put in that order.
 */
public final class Llama2cFile {

  private static final int HEADER_BYTES = 28;
  private static final int VERSIONED = 0x616b3432; // "ak42", with which later versions begin

  /** Where a tensor's floats are; headRows is the number of rows of a head to reorder, or 0. */
  private record Place(long offset, long[] shape, int headRows) {}

  private final Path path;
  private final int[] header;
  private final Map<String, Place> places = new LinkedHashMap<>();
  private long end = HEADER_BYTES;

  private Llama2cFile(Path path, int[] header) {
    this.path = path;
    this.header = header;
    int width = header[0];
    int inner = header[1];
    int layers = header[2];
    int head = width / header[3];
    int keys = header[4] * head;
    int vocabulary = Math.abs(header[5]);
    add("model.embed_tokens.weight", 0, vocabulary, width);
    addLayers("input_layernorm", layers, 0, width);
    addLayers("self_attn.q_proj", layers, head, width, width);
    addLayers("self_attn.k_proj", layers, head, keys, width);
    addLayers("self_attn.v_proj", layers, 0, keys, width);
    addLayers("self_attn.o_proj", layers, 0, width, width);
    addLayers("post_attention_layernorm", layers, 0, width);
    addLayers("mlp.gate_proj", layers, 0, inner, width);
    addLayers("mlp.down_proj", layers, 0, width, inner);
    addLayers("mlp.up_proj", layers, 0, inner, width);
    add("model.norm.weight", 0, width);
    end += 4L * header[6] * head; // sines and cosines of the positions
    if (!tied()) {
      add("lm_head.weight", 0, vocabulary, width);
    }
  }

  private void addLayers(String name, int layers, int headRows, long... shape) {
    for (int layer = 0; layer < layers; layer++) {
      add("model.layers." + layer + "." + name + ".weight", headRows, shape);
    }
  }

  private void add(String name, int headRows, long... shape) {
    places.put(name, new Place(end, shape, headRows));
    end += 4 * TensorView.elements(shape);
  }

  /**
   * Reads the header and checks that the file has the size that it asks for.
   *
   * @throws InvalidInputException if it is something else, a pickle for instance
   */
  public static Llama2cFile open(Path path) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      ByteBuffer start = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      while (start.hasRemaining() && channel.read(start) >= 0) {
        continue;
      }
      int read = start.flip().limit();
      int[] header = new int[7];
      if (read == HEADER_BYTES) {
        start.asIntBuffer().get(header);
      }
      if (isSane(header)) {
        Llama2cFile file = new Llama2cFile(path, header);
        if (file.end == channel.size()) {
          return file;
        }
      }
      if (header[0] == VERSIONED) {
        throw new InvalidInputException(
            "%s is a llama2.c file of a later version; export it again with --version 0 (float32)."
                .formatted(path));
      }
      byte[] bytes = new byte[read];
      start.get(bytes);
      ForeignFormat.refuseIfKnown(path, bytes);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read (%s); check the file and its permissions.".formatted(path, e), e);
    }
    throw new InvalidInputException(
        "%s is neither a safetensors file nor a whole llama2.c file of version 0; name a model folder, a .safetensors file or such a file."
            .formatted(path));
  }

  /** Bounds keep the arithmetic of sizes within a long. */
  private static boolean isSane(int[] header) {
    int[] bounds = {1 << 20, 1 << 22, 1 << 12, 1 << 12, 1 << 12, 1 << 24, 1 << 24};
    for (int i = 0; i < header.length; i++) {
      int value = i == 5 ? Math.abs(header[i]) : header[i];
      if (value <= 0 || value > bounds[i]) {
        return false;
      }
    }
    return header[0] % header[3] == 0
        && header[3] % header[4] == 0
        && header[0] / header[3] % 2 == 0;
  }

  private boolean tied() {
    return header[5] > 0;
  }

  /** The {@code config.json} of this model; what the file does not say is llama2.c's own. */
  public ObjectNode config() {
    ObjectNode config = Json.object();
    config.putArray("architectures").add("LlamaForCausalLM");
    return config
        .put("model_type", "llama")
        .put("vocab_size", Math.abs(header[5]))
        .put("hidden_size", header[0])
        .put("intermediate_size", header[1])
        .put("num_hidden_layers", header[2])
        .put("num_attention_heads", header[3])
        .put("num_key_value_heads", header[4])
        .put("max_position_embeddings", header[6])
        .put("hidden_act", "silu")
        .put("rms_norm_eps", 1e-5)
        .put("rope_theta", 10000.0)
        .put("tie_word_embeddings", tied())
        .put("bos_token_id", 1)
        .put("eos_token_id", 2)
        .put("attention_bias", false)
        .put("mlp_bias", false)
        .put("torch_dtype", "float32");
  }

  /** The tensors' names, as Hugging Face has them. */
  public Set<String> names() {
    return Collections.unmodifiableSet(places.keySet());
  }

  /** The shape of one of the {@link #names}. */
  public long[] shape(String name) {
    return places.get(name).shape().clone();
  }

  /** Reads one of the {@link #names}, as Hugging Face has it, float32. */
  public TensorView get(String name) {
    Place place = places.get(name);
    long bytes = 4 * TensorView.elements(place.shape);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      if (bytes > Integer.MAX_VALUE || channel.size() < place.offset + bytes) {
        throw new InvalidInputException(
            "%s: tensor %s cannot be read, since the file became shorter or the tensor exceeds 2 GiB; check the file."
                .formatted(path, name));
      }
      ByteBuffer mapped = channel.map(MapMode.READ_ONLY, place.offset, bytes);
      ByteBuffer ours = place.headRows == 0 ? mapped : halved(mapped, place);
      return new TensorView(name, WeightType.F32, place.shape, ours);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read (%s); check the file and its permissions.".formatted(path, e), e);
    }
  }

  /** Row 2i of a head becomes row i, row 2i+1 becomes row half + i. */
  private static ByteBuffer halved(ByteBuffer source, Place place) {
    int rowBytes = Math.toIntExact(4 * place.shape[1]);
    int half = place.headRows / 2;
    ByteBuffer target = ByteBuffer.allocate(source.remaining());
    for (int row = 0; row < place.shape[0]; row++) {
      int first = row / place.headRows * place.headRows;
      int i = row - first;
      int from = first + (i < half ? 2 * i : 2 * (i - half) + 1);
      target.put(source.slice(from * rowBytes, rowBytes));
    }
    return target.flip();
  }
}
