package io.promptgrad.lm.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.download.Checksum;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.Checkpoint;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a repository holds at one commit, as the hub's interface lists it.
 *
 * @param commit the full commit
 * @param files by name, the files in the repository's root that a model may need
 */
record Listing(String commit, Map<String, RemoteFile> files) {

  static final String COMMIT = "[0-9a-f]{40}";

  /** Weights in one file, or the index of several. */
  static final List<String> WEIGHTS = List.of(Checkpoint.SINGLE, Checkpoint.INDEX);

  /** Files that are small and tell what a model is; the first one must be there. */
  static final List<String> SETTINGS =
      List.of(
          "config.json",
          "generation_config.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "chat_template.jinja",
          "chat_template.json");

  /** The forms of a tokenizer that can be read; the first that is complete is taken. */
  static final List<List<String>> TOKENIZERS =
      List.of(List.of("tokenizer.json"), List.of("vocab.json", "merges.txt"), List.of("vocab.txt"));

  private static final Set<String> SENTENCEPIECE =
      Set.of("tokenizer.model", "spiece.model", "sentencepiece.bpe.model");

  /** One file of the repository. */
  record RemoteFile(String name, long size, Checksum checksum) {}

  /** Reads the answer to {@code /api/models/NAME/revision/REVISION?blobs=true}. */
  static Listing parse(String answer, HubReference reference) {
    JsonNode json;
    try {
      json = Json.parse(answer);
    } catch (JsonProcessingException e) {
      throw strange(reference, "its answer is not JSON: " + Json.problem(e));
    }
    String commit = json.path("sha").asText("");
    if (!commit.matches(COMMIT)) {
      throw strange(reference, "its answer names no commit");
    }
    Map<String, RemoteFile> files = new LinkedHashMap<>();
    for (JsonNode file : json.path("siblings")) {
      String name = file.path("rfilename").asText("");
      if (isPlain(name)) { // models need nothing below the root
        files.put(name, remote(reference, name, file));
      }
    }
    return new Listing(commit, files);
  }

  private static RemoteFile remote(HubReference reference, String name, JsonNode file) {
    JsonNode large = file.path("lfs");
    long size = large.path("size").asLong(file.path("size").asLong(-1));
    try {
      Checksum checksum =
          large.isObject()
              ? Checksum.sha256(large.path("sha256").asText(large.path("oid").asText()))
              : Checksum.gitBlob(file.path("blobId").asText());
      return new RemoteFile(name, size, checksum);
    } catch (IllegalArgumentException e) {
      throw strange(reference, "its answer has no checksum for " + name);
    }
  }

  private static InvalidInputException strange(HubReference reference, String what) {
    return new InvalidInputException(
        "The server that should list the files of %s does not talk as the Hugging Face hub does (%s); check HF_ENDPOINT."
            .formatted(reference, what));
  }

  /** Whether a name is one of a file right here. */
  static boolean isPlain(String name) {
    return name.matches("[A-Za-z0-9_][A-Za-z0-9._-]{0,199}") && !name.contains("..");
  }

  /** The settings and the tokenizer, as far as there are such. */
  List<RemoteFile> small() {
    List<RemoteFile> wanted = new ArrayList<>();
    SETTINGS.stream().filter(files::containsKey).map(files::get).forEach(wanted::add);
    tokenizer().ifPresent(names -> names.forEach(name -> wanted.add(files.get(name))));
    return wanted;
  }

  Optional<List<String>> tokenizer() {
    return TOKENIZERS.stream().filter(form -> files.keySet().containsAll(form)).findFirst();
  }

  /** Weights in one file, or else their index. */
  RemoteFile weights() {
    return WEIGHTS.stream().filter(files::containsKey).map(files::get).findFirst().orElseThrow();
  }

  /** A file that an index names. */
  RemoteFile shard(String name, HubReference reference) {
    if (!isPlain(name)) {
      throw new InvalidInputException(
          "The index of %s names the file '%s', which is not beside it; do not trust this model."
              .formatted(reference, name));
    }
    return Optional.ofNullable(files.get(name))
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "The index of %s names the file %s, which the repository does not have; try another revision."
                        .formatted(reference, name)));
  }

  /** Says what is missing before anything is downloaded. */
  void requireModel(HubReference reference) {
    if (!files.containsKey("config.json")) {
      throw new InvalidInputException(
          "%s has no config.json, so it is not a model that can be loaded; look at its page for what it is."
              .formatted(reference));
    }
    if (WEIGHTS.stream().noneMatch(files::containsKey)) {
      List<String> names = files.keySet().stream().filter(Checkpoint::isPickle).limit(2).toList();
      throw new InvalidInputException(
          names.isEmpty()
              ? "%s has neither %s nor %s; name a model with weights in safetensors files."
                  .formatted(reference, Checkpoint.SINGLE, Checkpoint.INDEX)
              : "%s has only pickled weights (%s), which can run code and are never loaded; %s."
                  .formatted(reference, String.join(", ", names), Checkpoint.HOW_TO_CONVERT));
    }
    Optional<String> only = files.keySet().stream().filter(SENTENCEPIECE::contains).findFirst();
    if (tokenizer().isEmpty() && only.isPresent()) {
      throw new InvalidInputException(
          "%s has no tokenizer.json, only %s; convert it in Python with AutoTokenizer.from_pretrained(\"%s\", use_fast=True).save_pretrained(DIR), and put the weights and config.json into DIR as well."
              .formatted(reference, only.get(), reference.name()));
    }
  }
}
