package io.promptgrad.lm.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Puts a {@code tokenizer.json} together from the files that came before it: {@code vocab.txt}
 * (WordPiece, as BERT has it) or {@code vocab.json} with {@code merges.txt} (byte-level BPE, as
 * GPT-2 and RoBERTa have it).
 *
 * <p>These files hold the vocabulary only. The rest was in the program text of one Python class for
 * each family, so the family must be known: from {@code tokenizer_class} in {@code
 * tokenizer_config.json}, else {@code model_type} in {@code config.json}, else the names of the
 * special tokens. What cannot be told is refused.
 */
record OlderFormat(Path directory, List<JsonNode> configs, Function<Path, String> reader) {

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private static final Set<String> BERT =
      Set.of("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer");
  private static final Map<String, String> CLASSES =
      Map.of(
          "gpt2", "GPT2Tokenizer",
          "gpt_neo", "GPT2Tokenizer",
          "opt", "GPT2Tokenizer",
          "roberta", "RobertaTokenizer");

  /** The file that tells which form a folder has, if it has one. */
  static Optional<Path> in(Path directory) {
    Path words = directory.resolve("vocab.txt");
    Path pairs = directory.resolve("vocab.json");
    if (Files.exists(pairs) && Files.exists(directory.resolve("merges.txt"))) {
      return Optional.of(pairs);
    }
    return Files.exists(words) ? Optional.of(words) : Optional.empty();
  }

  /** The text of the {@code tokenizer.json} that Python would write. */
  String toTokenizerJson() {
    Path file = in(directory).orElseThrow();
    return (file.endsWith("vocab.txt") ? wordPiece(file) : byteLevel(file)).toString();
  }

  // ------------------------------------------------------------------ WordPiece

  private ObjectNode wordPiece(Path file) {
    String named = tokenizerClass().orElse("BertTokenizer");
    if (!BERT.contains(named)) {
      throw unknown(file, named);
    }
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    for (String entry : reader.apply(file).lines().toList()) {
      vocabulary.put(entry, vocabulary.size());
    }
    Map<String, String> roles = new LinkedHashMap<>();
    roles.put("pad_token", role("pad_token", "[PAD]"));
    roles.put("unk_token", role("unk_token", "[UNK]"));
    roles.put("cls_token", role("cls_token", "[CLS]"));
    roles.put("sep_token", role("sep_token", "[SEP]"));
    roles.put("mask_token", role("mask_token", "[MASK]"));
    ObjectNode json = start(file, vocabulary, roles);
    json.putObject("normalizer")
        .put("type", "BertNormalizer")
        .put("clean_text", true)
        .put("handle_chinese_chars", flag("tokenize_chinese_chars", true))
        .put("lowercase", flag("do_lower_case", !hasCapitals(vocabulary, roles)))
        .set("strip_accents", setting("strip_accents").orElse(NODES.nullNode()));
    json.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
    ends(
        json.putObject("post_processor").put("type", "BertProcessing"),
        vocabulary,
        roles.get("cls_token"),
        roles.get("sep_token"),
        file);
    json.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
    ObjectNode model =
        json.putObject("model")
            .put("type", "WordPiece")
            .put("unk_token", roles.get("unk_token"))
            .put("continuing_subword_prefix", "##")
            .put("max_input_chars_per_word", 100);
    putVocabulary(model, vocabulary);
    return json;
  }

  /**
   * Entries with capitals could never be reached from lower-cased text. Latin letters only, since
   * BERT's lower-cased vocabulary holds the sign ℝ, which lower-casing keeps.
   */
  private static boolean hasCapitals(Map<String, Integer> vocabulary, Map<String, String> roles) {
    return vocabulary.keySet().stream()
        .filter(entry -> !roles.containsValue(entry))
        .anyMatch(entry -> entry.chars().anyMatch(c -> c >= 'A' && c <= 'Z'));
  }

  // ------------------------------------------------------------------ byte-level BPE

