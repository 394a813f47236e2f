package io.promptgrad.lm.tokenizer;

import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the native library does not tell: the vocabulary and the settings in {@code tokenizer.json}.
 *
 * <p>The vocabulary is read as a stream and merges are skipped, since the trees of large files
 * would take hundreds of megabytes.
 *
 * @param vocabulary ids by entry of the model, without added tokens
 * @param added the added tokens
 * @param settings the rest: normalizer, pre_tokenizer, post_processor, decoder, and model without
 *     vocab and merges (merges are an empty array if there are any)
 */
record TokenizerJson(Map<String, Integer> vocabulary, List<Added> added, ObjectNode settings) {

  /** An added token; the special ones mark structure and are not text. */
  record Added(int id, String content, boolean special) {}

  /** Real vocabularies end below a million; bounds arrays indexed by id. */
  private static final int HIGHEST_ID = 50_000_000;

  static final ObjectMapper JSON =
      new ObjectMapper(
          new JsonFactoryBuilder()
              .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(100).build())
              .build());

  static TokenizerJson parse(String json, Path file) {
    try (JsonParser parser = JSON.createParser(json)) {
      return new Reading(parser, file).read();
    } catch (JsonProcessingException e) {
      throw malformed(file, e);
    } catch (IOException e) {
      throw new IllegalStateException("Reading from memory failed.", e);
    }
  }

  /** The sentence for a file that is not JSON. */
  static InvalidInputException malformed(Path file, JsonProcessingException e) {
    JsonLocation at = e.getLocation();
    return new InvalidInputException(
        "%s%s is not valid JSON: %s; download it again."
            .formatted(
                file,
                at == null ? "" : ", line " + at.getLineNr() + ", column " + at.getColumnNr(),
                e.getOriginalMessage().strip().replaceAll("\\s+", " ")),
        e);
  }

  /** The sentence for a file that is JSON and no tokenizer. */
  static InvalidInputException unfit(Path file, String what) {
    return new InvalidInputException(
        "%s is not a usable tokenizer: %s; save it again with save_pretrained of the model's"
                .formatted(file, what)
            + " fast tokenizer.");
  }

  /** The part of that name, or a missing node. */
  JsonNode part(String name) {
    return settings.path(name);
  }

  /** How this tokenizer marks words, told from the model and from what surrounds it. */
  TokenizerKind kind() {
    JsonNode model = part("model");
    String type = model.path("type").asText("");
    boolean merges = model.has("merges");
    if (type.equals("Unigram") || model.has("unk_id")) {
      return TokenizerKind.UNIGRAM;
    }
    if (type.equals("WordPiece") || (type.isEmpty() && !merges)) {
      return model.path("continuing_subword_prefix").asText("##").equals("##")
          ? TokenizerKind.WORDPIECE
          : TokenizerKind.OTHER;
    }
    if (type.equals("BPE") || merges) {
      if (mentions(part("pre_tokenizer"), "ByteLevel") || mentions(part("decoder"), "ByteLevel")) {
        return TokenizerKind.BYTE_LEVEL_BPE;
      }
      if (mentions(part("pre_tokenizer"), "Metaspace")
          || mentions(part("decoder"), "Metaspace")
          || mentions(part("normalizer"), "▁")) {
        return TokenizerKind.SENTENCEPIECE_BPE;
      }
    }
    return TokenizerKind.OTHER;
  }

  /** Whether a text value anywhere below equals the word. */
  private static boolean mentions(JsonNode node, String word) {
    if (node.isTextual()) {
      return node.textValue().equals(word);
    }
    for (JsonNode child : node) {
      if (mentions(child, word)) {
        return true;
      }
    }
    return false;
  }

  /** One pass over the parser's tokens. */
  private record Reading(JsonParser parser, Path file) {

    TokenizerJson read() throws IOException {
      Map<String, Integer> vocabulary = new LinkedHashMap<>();
      List<Added> added = new ArrayList<>();
      ObjectNode settings = JsonNodeFactory.instance.objectNode();
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw unfit("it is not a JSON object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        parser.nextToken();
        switch (key) {
          case "model" -> settings.set("model", model(vocabulary));
          case "added_tokens" -> readAdded(added);
          default -> settings.set(key, parser.readValueAsTree());
        }
      }
      if (vocabulary.isEmpty()) {
        throw unfit("it has no model.vocab");
      }
      return new TokenizerJson(vocabulary, added, settings);
    }

    private JsonNode model(Map<String, Integer> vocabulary) throws IOException {
      if (parser.currentToken() != JsonToken.START_OBJECT) {
        throw unfit("its model is not an object");
      }
      ObjectNode model = JsonNodeFactory.instance.objectNode();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        JsonToken value = parser.nextToken();
        if (key.equals("vocab") && value == JsonToken.START_OBJECT) {
          readVocabulary(vocabulary);
        } else if (key.equals("vocab") && value == JsonToken.START_ARRAY) {
          readUnigrams(vocabulary);
        } else if (key.equals("merges")) {
          parser.skipChildren();
          model.putArray(key);
        } else {
          model.set(key, parser.readValueAsTree());
        }
      }
      return model;
    }

    private void readVocabulary(Map<String, Integer> vocabulary) throws IOException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String entry = parser.currentName();
        if (parser.nextToken() != JsonToken.VALUE_NUMBER_INT) {
          throw unfit("model.vocab gives no whole number for \"" + entry + "\"");
        }
        vocabulary.put(entry, id(parser.getLongValue()));
      }
    }

    /** A list of [entry, log probability]; ids are the places in it. */
    private void readUnigrams(Map<String, Integer> vocabulary) throws IOException {
      int id = 0;
      while (parser.nextToken() == JsonToken.START_ARRAY) {
        if (parser.nextToken() != JsonToken.VALUE_STRING) {
          throw unfit("model.vocab does not begin entry " + id + " with a text");
        }
        vocabulary.put(parser.getText(), id++);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          parser.skipChildren();
        }
      }
    }

    private void readAdded(List<Added> added) throws IOException {
      JsonNode list = parser.readValueAsTree();
      for (JsonNode token : list) {
        if (!token.path("content").isTextual() || !token.path("id").isIntegralNumber()) {
          throw unfit("added_tokens has an entry without id or content");
        }
        added.add(
            new Added(
                id(token.get("id").longValue()),
                token.get("content").textValue(),
                token.path("special").asBoolean(false)));
      }
    }

    private int id(long value) {
      if (value < 0 || value > HIGHEST_ID) {
        throw unfit("it has the token id " + value);
      }
      return (int) value;
    }

    private InvalidInputException unfit(String what) {
      return TokenizerJson.unfit(file, what);
    }
  }
}
