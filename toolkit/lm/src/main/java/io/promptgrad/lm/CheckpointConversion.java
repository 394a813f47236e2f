package io.promptgrad.lm;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.tokenizer.Llama2cTokenizer;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.lm.weights.Llama2cFile;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Writes a model folder from a checkpoint in another layout.
 *
 * <p>The source is a model folder, a {@code .safetensors} file (or an index of several) with {@code
 * config.json} beside it, or a llama2.c file of version 0. The result has every tensor that the
 * architecture asks for, under its full name, and no other: prefixes of the base model that were
 * left out are put back, the old names gamma and beta become weight and bias, buffers, poolers and
 * copies of tied weights are left out. Tensors are written one after the other; the largest one
 * must fit into memory, not the model. A pickle is never read.
 */
public final class CheckpointConversion {

  private static final List<String> BESIDE =
      List.of(
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "vocab.txt",
          "chat_template.jinja",
          "chat_template.json");

  private final Path source;
  private Optional<WeightType> type = Optional.empty();
  private long shardBytes = Long.MAX_VALUE;
  private Optional<Path> tokenizer = Optional.empty();

  /**
   * What was written.
   *
   * @param folder the model folder
   * @param files its files
   * @param parameters number of weights
   * @param bytes size of the files with weights
   * @param leftOut tensors of the source that belong to no forward pass
   */
  public record Result(
      Path folder, List<String> files, long parameters, long bytes, List<String> leftOut) {

    /** Copies the lists. */
    public Result {
      files = List.copyOf(files);
      leftOut = List.copyOf(leftOut);
    }
  }

  /** A tensor that is read when it is written. */
  private record Source(WeightType type, long[] shape, Supplier<TensorView> values) {

    long bytes(WeightType as) {
      long elements = 1;
      for (long dimension : shape) {
        elements *= dimension;
      }
      return elements * as.bytes();
    }
  }

  private CheckpointConversion(Path source) {
    this.source = source;
  }

  /** Names the source. */
  public static CheckpointConversion of(Path source) {
    return new CheckpointConversion(source);
  }

  /** Stores all weights in this type; by default each stays what it is. */
  public CheckpointConversion type(WeightType stored) {
    if (!stored.isFloatingPoint()) {
      throw new IllegalArgumentException("Weights are floating point numbers, not " + stored);
    }
    type = Optional.of(stored);
    return this;
  }