  private ObjectNode byteLevel(Path file) {
    Map<String, Integer> vocabulary = readVocabulary(file);
    String named = tokenizerClass().orElseGet(() -> classBySpecials(vocabulary));
    boolean roberta = named.equals("RobertaTokenizer");
    if (!roberta && !named.equals("GPT2Tokenizer")) {
      throw unknown(file, named);
    }
    Map<String, String> roles = new LinkedHashMap<>();
    String begin = roberta ? "<s>" : "<|endoftext|>";
    roles.put("bos_token", role("bos_token", begin));
    roles.put("pad_token", role("pad_token", roberta ? "<pad>" : ""));
    roles.put("eos_token", role("eos_token", roberta ? "</s>" : begin));
    roles.put("unk_token", role("unk_token", roberta ? "<unk>" : begin));
    if (roberta) {
      roles.put("cls_token", role("cls_token", "<s>"));
      roles.put("sep_token", role("sep_token", "</s>"));
      roles.put("mask_token", role("mask_token", "<mask>"));
    }
    boolean blank = flag("add_prefix_space", false);
    ObjectNode json = start(file, vocabulary, roles);
    json.putObject("pre_tokenizer")
        .put("type", "ByteLevel")
        .put("add_prefix_space", blank)
        .put("trim_offsets", true);
    ObjectNode processor = json.putObject("post_processor");
    if (roberta) {
      processor
          .put("type", "RobertaProcessing")
          .put("trim_offsets", true)
          .put("add_prefix_space", blank);
      ends(processor, vocabulary, roles.get("cls_token"), roles.get("sep_token"), file);
    } else if (flag("add_bos_token", false)) {
      inFront(processor, roles.get("bos_token"), vocabulary, file);
    } else {
      processor.put("type", "ByteLevel").put("add_prefix_space", true).put("trim_offsets", false);
    }
    json.putObject("decoder")
        .put("type", "ByteLevel")
        .put("add_prefix_space", true)
        .put("trim_offsets", true);
    ObjectNode model =
        json.putObject("model")
            .put("type", "BPE")
            .put("continuing_subword_prefix", "")
            .put("end_of_word_suffix", "")
            .put("fuse_unk", false);
    putVocabulary(model, vocabulary);
    ArrayNode merges = model.putArray("merges");
    for (String line : reader.apply(directory.resolve("merges.txt")).lines().toList()) {
      boolean comment = merges.isEmpty() && line.startsWith("#version");
      if (!comment && !line.isBlank()) {
        merges.add(line);
      }
    }
    return json;
  }

  private static Map<String, Integer> readVocabulary(Path file, String text) {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    try {
      for (var field : TokenizerJson.JSON.readTree(text).properties()) {
        vocabulary.put(field.getKey(), field.getValue().asInt(-1));
      }
    } catch (JsonProcessingException e) {
      throw TokenizerJson.malformed(file, e);
    }
    if (vocabulary.isEmpty() || vocabulary.containsValue(-1)) {
      throw new InvalidInputException(
          file + " is not a vocabulary, an object of tokens and their ids; download it again.");
    }
    return vocabulary;
  }

  private Map<String, Integer> readVocabulary(Path file) {
    return readVocabulary(file, reader.apply(file));
  }

  private static String classBySpecials(Map<String, Integer> vocabulary) {
    if (vocabulary.containsKey("<|endoftext|>")) {
      return "GPT2Tokenizer";
    }
    return vocabulary.keySet().containsAll(List.of("<s>", "</s>", "<mask>"))
        ? "RobertaTokenizer"
        : "";
  }

  // ------------------------------------------------------------------ what both have

  private ObjectNode start(Path file, Map<String, Integer> vocabulary, Map<String, String> roles) {
    ObjectNode json = NODES.objectNode().put("version", "1.0");
    ArrayNode list = json.putArray("added_tokens");
    added(file, vocabulary, roles).values().forEach(list::add);
    return json;
  }

  /** By id: special tokens of the vocabulary, and tokens that were added to it later. */
  private Map<Integer, ObjectNode> added(
      Path file, Map<String, Integer> vocabulary, Map<String, String> roles) {
    Map<Integer, ObjectNode> added = new TreeMap<>();
    roles.forEach(
        (role, name) -> {
          if (vocabulary.containsKey(name)) {
            JsonNode form = setting(role).orElse(NODES.nullNode());
            // RoBERTa's mask takes the blank before it
            boolean blank = role.equals("mask_token") && roles.containsKey("bos_token");
            ObjectNode token = token(vocabulary.get(name), name, true, form);
            token.put("lstrip", form.path("lstrip").asBoolean(blank));
            added.merge(vocabulary.get(name), token, (first, second) -> first);
          }
        });
    Path later = directory.resolve("added_tokens.json");
    if (Files.exists(later)) {
      readVocabulary(later, reader.apply(later))
          .forEach((name, id) -> added.putIfAbsent(id, token(id, name, false, NODES.nullNode())));
    }
    for (JsonNode config : configs) {
      for (var field : config.path("added_tokens_decoder").properties()) {
        JsonNode form = field.getValue();
        if (!field.getKey().matches("\\d{1,9}") || !form.path("content").isTextual()) {
          throw new InvalidInputException(
              "%s: added_tokens_decoder in tokenizer_config.json has an entry without id or content; download it again."
                  .formatted(file));
        }
        int id = Integer.parseInt(field.getKey());
        String name = form.path("content").asText();
        added.put(id, token(id, name, form.path("special").asBoolean(false), form));
      }
    }
    return added;
  }

