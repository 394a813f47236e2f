package io.promptgrad.lm.weights;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** The index of a sharded checkpoint: {@code {"weight_map": {"tensor": "shard file", ...}}}. */
final class ShardIndex {

  private ShardIndex() {}

  /** The shard of every tensor; shard names are checked to stay inside the directory. */
  static Map<String, String> read(Path index, Path directory) {
    Map<String, String> shardOf = null;
    try (Reader reader = Files.newBufferedReader(index);
        JsonParser json = SafetensorsHeader.JSON.createParser(reader)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw malformed(index, "it is not a JSON object", null);
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String key = json.currentName();
        json.nextToken();
        if (key.equals("weight_map")) {
          shardOf = weightMap(json, index, directory);
        } else {
          json.skipChildren();
        }
      }
      if (json.nextToken() != null) {
        throw malformed(index, "it goes on after the closing brace", null);
      }
    } catch (JsonProcessingException e) {
      throw malformed(index, e.getOriginalMessage(), e);
    } catch (CharacterCodingException e) {
      throw malformed(index, "it is not UTF-8", e);
    } catch (IOException e) {
      throw new InvalidInputException(
          index + " cannot be read (" + e + "); check the file and its permissions.", e);
    }
    if (shardOf == null || shardOf.isEmpty()) {
      throw malformed(index, "it has no weight_map with tensors", null);
    }
    return shardOf;
  }

  private static Map<String, String> weightMap(JsonParser json, Path index, Path directory)
      throws IOException {
    Map<String, String> shardOf = new LinkedHashMap<>();
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw malformed(index, "weight_map is not an object", null);
    }
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String tensor = json.currentName();
      if (json.nextToken() != JsonToken.VALUE_STRING) {
        throw malformed(index, "the shard of " + tensor + " is not a text", null);
      }
      shardOf.put(tensor, insideDirectory(json.getText(), index, directory));
    }
    return shardOf;
  }

  private static String insideDirectory(String shard, Path index, Path directory) {
    try {
      Path resolved = directory.resolve(shard).normalize();
      boolean inside =
          !Path.of(shard).isAbsolute()
              && resolved.startsWith(directory.normalize())
              && !resolved.equals(directory.normalize());
      if (inside && !shard.contains("..") && !shard.contains("\\")) {
        return shard;
      }
    } catch (InvalidPathException e) {
      // refused below, as any other name that is not a file of the directory
    }
    throw new InvalidInputException(
        "%s names a shard outside its directory (\"%s\"); do not trust this checkpoint."
            .formatted(index, shard));
  }

  private static InvalidInputException malformed(Path index, String what, Throwable cause) {
    return SafetensorsHeader.corrupt(index, what, cause);
  }
}
