package io.promptgrad.lm.weights;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The weights of a model: one safetensors file, or several with an index.
 *
 * <p>Opening checks every header and maps nothing; {@link #find} and {@link #get} map one tensor
 * per call. Maps need no closing: they last as long as a buffer of them is reachable (see {@link
 * TensorView}). Safe for use by several threads.
 *
 * <p>Names: checkpoints from the time of TensorFlow call the parameters of a layer norm {@code
 * gamma} and {@code beta}. Such a tensor goes by its modern name here, {@code weight} or {@code
 * bias} ({@link #names()} lists that one), and is found by its old name too.
 */
public final class Checkpoint {

  /** The customary name of weights in one file. */
  public static final String SINGLE = "model.safetensors";

  /** The customary name of the index of weights in several files. */
  public static final String INDEX = "model.safetensors.index.json";

  /** How to turn a pickled checkpoint into one that can be read; ends a sentence. */
  public static final String HOW_TO_CONVERT = ForeignFormat.CONVERT;

  /** A tensor's file and its name there. */
  private record Place(SafetensorsFile file, String storedName) {}

  private final Path path;
  private final Map<String, Place> places; // by modern name, sorted
  private final Map<String, Place> byOldName = new LinkedHashMap<>();

  private Checkpoint(Path path, Map<String, Place> stored) {
    this.path = path;
    this.places = new TreeMap<>();
    stored.forEach(
        (name, place) -> {
          String modern = modernName(name);
          if (modern.equals(name) || stored.containsKey(modern)) {
            places.put(name, place);
          } else {
            places.put(modern, place);
            byOldName.put(name, place);
          }
        });
  }

  /**
   * Opens the weights in a model directory ({@code model.safetensors}, else the shards listed in
   * {@code model.safetensors.index.json}), or one given {@code .safetensors} file.
   *
   * @throws InvalidInputException if there are none, if there are only pickles, or if a file is
   *     missing, corrupt or refers to something outside the directory
   */
  public static Checkpoint open(Path path) {
    if (!Files.exists(path)) {
      throw new InvalidInputException(
          "There is no file or directory " + path + "; check the path of the model.");
    }
    if (!Files.isDirectory(path)) {
      if (path.getFileName().toString().endsWith(".index.json")) {
        return sharded(path, path.toAbsolutePath().getParent());
      }
      return single(path);
    }
    if (Files.exists(path.resolve(SINGLE))) {
      return single(path.resolve(SINGLE));
    }
    if (Files.exists(path.resolve(INDEX))) {
      return sharded(path.resolve(INDEX), path);
    }
    throw nothingIn(path);
  }

  /**
   * The files that an index names, which lie in its folder.
   *
   * @throws InvalidInputException if it is not an index, or names a file outside its folder
   */
  public static Set<String> shards(Path index) {
    return new TreeSet<>(ShardIndex.read(index, index.toAbsolutePath().getParent()).values());
  }

  /** Whether a file name is one that pickled weights, or their index, go by. */
  public static boolean isPickle(String fileName) {
    return fileName
        .toLowerCase(Locale.ROOT)
        .matches("pytorch_model.*\\.bin(\\.index\\.json)?|.*\\.(pt|pth|ckpt|pkl)");
  }

  /** The file or index that was opened. */
  public Path path() {
    return path;
  }

  /** All tensors, each once, under its modern name, sorted. */
  public Set<String> names() {
    return Collections.unmodifiableSet(places.keySet());
  }

  /**
   * Reads the bytes of a tensor into a buffer, from its position on.
   *
   * @throws InvalidInputException if there is none of that name or its file can no longer be read
   * @throws java.nio.BufferOverflowException if the buffer has less room than the tensor
   */
  public void read(String name, ByteBuffer into) {
    Place place = places.getOrDefault(name, byOldName.get(name));
    if (place == null) {
      throw Missing.tensor(path, name, names());
    }
    place.file().read(place.storedName(), into);
  }

  /** The tensor of that name (modern, or old as stored), carrying the name asked for. */
  public Optional<TensorView> find(String name) {
    Place place = places.getOrDefault(name, byOldName.get(name));
    if (place == null) {
      return Optional.empty();
    }
    TensorView view = place.file.get(place.storedName);
    return Optional.of(
        name.equals(place.storedName)
            ? view
            : new TensorView(name, view.type(), view.shape(), view.bytes()));
  }

  /**
   * The tensor of that name, which must be there.
   *
   * @throws InvalidInputException if it is not
   */
  public TensorView get(String name) {
    return find(name).orElseThrow(() -> Missing.tensor(path, name, names()));
  }

  private static Checkpoint single(Path path) {
    SafetensorsFile file = SafetensorsFile.open(path);
    Map<String, Place> stored = new LinkedHashMap<>();
    file.names().forEach(name -> stored.put(name, new Place(file, name)));
    return new Checkpoint(path, stored);
  }

  private static Checkpoint sharded(Path index, Path directory) {
    Map<String, SafetensorsFile> shards = new LinkedHashMap<>();
    Map<String, Place> stored = new LinkedHashMap<>();
    ShardIndex.read(index, directory)
        .forEach(
            (name, shard) -> {
              SafetensorsFile file =
                  shards.computeIfAbsent(shard, s -> openShard(index, directory.resolve(s)));
              if (!file.names().contains(name)) {
                throw new InvalidInputException(
                    "%s says that tensor %s is in %s, which does not hold it; download both again."
                        .formatted(index, name, shard));
              }
              stored.put(name, new Place(file, name));
            });
    return new Checkpoint(index, stored);
  }

  private static SafetensorsFile openShard(Path index, Path shard) {
    if (!Files.exists(shard)) {
      throw new InvalidInputException(
          "%s lists the file %s, which is missing; download it into the same directory."
              .formatted(index, shard.getFileName()));
    }
    return SafetensorsFile.open(shard);
  }

  private static InvalidInputException nothingIn(Path directory) {
    List<String> pickles = new ArrayList<>();
    List<String> safetensors = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        if (isPickle(name)) {
          pickles.add(file.getFileName().toString());
        } else if (name.endsWith(".safetensors")) {
          safetensors.add(file.getFileName().toString());
        }
      }
    } catch (IOException e) {
      return new InvalidInputException(
          directory + " cannot be listed (" + e + "); check its permissions.", e);
    }
    String looked = "neither " + SINGLE + " nor " + INDEX;
    if (!safetensors.isEmpty()) {
      return new InvalidInputException(
          "%s has %s but %s; name one of these files instead of the directory."
              .formatted(directory, looked, few(safetensors)));
    }
    if (!pickles.isEmpty()) {
      return new InvalidInputException(
          ("%s has %s, only pickled weights (%s), which can run code and are never loaded; %s.")
              .formatted(directory, looked, few(pickles), ForeignFormat.CONVERT));
    }
    return new InvalidInputException(
        "%s has %s; name a directory with the weights of a model.".formatted(directory, looked));
  }

  private static String few(List<String> names) {
    String listed = names.stream().limit(3).collect(Collectors.joining(", "));
    return names.size() > 3 ? listed + ", ..." : listed;
  }

  private static String modernName(String name) {
    int last = name.lastIndexOf('.') + 1;
    return switch (name.substring(last)) {
      case "gamma" -> name.substring(0, last) + "weight";
      case "beta" -> name.substring(0, last) + "bias";
      default -> name;
    };
  }
}
