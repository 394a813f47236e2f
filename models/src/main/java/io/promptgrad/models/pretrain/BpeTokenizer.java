package io.promptgrad.models.pretrain;

import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.models.pretrain.TokenizerSettings.Objective;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A byte-level BPE vocabulary: encodes a corpus and is written as a Hugging Face {@code
 * tokenizer.json}, with which every other library gives the same ids.
 *
 * <p>Ids: the first special tokens, then the 256 bytes in the order of the characters that stand
 * for them, then one entry per merge, then the last special tokens ({@code <mask>}).
 *
 * <p>{@link #encode} reads every text as text: a literal {@code <mask>} is five or more ordinary
 * tokens here, whereas other libraries turn it into the special id. Not safe for use by several
 * threads (it remembers words).
 */
public final class BpeTokenizer {

  private static final int MOST_REMEMBERED_WORDS = 1 << 18;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final TokenizerSettings settings;
  private final List<String> tokens; // by id
  private final Map<String, Integer> ids;
  private final int[] byteIds = new int[256];
  private final List<long[]> merges; // pairs of ids, best first
  private final Map<Long, int[]> rankAndResult = new HashMap<>();
  private final Map<String, int[]> remembered = new HashMap<>();

  private BpeTokenizer(TokenizerSettings settings, List<String> tokens, List<long[]> merges) {
    this.settings = settings;
    this.tokens = List.copyOf(tokens);
    this.merges = List.copyOf(merges);
    this.ids = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      ids.put(tokens.get(id), id);
    }
    for (int b = 0; b < 256; b++) {
      byteIds[b] = ids.get(String.valueOf(ByteLevel.charOf(b)));
    }
    for (int rank = 0; rank < merges.size(); rank++) {
      long[] pair = merges.get(rank);
      String result = tokens.get((int) pair[0]) + tokens.get((int) pair[1]);
      rankAndResult.put(pair[0] << 32 | pair[1], new int[] {rank, ids.get(result)});
    }
  }

  /**
   * Puts a vocabulary together.
   *
   * @param trained merges in order; a number below 256 is that byte, 256 + i the result of merge i
   */
  static BpeTokenizer of(TokenizerSettings settings, List<long[]> trained) {
    List<String> tokens = new ArrayList<>(settings.objective().first());
    List<String> symbols = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      symbols.add(String.valueOf(ByteLevel.charOf(b)));
    }
    symbols.stream().sorted().forEach(tokens::add);
    Map<String, Integer> ids = new HashMap<>();
    for (int i = 0; i < tokens.size(); i++) {
      ids.put(tokens.get(i), i);
    }
    List<long[]> merges = new ArrayList<>();
    for (long[] pair : trained) {
      String left = symbols.get((int) pair[0]);
      String right = symbols.get((int) pair[1]);
      merges.add(new long[] {ids.get(left), ids.get(right)});
      symbols.add(left + right);
      // Two ways of merging may spell the same token; it has one entry.
      if (ids.putIfAbsent(left + right, tokens.size()) == null) {
        tokens.add(left + right);
      }
    }
    tokens.addAll(settings.objective().last());
    return new BpeTokenizer(settings, tokens, merges);
  }

  /** Number of entries, special tokens included. */
  public int size() {
    return tokens.size();
  }

  /** What kind of vocabulary this is. */
  public TokenizerSettings settings() {
    return settings;
  }

  /** The entry with an id, in visible characters ({@code Ġ} is a leading blank). */
  public String token(int id) {
    return tokens.get(id);
  }

  /** The id of an entry, given in visible characters. */
  public int id(String token) {
    Integer id = ids.get(token);
    if (id == null) {
      throw new IllegalArgumentException("The vocabulary has no token '" + token + "'");
    }
    return id;
  }

  /** Whether an id is a special token. */
  public boolean isSpecial(int id) {
    Objective objective = settings.objective();
    return id < objective.first().size() || id >= tokens.size() - objective.last().size();
  }

  /** The ids of a text, without special tokens. */
  public int[] encode(String text) {
    int[][] result = {new int[Math.max(16, text.length() / 3)]};
    int[] size = {0};
    ByteLevel.words(
        normalise(text, settings),
        word -> {
          int[] piece = encodeWord(word);
          if (size[0] + piece.length > result[0].length) {
            result[0] = Arrays.copyOf(result[0], (size[0] + piece.length) * 2);
          }
          System.arraycopy(piece, 0, result[0], size[0], piece.length);
          size[0] += piece.length;
        });
    return Arrays.copyOf(result[0], size[0]);
  }

  /** The text of ids; special tokens are left out, bytes that are no UTF-8 become U+FFFD. */
  public String decode(int... sequence) {
    StringBuilder visible = new StringBuilder();
    for (int id : sequence) {
      if (!isSpecial(id)) {
        visible.append(tokens.get(id));
      }
    }
    return ByteLevel.text(visible.toString());
  }

  static String normalise(String text, TokenizerSettings settings) {
    String normal = settings.lowerCase() ? ByteLevel.lowerCase(text) : text;
    boolean prefix = settings.addPrefixSpace() && !normal.isEmpty() && normal.charAt(0) != ' ';
    return prefix ? " " + normal : normal;
  }

  private int[] encodeWord(String word) {
    int[] known = remembered.get(word);
    if (known != null) {
      return known;
    }
    int[] symbols =
        ByteLevel.visible(word).chars().map(c -> ids.get(String.valueOf((char) c))).toArray();
    int size = symbols.length;
    // The leftmost pair of the best rank is merged until no pair is known.
    while (size > 1) {
      int best = -1;
      int[] bestMerge = null;
      for (int i = 0; i + 1 < size; i++) {
        int[] merge = rankAndResult.get((long) symbols[i] << 32 | symbols[i + 1]);
        if (merge != null && (bestMerge == null || merge[0] < bestMerge[0])) {
          best = i;
          bestMerge = merge;
        }
      }
      if (bestMerge == null) {
        break;
      }
      symbols[best] = bestMerge[1];
      System.arraycopy(symbols, best + 2, symbols, best + 1, size - best - 2);
      size--;
    }
    int[] encoded = Arrays.copyOf(symbols, size);
    if (remembered.size() < MOST_REMEMBERED_WORDS) {
      remembered.put(word, encoded);
    }
    return encoded;
  }

  /** Writes {@code tokenizer.json}, at once or not at all. */
  public void save(Path file) {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = root.putArray("added_tokens");
    for (int id = 0; id < tokens.size(); id++) {
      if (isSpecial(id)) {
        added
            .addObject()
            .put("id", id)
            .put("content", tokens.get(id))
            .put("single_word", false)
            .put("lstrip", tokens.get(id).equals("<mask>"))
            .put("rstrip", false)
            .put("normalized", false)
            .put("special", true);
      }
    }
    if (settings.lowerCase()) {
      root.putObject("normalizer").put("type", "Lowercase");
    } else {
      root.putNull("normalizer");
    }
    byteLevel(root.putObject("pre_tokenizer"), settings.addPrefixSpace());
    root.set("post_processor", postProcessor());
    byteLevel(root.putObject("decoder"), true);
    ObjectNode model = root.putObject("model");
    model.put("type", "BPE").putNull("dropout");
    if (ids.containsKey("<unk>")) {
      model.put("unk_token", "<unk>");
    } else {
      model.putNull("unk_token");
    }
    model.put("continuing_subword_prefix", "").put("end_of_word_suffix", "");
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocab = model.putObject("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      vocab.put(tokens.get(id), id);
    }
    ArrayNode list = model.putArray("merges");
    for (long[] pair : merges) {
      list.add(tokens.get((int) pair[0]) + " " + tokens.get((int) pair[1]));
    }
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try {
      JSON.writer(new DefaultPrettyPrinter()).writeValue(part.toFile(), root);
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new InvalidInputException(
          "The tokenizer cannot be written to %s: %s.".formatted(file, e.getMessage()), e);
    }
  }

  private static void byteLevel(ObjectNode node, boolean addPrefixSpace) {
    node.put("type", "ByteLevel").put("add_prefix_space", addPrefixSpace);
    node.put("trim_offsets", true).put("use_regex", true);
  }

  /** Masked: {@code <s> A </s>}, pairs {@code <s> A </s></s> B </s>}. Causal: {@code <s> A}. */
  private ObjectNode postProcessor() {
    ObjectNode node = JSON.createObjectNode();
    if (settings.objective() == Objective.MASKED) {
      node.put("type", "RobertaProcessing");
      node.putArray("sep").add("</s>").add(id("</s>"));
      node.putArray("cls").add("<s>").add(id("<s>"));
      return node.put("trim_offsets", true).put("add_prefix_space", settings.addPrefixSpace());
    }
    node.put("type", "TemplateProcessing");
    ArrayNode single = node.putArray("single");
    special(single);
    sequence(single, "A", 0);
    ArrayNode pair = node.putArray("pair");
    special(pair);
    sequence(pair, "A", 0);
    sequence(pair, "B", 1);
    ObjectNode begin = node.putObject("special_tokens").putObject("<s>").put("id", "<s>");
    begin.putArray("ids").add(id("<s>"));
    begin.putArray("tokens").add("<s>");
    return node;
  }

  private static void special(ArrayNode template) {
    template.addObject().putObject("SpecialToken").put("id", "<s>").put("type_id", 0);
  }

  private static void sequence(ArrayNode template, String id, int type) {
    template.addObject().putObject("Sequence").put("id", id).put("type_id", type);
  }

  /**
   * Reads a {@code tokenizer.json} that {@link #save} wrote.
   *
   * @throws InvalidInputException if the file is missing, malformed or of another kind
   */
  public static BpeTokenizer load(Path file) {
    try {
      JsonNode root = JSON.readTree(file.toFile());
      JsonNode model = root.path("model");
      JsonNode vocab = model.path("vocab");
      String[] tokens = new String[vocab.size()];
      vocab.fields().forEachRemaining(e -> tokens[e.getValue().intValue()] = e.getKey());
      boolean masked = vocab.has("<mask>");
      TokenizerSettings settings =
          new TokenizerSettings(
              masked ? Objective.MASKED : Objective.CAUSAL,
              root.path("normalizer").path("type").asText().equals("Lowercase"),
              root.path("pre_tokenizer").path("add_prefix_space").asBoolean(),
              tokens.length);
      List<long[]> merges = new ArrayList<>();
      for (JsonNode merge : model.path("merges")) {
        String[] pair = merge.asText().split(" ");
        merges.add(new long[] {vocab.get(pair[0]).asInt(), vocab.get(pair[1]).asInt()});
      }
      return new BpeTokenizer(settings, Arrays.asList(tokens), merges);
    } catch (IOException | RuntimeException e) {
      throw new InvalidInputException(
          ("The file %s is no byte-level BPE tokenizer made by 'pretrain prepare'; "
                  + "prepare the corpus again.")
              .formatted(file),
          e);
    }
  }
}
