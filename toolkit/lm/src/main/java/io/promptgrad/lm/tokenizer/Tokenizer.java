package io.promptgrad.lm.tokenizer;

import ai.djl.huggingface.tokenizers.Encoding;
import io.promptgrad.input.InvalidInputException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * The tokenizer of a model: text to ids and back, and the vocabulary entry by entry.
 *
 * <p>Encoding and decoding are done by the Hugging Face library, without truncation and padding.
 * Ids are what the model sees; texts made from them are views, and encoding such a text again may
 * give other ids. Unpaired surrogates in a text are read as U+FFFD.
 *
 * <p>As everywhere with Hugging Face tokenizers, a special token written out in a text ("[MASK]",
 * "&lt;/s&gt;") becomes the special id. {@link #encodePlain} takes it as ordinary characters, which
 * is right for text from outside.
 *
 * <p>Safe for use by several threads. Holds native memory until closed; closing waits for calls in
 * progress, and later ones fail with IllegalStateException.
 */
public final class Tokenizer implements AutoCloseable {

  /** How a view shows blanks. */
  public enum Blanks {
    /** As the open box "␣", so that a leading blank is seen. */
    VISIBLE,
    /** As blanks. */
    REAL
  }

  /** Texts after which a word can stand without a blank; the first that fits the model is used. */
  private static final List<String> BEFORE_WITHOUT_BLANK = List.of("\n", "(", "\"", "-");

  private static final List<String> BEFORE_WITH_BLANK = List.of(".", "a", "\"", ",");

  private final Path file;
  private final TokenizerKind kind;
  private final String[] entries; // by id; null where no token has that id
  private final Map<String, Integer> ids = new HashMap<>();
  private final Specials specials;
  private final NativeTokenizer encoder;
  private final NativeTokenizer plainEncoder;

  private Tokenizer(TokenizerFiles files) {
    TokenizerJson json = files.tokenizer();
    this.file = files.file();
    this.kind = json.kind();
    ids.putAll(json.vocabulary());
    for (TokenizerJson.Added token : json.added()) {
      ids.put(token.content(), token.id());
    }
    // Of both: an added token may hide an entry of a higher id.
    IntStream all =
        IntStream.concat(
            json.vocabulary().values().stream().mapToInt(Integer::intValue),
            json.added().stream().mapToInt(TokenizerJson.Added::id));
    int highest = all.max().orElse(-1);
    this.entries = new String[highest + 1];
    json.vocabulary().forEach((entry, id) -> entries[id] = entry);
    json.added().forEach(token -> entries[token.id()] = token.content());
    this.specials = new SpecialsReader(json, files.configs(), this::id).read();
    this.encoder = NativeTokenizer.of(files::text, file);
    this.plainEncoder = NativeTokenizer.of(files::textWithoutSpecialTokens, file);
    try {
      checkAgainstNative(json); // loads the encoder; the plain one is loaded when it is asked for
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Whether a directory has a tokenizer in one of the forms that {@link #open} reads. */
  public static boolean isIn(Path directory) {
    return TokenizerFiles.fileIn(directory).isPresent();
  }

  /** What to say about a directory that has none, but perhaps one that must be converted. */
  public static InvalidInputException missingFrom(Path directory) {
    return TokenizerFiles.withoutTokenizerJson(directory);
  }

  /**
   * Opens {@code tokenizer.json}, given itself or by its directory. Roles of special tokens are
   * also looked up in {@code tokenizer_config.json} and {@code special_tokens_map.json} beside it.
   * In a directory without {@code tokenizer.json}, it is put together from {@code vocab.json} and
   * {@code merges.txt} (GPT-2, RoBERTa and their kin) or from {@code vocab.txt} (BERT's kin).
   *
   * @throws InvalidInputException if the file is missing or corrupt, or if the directory holds only
   *     formats that must be converted first
   */
  public static Tokenizer open(Path directoryOrTokenizerJson) {
    return new Tokenizer(TokenizerFiles.read(directoryOrTokenizerJson));
  }

  /** The {@code tokenizer.json}, or vocabulary, that was opened. */
  public Path file() {
    return file;
  }

  /** How vocabulary entries mark words. */
  public TokenizerKind kind() {
    return kind;
  }

  /** The ids of a text, without the special tokens that the model expects around it. */
  public int[] encode(String text) {
    return encoder.call(t -> ids(t.encode(clean(text), false, false)));
  }

  /** The ids of a text, with the special tokens that the model expects around it. */
  public int[] encodeWithSpecials(String text) {
    return encoder.call(t -> ids(t.encode(clean(text), true, false)));
  }

  /**
   * The ids of a text in which names of special tokens have no meaning: "[MASK]" is a bracket, a
   * word and a bracket. Added tokens that are not special still count. The first call loads a
   * second native tokenizer.
   */
  public int[] encodePlain(String text) {
    return plainEncoder.call(t -> ids(t.encode(clean(text), false, false)));
  }

  /** The same as {@link #encode} for each text, in one native call on all cores. */
  public int[][] encodeAll(List<String> texts) {
    if (texts.isEmpty()) {
      return new int[0][];
    }
    String[] cleaned = texts.stream().map(Tokenizer::clean).toArray(String[]::new);
    return encoder.call(
        t ->
            Arrays.stream(t.batchEncode(cleaned, false, false))
                .map(Tokenizer::ids)
                .toArray(int[][]::new));
  }

  /**
   * The ids of a word as it appears in running text.
   *
   * @param afterBlank true for the word after a blank ("a word"); false for the word after
   *     something that is no blank, such as a line break or bracket ("(word"). WordPiece models see
   *     no difference.
   */
  public int[] encodeWord(String word, boolean afterBlank) {
    // In context, since models differ in what they do to a blank at the very beginning: some add
    // one, some drop it, some keep it.
    for (String before : afterBlank ? BEFORE_WITH_BLANK : BEFORE_WITHOUT_BLANK) {
      int[] context = encode(before);
      int[] both = encode(before + (afterBlank ? " " : "") + word);
      boolean apart =
          context.length > 0
              && both.length > context.length
              && Arrays.equals(context, Arrays.copyOf(both, context.length));
      if (apart) {
        return Arrays.copyOfRange(both, context.length, both.length);
      }
    }
    return encode(word);
  }

  /** The text of ids, special tokens included. */
  public String decode(int[] ids) {
    return decode(ids, false);
  }

  /**
   * The text of ids. What is no whole UTF-8 character becomes U+FFFD. Blanks before punctuation are
   * kept as the tokenizer's own decoder has them.
   *
   * @param skipSpecials whether special tokens are left out
   * @throws IllegalArgumentException if an id belongs to no token
   */
  public String decode(int[] ids, boolean skipSpecials) {
    long[] wide = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      token(ids[i]); // the native decoder drops unknown ids silently
      wide[i] = ids[i];
    }
    return ids.length == 0 ? "" : encoder.call(t -> t.decode(wide, skipSpecials));
  }

  /**
   * The highest id plus one, added tokens included. A model's embedding may have more rows (padding
   * to a round number), and not every id below need belong to a token: see {@link #has}.
   */
  public int vocabularySize() {
    return entries.length;
  }

  /** Whether every id is the same token there as here, so that ids mean the same to both. */
  public boolean hasVocabularyOf(Tokenizer other) {
    return Arrays.equals(entries, other.entries);
  }

  /** Whether a token has that id. */
  public boolean has(int id) {
    return id >= 0 && id < entries.length && entries[id] != null;
  }

  /**
   * The raw vocabulary entry, such as "Ġgood", "##ing" or "▁the".
   *
   * @throws IllegalArgumentException if no token has that id
   */
  public String token(int id) {
    if (!has(id)) {
      throw new IllegalArgumentException(
          "No token has the id %d (%s, vocabulary size %d).".formatted(id, file, entries.length));
    }
    return entries[id];
  }

  /** The id of a raw vocabulary entry, compared as it is; nothing is tokenised. */
  public OptionalInt id(String token) {
    Integer id = ids.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /** A token for people, with visible blanks: "␣good", "##ing", "\n", "&lt;0xC3&gt;". */
  public String view(int id) {
    return view(id, Blanks.VISIBLE);
  }

  /**
   * A token for people: blanks as asked, control characters as escapes, single bytes as {@code
   * <0xC3>}; for an id without token {@code <id 50300>}.
   */
  public String view(int id, Blanks blanks) {
    if (!has(id)) {
      return "<id " + id + ">";
    }
    StringBuilder shown = new StringBuilder();
    text(id).chars().forEach(c -> show((char) c, blanks, shown));
    return shown.toString();
  }

  /** Which tokens are special. */
  public Specials specials() {
    return specials;
  }

  /**
   * Whether a token begins a word after a blank: "Ġ" or "▁" in front and more behind it; for
   * WordPiece, everything without "##". Special tokens do not. For {@link TokenizerKind#OTHER},
   * whose entries do not tell, always false.
   */
  public boolean startsWord(int id) {
    String entry = token(id);
    if (specials.all().contains(id)) {
      return false;
    }
    return switch (kind) {
      case WORDPIECE -> !entry.startsWith("##");
      case BYTE_LEVEL_BPE -> blankAndMore(entry, 'Ġ');
      case SENTENCEPIECE_BPE, UNIGRAM -> blankAndMore(entry, '▁');
      case OTHER -> false;
    };
  }

  /**
   * Whether AutoPrompt's filter counts a token as capitalised (Shin et al. 2020,
   * create_trigger.py): byte-level entries if a blank and an upper-case letter begin the text, all
   * others if an upper-case letter begins it. Entries of one character never count. As published,
   * WordPiece's "##Ing" does not count.
   */
  public boolean isCapitalised(int id) {
    String entry = token(id);
    if (entry.codePointCount(0, entry.length()) == 1) {
      return false;
    }
    String text = text(id);
    int letter = 0;
    if (kind == TokenizerKind.BYTE_LEVEL_BPE) {
      if (!text.startsWith(" ")) {
        return false;
      }
      letter = 1;
    } else if (text.startsWith(" ")) {
      letter = 1; // a leading ▁, which decoders drop
    }
    return letter < text.length() && Character.isUpperCase(text.codePointAt(letter));
  }

  @Override
  public void close() {
    encoder.close();
    plainEncoder.close();
  }

  /** The tokenizer's file and size. */
  @Override
  public String toString() {
    return "%s (%s, %d entries)".formatted(file, kind, entries.length);
  }

  /**
   * The native library numbers anew what does not fit in a file; then nothing here would be true.
   */
  private void checkAgainstNative(TokenizerJson json) {
    for (int id : encodeWithSpecials("")) {
      if (!has(id)) {
        throw unfit("its post_processor adds the id " + id + ", which belongs to no token");
      }
    }
    List<TokenizerJson.Added> named =
        json.added().stream().filter(t -> t.special() && !t.content().isBlank()).toList();
    int[][] found = encodeAll(named.stream().map(TokenizerJson.Added::content).toList());
    for (int i = 0; i < found.length; i++) {
      TokenizerJson.Added token = named.get(i);
      if (Arrays.stream(found[i]).noneMatch(id -> id == token.id())) {
        throw unfit(
            "its added token %s has the id %d but becomes %s"
                .formatted(token.content(), token.id(), Arrays.toString(found[i])));
      }
    }
  }

  private InvalidInputException unfit(String what) {
    return new InvalidInputException(
        "%s contradicts itself: %s; save it again with save_pretrained of the model's fast tokenizer."
            .formatted(file, what));
  }

  /** The text of one token, its blanks and control characters real, single bytes as "<0xC3>". */
  public String text(int id) {
    String entry = token(id);
    if (specials.all().contains(id)) {
      return entry;
    }
    return switch (kind) {
      case BYTE_LEVEL_BPE -> ByteLevel.text(entry);
      case SENTENCEPIECE_BPE, UNIGRAM -> entry.replace('▁', ' ');
      case WORDPIECE, OTHER -> entry;
    };
  }

  private static boolean blankAndMore(String entry, char blank) {
    return entry.length() > 1 && entry.charAt(0) == blank && entry.charAt(1) != blank;
  }

  private static void show(char c, Blanks blanks, StringBuilder into) {
    switch (c) {
      case ' ' -> into.append(blanks == Blanks.VISIBLE ? '␣' : ' ');
      case '\n' -> into.append("\\n");
      case '\r' -> into.append("\\r");
      case '\t' -> into.append("\\t");
      default -> {
        if (Character.isISOControl(c)) {
          into.append("\\u%04x".formatted((int) c));
        } else {
          into.append(c);
        }
      }
    }
  }

  private static int[] ids(Encoding encoding) {
    return Arrays.stream(encoding.getIds()).mapToInt(Math::toIntExact).toArray();
  }

  /** Text that UTF-8 can carry. */
  private static String clean(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        return text.codePoints()
            .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xfffd : c)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
            .toString();
      }
    }
    return text;
  }
}
