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

/**
 * The files of a tokenizer.
 *
 * @param file {@code tokenizer.json}
 * @param tokenizer what is in it
 * @param configs {@code tokenizer_config.json} and {@code special_tokens_map.json}, if present
 */
record TokenizerFiles(Path file, TokenizerJson tokenizer, List<JsonNode> configs) {

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
    Path file = directoryOrFile;
    if (Files.isDirectory(directoryOrFile)) {
      file = directoryOrFile.resolve(NAME);
      if (!Files.exists(file)) {
        throw withoutTokenizerJson(directoryOrFile);
      }
    } else if (OTHER_FORMATS.contains(file.getFileName().toString())) {
      throw new InvalidInputException(file + " is not a tokenizer.json; " + convert() + ".");
    }
    TokenizerJson tokenizer = TokenizerJson.parse(readString(file), file);
    List<JsonNode> configs = new ArrayList<>();
    for (String name : List.of("tokenizer_config.json", "special_tokens_map.json")) {
      Path config = file.resolveSibling(name);
      if (Files.exists(config)) {
        configs.add(readTree(config));
      }
    }
    TokenizerFiles files = new TokenizerFiles(file, tokenizer, List.copyOf(configs));
    files.refuseContradiction();
    return files;
  }

  /** The text of {@code tokenizer.json}; read again, since few keep it. */
  String text() {
    return readString(file);
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

  private static InvalidInputException withoutTokenizerJson(Path directory) {
    List<String> found =
        OTHER_FORMATS.stream().filter(name -> Files.exists(directory.resolve(name))).toList();
    if (found.isEmpty()) {
      return new InvalidInputException(
          "%s has no %s; name the directory or the file of a tokenizer."
              .formatted(directory, NAME));
    }
    return new InvalidInputException(
        "%s has no %s, only %s; %s."
            .formatted(directory, NAME, String.join(", ", found), convert()));
  }

  private static String convert() {
    return "convert it in Python: AutoTokenizer.from_pretrained(DIR,"
        + " use_fast=True).save_pretrained(DIR)";
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
