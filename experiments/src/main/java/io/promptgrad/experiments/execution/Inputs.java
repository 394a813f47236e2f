package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a run computes from, by content: SHA-256 hashes of the examples of each split, as they were
 * read, and of the model's files. The configuration has their paths only, and what stands there may
 * be another by the time a run goes on.
 *
 * <p>Weights are too large to read whole each time: of a safetensors file the size, the header and
 * some blocks of the tensors are hashed, so that weights trained further are noticed and a single
 * changed number may not be.
 */
final class Inputs {

  private static final int BLOCKS = 64;
  private static final int BLOCK_BYTES = 4096;

  private Inputs() {}

  /** Returns a hash for each split and for each file of the model. */
  static ObjectNode of(Task task, Path model) {
    ObjectNode json = of(task);
    json.setAll(of(model));
    return json;
  }

  /** Returns a hash for each split. */
  static ObjectNode of(Task task) {
    ObjectNode json = Json.object();
    for (String split : List.of("train", "dev", "test")) {
      json.put(split + " split", examples(task.split(split)));
    }
    return json;
  }

  /** Returns a hash for each file of the only model. */
  static ObjectNode of(Path model) {
    return of(model, "");
  }

  /** Returns a hash for each file of one of several models. */
  static ObjectNode of(Path model, String name) {
    String whose = name.isEmpty() ? "model's " : "model's (" + name + ") ";
    try (Stream<Path> files = Files.list(model)) {
      return files(
          files, model, whose, ".*\\.(json|txt|model|safetensors)"); // the tokenizer's, too
    } catch (IOException e) {
      throw new InvalidInputException("The model %s cannot be read: %s.".formatted(model, e), e);
    }
  }

  /** Returns a hash for each file of a prompt that a search begins at. */
  static ObjectNode ofPrompt(Path folder) {
    try (Stream<Path> files = Files.walk(folder, 2)) { // several adapters have folders of their own
      return files(files, folder, "first prompt's ", "(prompt\\.json|.*adapter_[a-z_]+\\..*)");
    } catch (IOException e) {
      throw new InvalidInputException("The prompt %s cannot be read: %s.".formatted(folder, e), e);
    }
  }

  private static ObjectNode files(Stream<Path> files, Path folder, String whose, String names)
      throws IOException {
    ObjectNode json = Json.object();
    for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
      String own = folder.relativize(file).toString();
      if (own.matches(names)) {
        json.put(whose + own, own.endsWith(".safetensors") ? weights(file) : whole(file));
      }
    }
    return json;
  }

  /**
   * Compares with what a run began with.
   *
   * @throws InvalidInputException naming the first difference
   */
  static void requireSame(JsonNode begun, ObjectNode now, Path run) {
    for (Map.Entry<String, JsonNode> input : begun.properties()) {
      if (!input.getValue().equals(now.get(input.getKey()))) {
        throw new InvalidInputException(
            "The %s has changed since the run %s began; bring the old one back, or start a new run."
                .formatted(input.getKey(), run));
      }
    }
  }

  private static String examples(List<Example> examples) {
    MessageDigest digest = sha256();
    for (Example example : examples) {
      String line =
          Json.line(Json.tree(List.of(example.id(), example.label(), example.fields()))) + "\n";
      digest.update(line.getBytes(StandardCharsets.UTF_8));
    }
    return hex(digest);
  }

  /** A hash of a text. */
  static String text(String text) {
    MessageDigest digest = sha256();
    digest.update(text.getBytes(StandardCharsets.UTF_8));
    return hex(digest);
  }

  private static String whole(Path file) throws IOException {
    MessageDigest digest = sha256();
    digest.update(Files.readAllBytes(file));
    return hex(digest);
  }

  private static String weights(Path file) throws IOException {
    MessageDigest digest = sha256();
    try (FileChannel channel = FileChannel.open(file)) {
      long size = channel.size();
      ByteBuffer start = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      channel.read(start, 0);
      long header = start.flip().getLong(); // bytes of the header, which the loader has checked
      digest.update(ByteBuffer.allocate(8).putLong(0, size));
      update(digest, channel, 8, (int) Math.min(header, size));
      for (int i = 0; i < BLOCKS; i++) {
        update(digest, channel, (size - BLOCK_BYTES) / BLOCKS * i, BLOCK_BYTES);
      }
      update(digest, channel, size - BLOCK_BYTES, BLOCK_BYTES);
    }
    return hex(digest);
  }

  private static void update(MessageDigest digest, FileChannel channel, long at, int bytes)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    while (buffer.hasRemaining()
        && channel.read(buffer, Math.max(0, at) + buffer.position()) >= 0) {
      // until the block is full or the file ends
    }
    digest.update(buffer.flip());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }

  private static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }
}