  private static ObjectNode token(int id, String content, boolean special, JsonNode form) {
    return NODES
        .objectNode()
        .put("id", id)
        .put("content", content)
        .put("single_word", form.path("single_word").asBoolean(false))
        .put("lstrip", form.path("lstrip").asBoolean(false))
        .put("rstrip", form.path("rstrip").asBoolean(false))
        .put("normalized", form.path("normalized").asBoolean(false))
        .put("special", special);
  }

  private static void ends(
      ObjectNode processor, Map<String, Integer> vocabulary, String cls, String sep, Path file) {
    processor.putArray("cls").add(cls).add(id(cls, vocabulary, file));
    processor.putArray("sep").add(sep).add(id(sep, vocabulary, file));
  }

  private static void inFront(
      ObjectNode processor, String bos, Map<String, Integer> vocabulary, Path file) {
    processor.put("type", "TemplateProcessing");
    ArrayNode single = processor.putArray("single");
    ArrayNode pair = processor.putArray("pair");
    for (String sequence : List.of("A", "B")) {
      for (ArrayNode form : sequence.equals("A") ? List.of(single, pair) : List.of(pair)) {
        int type = sequence.equals("A") ? 0 : 1;
        form.addObject().putObject("SpecialToken").put("id", bos).put("type_id", type);
        form.addObject().putObject("Sequence").put("id", sequence).put("type_id", type);
      }
    }
    ObjectNode special = processor.putObject("special_tokens").putObject(bos).put("id", bos);
    special.putArray("ids").add(id(bos, vocabulary, file));
    special.putArray("tokens").add(bos);
  }

  private static int id(String token, Map<String, Integer> vocabulary, Path file) {
    Integer id = vocabulary.get(token);
    if (id == null) {
      throw new InvalidInputException(
          "%s has no token %s, which this tokenizer puts around texts; check that the files beside it belong to it."
              .formatted(file, token));
    }
    return id;
  }

  private static void putVocabulary(ObjectNode model, Map<String, Integer> vocabulary) {
    ObjectNode node = model.putObject("vocab");
    vocabulary.forEach(node::put);
  }

  /** The Python class, without "Fast". */
  private Optional<String> tokenizerClass() {
    Optional<String> named =
        setting("tokenizer_class").filter(JsonNode::isTextual).map(JsonNode::asText);
    if (named.isPresent()) {
      return named.map(name -> name.replaceFirst("Fast$", ""));
    }
    Path config = directory.resolve("config.json");
    if (!Files.exists(config)) {
      return Optional.empty();
    }
    try {
      String type = TokenizerJson.JSON.readTree(reader.apply(config)).path("model_type").asText();
      return Optional.ofNullable(CLASSES.get(type));
    } catch (JsonProcessingException e) {
      throw TokenizerJson.malformed(config, e);
    }
  }

  private String role(String key, String customary) {
    JsonNode value = setting(key).orElse(NODES.textNode(customary));
    return value.isTextual() ? value.asText() : value.path("content").asText(customary);
  }

  private boolean flag(String key, boolean customary) {
    return setting(key).map(value -> value.asBoolean(customary)).orElse(customary);
  }

  private Optional<JsonNode> setting(String key) {
    return configs.stream()
        .map(config -> config.path(key))
        .filter(value -> !value.isMissingNode() && !value.isNull())
        .findFirst();
  }

  private static InvalidInputException unknown(Path file, String named) {
    String what = named.isEmpty() ? "of an unknown kind" : "a " + named;
    return new InvalidInputException(
        "%s is the vocabulary of a tokenizer that cannot be put together without a tokenizer.json (it is %s); %s."
            .formatted(file, what, TokenizerFiles.CONVERT));
  }
}
