package io.promptgrad.models;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A small model that ships inside the jar. Weights are mapped from a file, so the model's folder is
 * unpacked once into the user's cache, under a name that carries the files' checksum.
 */
public enum BundledModel {
  /** A masked language model in RoBERTa's architecture, lower-cased English, 4.2 M weights. */
  MINI_ROBERTA("mini-roberta"),

  /** A causal language model in Llama's architecture, English with case, 4.3 M weights. */
  MINI_LLAMA("mini-llama");

  /** Prefix of a bundled model's name where a model is asked for. */
  public static final String PREFIX = "bundled:";

  private static final List<String> FILES =
      List.of(
          "config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "model.safetensors",
          "README.md");

  private final String id;

  BundledModel(String id) {
    this.id = id;
  }

  /** The name, as in {@code bundled:mini-roberta}. */
  public String id() {
    return id;
  }

  /** The model of that name, with or without {@link #PREFIX}. */
  public static Optional<BundledModel> named(String name) {
    String bare = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
    return Arrays.stream(values()).filter(model -> model.id.equals(bare)).findFirst();
  }

  /** The model's folder in the cache, unpacked if it is not there yet. */
  public Path folder() {
    return folder(cache());
  }

  /** The same in a cache of the caller's choice. */
  public Path folder(Path cache) {
    Path folder = cache.resolve(id + "-" + digest(FILES).substring(0, 12));
    if (FILES.stream().allMatch(file -> Files.isRegularFile(folder.resolve(file)))) {
      return folder;
    }
    try {
      delete(folder); // what a user or a cleaner has left of it
      Files.createDirectories(cache);
      Path fresh = Files.createTempDirectory(cache, id + ".part");
      for (String file : FILES) {
        try (InputStream in = resource(file)) {
          Files.copy(in, fresh.resolve(file));
        }
      }
      publish(fresh, folder);
      return folder;
    } catch (IOException e) {
      throw new InvalidInputException(
          "The bundled model %s cannot be unpacked into %s (%s); set PROMPTGRAD_CACHE to a folder that can be written."
              .formatted(id, cache, e),
          e);
    }
  }

  /** Gives the finished folder its name at once; another process may have been faster. */
  private static void publish(Path fresh, Path folder) throws IOException {
    try {
      Files.move(fresh, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException
        | DirectoryNotEmptyException
        | AtomicMoveNotSupportedException e) {
      if (!Files.isDirectory(folder)) {
        throw e;
      }
      delete(fresh);
    }
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /**
   * {@code PROMPTGRAD_CACHE}, else {@code XDG_CACHE_HOME/promptgrad}, else {@code
   * ~/.cache/promptgrad}.
   */
  public static Path cache() {
    String own = System.getenv("PROMPTGRAD_CACHE");
    if (own != null && !own.isBlank()) {
      return Path.of(own);
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path base =
        xdg != null && !xdg.isBlank()
            ? Path.of(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return base.resolve("promptgrad");
  }

  private InputStream resource(String file) throws IOException {
    InputStream in = BundledModel.class.getResourceAsStream(id + "/" + file);
    if (in == null) {
      throw new IOException("the jar lacks " + id + "/" + file);
    }
    return in;
  }

  /** SHA-256 of the weights, in hexadecimal. */
  public String checksum() {
    return digest(List.of("model.safetensors"));
  }

  private String digest(List<String> files) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[1 << 16];
      for (String file : files) {
        try (InputStream in = resource(file)) {
          for (int n = in.read(buffer); n > 0; n = in.read(buffer)) {
            digest.update(buffer, 0, n);
          }
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw new InvalidInputException(
          "The bundled model %s is missing: %s.".formatted(id, e.getMessage()), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