  /** Splits the weights into files of at most this size; a larger tensor has a file of its own. */
  public CheckpointConversion shards(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("A file cannot have " + bytes + " bytes.");
    }
    shardBytes = bytes;
    return this;
  }

  /** Names the tokenizer of a llama2.c model; by default {@code tokenizer.bin} beside it. */
  public CheckpointConversion tokenizer(Path file) {
    tokenizer = Optional.of(file);
    return this;
  }

  /**
   * Writes the folder, which gets its name when it is complete.
   *
   * @param target a folder that does not exist yet or is empty
   * @throws InvalidInputException if the source cannot be used or the folder cannot be written
   */
  public Result to(Path target) {
    requireEmpty(target);
    if (!Files.exists(source)) {
      throw new InvalidInputException(
          "There is no file or folder %s to convert; check the path.".formatted(source));
    }
    Path fresh = target.toAbsolutePath().resolveSibling("." + target.getFileName() + ".part");
    try {
      delete(fresh);
      Files.createDirectories(fresh);
      Result result = isLlama2c() ? fromLlama2c(fresh) : fromSafetensors(fresh);
      Architecture architecture = Architecture.read(fresh);
      Files.deleteIfExists(target); // empty
      Files.move(fresh, target);
      Weights.find(architecture, Checkpoint.open(target)); // as loading it would
      return new Result(target, result.files, result.parameters, result.bytes, result.leftOut);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be written (%s); check permissions and free space.".formatted(target, e), e);
    } finally {
      deleteQuietly(fresh);
    }
  }

  private boolean isLlama2c() {
    String name = source.getFileName().toString();
    return Files.isRegularFile(source)
        && !name.endsWith(".safetensors")
        && !name.endsWith(".index.json");
  }

  // ------------------------------------------------------------------ from safetensors

  private Result fromSafetensors(Path fresh) throws IOException {
    Path folder = Files.isDirectory(source) ? source : source.toAbsolutePath().getParent();
    if (tokenizer.isPresent()) {
      throw new InvalidInputException(
          "A tokenizer is named for a llama2.c file only; that of %s lies beside it."
              .formatted(source));
    }
    Checkpoint checkpoint = Checkpoint.open(source);
    Weights weights = Weights.find(Architecture.read(folder), checkpoint);
    Map<String, Source> sources = new LinkedHashMap<>();
    TreeSet<String> leftOut = new TreeSet<>(checkpoint.names());
    weights
        .tensors()
        .forEach(
            (name, tensor) -> {
              leftOut.remove(tensor.name());
              sources.put(name, new Source(tensor.type(), tensor.shape(), () -> tensor));
            });
    copyConfig(folder, fresh);
    for (String name : BESIDE) {
      if (Files.exists(folder.resolve(name))) {
        Files.copy(folder.resolve(name), fresh.resolve(name));
      }
    }
    return write(fresh, sources, List.copyOf(leftOut));
  }

  private void copyConfig(Path folder, Path fresh) throws IOException {
    Path from = folder.resolve("config.json");
    Path to = fresh.resolve("config.json");
    if (type.isEmpty()) {
      Files.copy(from, to);
      return;
    }
    ObjectNode config = (ObjectNode) Json.parse(Files.readString(from));
    config.put(config.has("dtype") ? "dtype" : "torch_dtype", dtype(type.get()));
    AtomicFiles.write(to, Json.pretty(config));
  }

  // ------------------------------------------------------------------ from llama2.c

  private Result fromLlama2c(Path fresh) throws IOException {
    Llama2cFile file = Llama2cFile.open(source);
    ObjectNode config = file.config();
    type.ifPresent(stored -> config.put("torch_dtype", dtype(stored)));
    AtomicFiles.write(fresh.resolve("config.json"), Json.pretty(config));
    // The models of llama2.c begin each text with token 1 and take it for the end as well.
    ObjectNode generation = Json.object().put("bos_token_id", 1).put("do_sample", false);
    generation.putArray("eos_token_id").add(1).add(2);
    AtomicFiles.write(fresh.resolve("generation_config.json"), Json.pretty(generation));
    Path beside = source.resolveSibling("tokenizer.bin");
    Optional<Path> pieces = tokenizer.or(() -> Optional.of(beside).filter(Files::isRegularFile));
    if (pieces.isPresent()) {
      int vocabulary = config.path("vocab_size").asInt();
      AtomicFiles.write(
          fresh.resolve("tokenizer.json"),
          Json.pretty(Llama2cTokenizer.toTokenizerJson(pieces.get(), vocabulary)));
      ObjectNode settings =
          Json.object()
              .put("tokenizer_class", "LlamaTokenizerFast")
              .put("bos_token", "<s>")
              .put("eos_token", "</s>")
              .put("unk_token", "<unk>");
      AtomicFiles.write(fresh.resolve("tokenizer_config.json"), Json.pretty(settings));
    }
    Map<String, Source> sources = new LinkedHashMap<>();
    for (String name : file.names()) {
      sources.put(name, new Source(WeightType.F32, file.shape(name), () -> file.get(name)));
    }
    return write(fresh, sources, List.of());
  }

  // ------------------------------------------------------------------ writing

  private Result write(Path fresh, Map<String, Source> sources, List<String> leftOut)
      throws IOException {
    List<List<String>> shards = cut(sources);
    Map<String, String> fileOf = new LinkedHashMap<>();
    long parameters = 0;
    long bytes = 0;
    for (int i = 0; i < shards.size(); i++) {
      String file =
          shards.size() == 1
              ? Checkpoint.SINGLE
              : "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
      SafetensorsWriter writer = new SafetensorsWriter();
      for (String name : shards.get(i)) {
        Source tensor = sources.get(name);
        WeightType stored = type.orElse(tensor.type);
        writer.add(name, stored, tensor.shape, tensor.values);
        fileOf.put(name, file);
        parameters += tensor.bytes(stored) / stored.bytes();
        bytes += tensor.bytes(stored);
      }
      writer.write(fresh.resolve(file));
    }
    if (shards.size() > 1) {
      ObjectNode index = Json.object();
      index.putObject("metadata").put("total_size", bytes);
      ObjectNode map = index.putObject("weight_map");
      fileOf.forEach(map::put);
      AtomicFiles.write(fresh.resolve(Checkpoint.INDEX), Json.pretty(index));
    }
    try (Stream<Path> files = Files.list(fresh)) {
      List<String> names = files.map(file -> file.getFileName().toString()).sorted().toList();
      return new Result(fresh, names, parameters, bytes, leftOut);
    }
  }

  /** Names in the order of the model, as many to a file as fit. */
  private List<List<String>> cut(Map<String, Source> sources) {
    List<List<String>> shards = new ArrayList<>();
    long room = 0;
    for (Map.Entry<String, Source> entry : sources.entrySet()) {
      long bytes = entry.getValue().bytes(type.orElse(entry.getValue().type));
      if (shards.isEmpty() || bytes > room) {
        shards.add(new ArrayList<>());
        room = shardBytes;
      }
      shards.get(shards.size() - 1).add(entry.getKey());
      room -= bytes;
    }
    return shards;
  }

  private static String dtype(WeightType type) {
    return switch (type) {
      case F64 -> "float64";
      case F16 -> "float16";
      case BF16 -> "bfloat16";
      default -> "float32";
    };
  }

  private static void requireEmpty(Path target) {
    if (!Files.exists(target)) {
      return;
    }
    boolean empty = false;
    if (Files.isDirectory(target)) {
      try (Stream<Path> content = Files.list(target)) {
        empty = content.findAny().isEmpty();
      } catch (IOException e) {
        throw new InvalidInputException(
            "%s cannot be listed (%s); choose another folder.".formatted(target, e), e);
      }
    }
    if (!empty) {
      throw new InvalidInputException(
          "%s exists and is not an empty folder; choose another.".formatted(target));
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.isDirectory(folder)) { // it is flat
      try (Stream<Path> content = Files.list(folder)) {
        for (Path file : content.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }

  private static void deleteQuietly(Path folder) {
    try {
      delete(folder);
    } catch (IOException e) {
      return; // the next conversion to the same place deletes it
    }
  }
}
