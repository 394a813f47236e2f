package io.promptgrad.lm.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The files of a tokenizer.
 *
 * @param file {@code tokenizer.json}, or the vocabulary of an {@link OlderFormat}
 * @param tokenizer what is in it
 * @param configs {@code tokenizer_config.json} and {@code special_tokens_map.json}, if present
 * @param json gives the text of {@code tokenizer.json}; made again, since few keep it
 */
record TokenizerFiles(
    Path file, TokenizerJson tokenizer, List<JsonNode> configs, Supplier<String> json) {

  /** What to do about a tokenizer that cannot be read; ends a sentence. */
  static final String CONVERT =
      "convert it in Python: AutoTokenizer.from_pretrained(DIR,"
          + " use_fast=True).save_pretrained(DIR)";

  private static final String NAME = "tokenizer.json";

  private static final List<String> OTHER_FORMATS =
      List.of(
          "tokenizer.model",
          "spiece.model",
          "sentencepiece.bpe.model",
          "vocab.txt",
          "vocab.json",
          "merges.txt");

  static TokenizerFiles read(Path directoryOrFile) {
    if (!Files.exists(directoryOrFile)) {
      throw new InvalidInputException(
          "There is no file or directory "
              + directoryOrFile
              + "; check the path of the tokenizer.");
    }
    Path directory = directoryOrFile.toAbsolutePath().getParent();
    Path file = directoryOrFile;
    if (Files.isDirectory(directoryOrFile)) {
      directory = directoryOrFile;
      file = fileIn(directory).orElseThrow(() -> withoutTokenizerJson(directoryOrFile));
    }
    List<JsonNode> configs = new ArrayList<>();
    for (String name : List.of("tokenizer_config.json", "special_tokens_map.json")) {
      Path config = directory.resolve(name);
      if (Files.exists(config)) {
        configs.add(readTree(config));
      }
    }
    Supplier<String> json = json(directory, file, List.copyOf(configs));
    TokenizerFiles files =
        new TokenizerFiles(file, TokenizerJson.parse(json.get(), file), List.copyOf(configs), json);
    files.refuseContradiction();
    Fatal.in(files.tokenizer())
        .ifPresent(
            what -> {
              throw TokenizerJson.unfit(files.file(), what);
            });
    return files;
  }

  /** The file to begin with; empty if the folder has none that can be read. */
  static Optional<Path> fileIn(Path directory) {
    Path file = directory.resolve(NAME);
    return Files.exists(file) ? Optional.of(file) : OlderFormat.in(directory);
  }

  private static Supplier<String> json(Path directory, Path file, List<JsonNode> configs) {
    Path absolute = file.toAbsolutePath();
    if (OlderFormat.in(directory).filter(f -> f.toAbsolutePath().equals(absolute)).isPresent()) {
      return new OlderFormat(directory, configs, TokenizerFiles::readString)::toTokenizerJson;
    }
    if (OTHER_FORMATS.contains(file.getFileName().toString())) {
      throw new InvalidInputException(file + " is not a tokenizer.json; " + CONVERT + ".");
    }
    return () -> readString(file);
  }

  /** The text of {@code tokenizer.json}. */
  String text() {
    return json.get();
  }

  /** The same without its special added tokens, so that their names are ordinary text. */
  String textWithoutSpecialTokens() {
    try {
      ObjectNode tree = (ObjectNode) TokenizerJson.JSON.readTree(text());
      ArrayNode kept = tree.arrayNode();
      for (JsonNode token : tree.path("added_tokens")) {
        if (!token.path("special").asBoolean(false)) {
          kept.add(token);
        }
      }
      tree.set("added_tokens", kept);
      return TokenizerJson.JSON.writeValueAsString(tree);
    } catch (JsonProcessingException e) {
      throw TokenizerJson.malformed(file, e);
    }
  }

  /** Python lets tokenizer_config.json win over tokenizer.json; here they must agree. */
  private void refuseContradiction() {
    for (JsonNode config : configs) {
      JsonNode wanted = config.path("do_lower_case");
      JsonNode actual = tokenizer.part("normalizer").path("lowercase");
      if (wanted.isBoolean() && actual.isBoolean() && !wanted.equals(actual)) {
        throw new InvalidInputException(
            "%s has lowercase = %s, but tokenizer_config.json beside it has do_lower_case = %s;"
                    .formatted(file, actual, wanted)
                + " make them agree.");
      }
    }
  }

  static InvalidInputException withoutTokenizerJson(Path directory) {
    List<String> found =
        OTHER_FORMATS.stream().filter(name -> Files.exists(directory.resolve(name))).toList();
    if (found.isEmpty()) {
      return new InvalidInputException(
          "%s has no %s, which is needed to turn text into tokens; name a directory that has one."
              .formatted(directory, NAME));
    }
    return new InvalidInputException(
        "%s has no %s, only %s; %s.".formatted(directory, NAME, String.join(", ", found), CONVERT));
  }

  private static JsonNode readTree(Path file) {
    try {
      JsonNode tree = TokenizerJson.JSON.readTree(readString(file));
      if (!tree.isObject()) {
        throw new InvalidInputException(file + " is not a JSON object; download it again.");
      }
      return tree;
    } catch (JsonProcessingException e) {
      throw TokenizerJson.malformed(file, e);
    }
  }

  private static String readString(Path file) {
    try {
      return Files.readString(file);
    } catch (CharacterCodingException e) {
      throw new InvalidInputException(file + " is not UTF-8 text; download it again.", e);
    } catch (NoSuchFileException e) {
      throw new InvalidInputException("There is no file " + file + "; check the path.", e);
    } catch (IOException e) {
      throw new InvalidInputException(
          file + " cannot be read (" + e + "); check the file and its permissions.", e);
    }
  }
}
