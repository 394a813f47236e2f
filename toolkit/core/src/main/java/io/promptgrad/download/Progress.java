package io.promptgrad.download;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What has come of a file whose size is known, as noted beside it. Part i of n holds the bytes from
 * {@code total*i/n} up to {@code total*(i+1)/n}.
 *
 * @param etag the server's mark of the content, if it is one that changes with every byte
 * @param total the size of the file
 * @param done bytes that are there of each part, from its beginning
 */
record Progress(Optional<String> etag, long total, long[] done) {

  /** More than any file, and small enough for the arithmetic here. */
  static final long MOST_BYTES = 1L << 56;

  private static final int MOST_PARTS = 64;

  long from(int part) {
    return total * part / done.length;
  }

  long size(int part) {
    return from(part + 1) - from(part);
  }

  /** The note of an earlier attempt, if it can be trusted and its bytes are there. */
  static Optional<Progress> read(Path note, Path bytes) throws IOException {
    if (!Files.exists(note) || !Files.exists(bytes)) {
      return Optional.empty();
    }
    JsonNode json;
    try {
      json = Json.parse(Files.readString(note));
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
    long[] done = new long[json.path("done").size()];
    for (int i = 0; i < done.length; i++) {
      done[i] = json.path("done").path(i).asLong(-1);
    }
    Optional<String> etag = Optional.ofNullable(json.path("etag").textValue());
    Progress progress =
        new Progress(etag.filter(Progress::isStrong), json.path("total").asLong(-1), done);
    return progress.fits(Files.size(bytes)) ? Optional.of(progress) : Optional.empty();
  }

  private boolean fits(long length) {
    boolean sane = total >= 0 && total <= MOST_BYTES && done.length > 0 && done.length < MOST_PARTS;
    for (int i = 0; sane && i < done.length; i++) {
      sane = done[i] >= 0 && done[i] <= size(i) && (done[i] == 0 || from(i) + done[i] <= length);
    }
    return sane;
  }

  void write(Path note) throws IOException {
    ObjectNode json = Json.object();
    etag.ifPresent(mark -> json.put("etag", mark));
    json.put("total", total);
    ArrayNode list = json.putArray("done");
    for (long count : done) {
      list.add(count);
    }
    AtomicFiles.write(note, Json.line(json));
  }

  /** Weak marks stay the same when only a little changes. */
  static boolean isStrong(String etag) {
    return etag.length() > 2 && etag.startsWith("\"") && etag.endsWith("\"");
  }
}
