package io.promptgrad.search;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * The file from which a killed run goes on: {@code checkpoint/state.jsonl}.
 *
 * <p>Line 1 says what line 2 is: {@code {"format":1,"method":...,"identity":...,"sha256":...}}, the
 * hash being that of line 2. Line 2 is {@code {"loop":...,"search":...}}.
 */
record Checkpoint(ObjectNode loop, ObjectNode search) {

  private static final int FORMAT = 1;

  static Path file(Path directory) {
    return directory.resolve("checkpoint").resolve("state.jsonl");
  }

  void write(Path directory, String method, String identity) throws IOException {
    ObjectNode state = Json.object();
    state.set("loop", loop);
    state.set("search", search);
    String body = Json.line(state);
    ObjectNode header = Json.object();
    header.put("format", FORMAT).put("method", method).put("identity", identity);
    header.put("sha256", sha256(body));
    AtomicFiles.write(file(directory), Json.line(header) + "\n" + body + "\n");
  }

  /**
   * Reads the checkpoint, if there is one.
   *
   * @throws InvalidInputException if it is damaged or of another method or configuration
   */
  static Optional<Checkpoint> read(Path directory, String method, String identity)
      throws IOException {
    Path file = file(directory);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    // Bytes are decoded leniently: damage shows in the hash.
    String[] lines = new String(Files.readAllBytes(file), StandardCharsets.UTF_8).split("\n", -1);
    JsonNode header = parse(lines[0], file);
    if (lines.length < 2 || !header.path("sha256").asText().equals(sha256(lines[1]))) {
      throw damaged(file, null);
    }
    if (header.path("format").asInt() != FORMAT) {
      throw new InvalidInputException(
          "The checkpoint %s has format %s, but this version reads format %d; start a new run."
              .formatted(file, header.path("format"), FORMAT));
    }
    if (!header.path("method").asText().equals(method)) {
      throw new InvalidInputException(
          ("The checkpoint %s was made by the method '%s', not by '%s'; resume with that "
                  + "method or start a new run.")
              .formatted(file, header.path("method").asText(), method));
    }
    if (!header.path("identity").asText().equals(identity)) {
      throw new InvalidInputException(
          ("The checkpoint %s was made with another configuration; resume with the run's "
                  + "own config.yaml or start a new run.")
              .formatted(file));
    }
    JsonNode state = parse(lines[1], file);
    if (state.get("loop") instanceof ObjectNode loop
        && state.get("search") instanceof ObjectNode search) {
      return Optional.of(new Checkpoint(loop, search));
    }
    throw damaged(file, null);
  }

  private static JsonNode parse(String line, Path file) {
    try {
      return Json.parse(line);
    } catch (JsonProcessingException e) {
      throw damaged(file, e);
    }
  }

  private static InvalidInputException damaged(Path file, Throwable cause) {
    return new InvalidInputException(
        "The checkpoint %s is damaged; restore it from a copy, or start a new run.".formatted(file),
        cause);
  }

  private static String sha256(String text) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }
}
