package io.promptgrad.lm.tokenizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tokenizer of a llama2.c model as a {@code tokenizer.json}.
 *
 * <p>Its file is the length of the longest piece and then, for each piece, a float32 score, a
 * length and that many bytes of UTF-8; all little-endian. Pieces 0 to 2 stand for unknown, begin
 * and end, the next 256 for single bytes. It joins the two neighbours whose union has the highest
 * score, so a merge is any way to cut a piece into two pieces, in the order of the pieces' scores.
 * A text gets one blank in front and blanks are written as U+2581.
 */
public final class Llama2cTokenizer {

  private static final String BLANK = "▁";
  private static final List<String> SPECIALS = List.of("<unk>", "<s>", "</s>");
  private static final int FIRST_PIECE = 3 + 256;
  private static final int MOST_BYTES = 64 << 20;

  private Llama2cTokenizer() {}

  /**
   * Reads the file.
   *
   * @param vocabulary how many pieces the model has
   * @throws InvalidInputException if it is not such a file or has another number of pieces
   */
  public static ObjectNode toTokenizerJson(Path file, int vocabulary) {
    Map<String, Float> scores = read(file, vocabulary);
    Map<String, Integer> ids = new LinkedHashMap<>();
    scores.keySet().forEach(piece -> ids.put(piece, ids.size()));
    ObjectNode json = Json.object();
    json.put("version", "1.0");
    ArrayNode added = json.putArray("added_tokens");
    for (String special : SPECIALS) {
      added
          .addObject()
          .put("id", ids.get(special))
          .put("content", special)
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    ArrayNode normalizers =
        json.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
    normalizers.addObject().put("type", "Prepend").put("prepend", BLANK);
    replace(normalizers.addObject(), " ", BLANK);
    putBeginning(json.putObject("post_processor"));
    ArrayNode decoders = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
    replace(decoders.addObject(), BLANK, " ");
    decoders.addObject().put("type", "ByteFallback");
    decoders.addObject().put("type", "Fuse");
    decoders.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    ObjectNode model =
        json.putObject("model")
            .put("type", "BPE")
            .put("unk_token", SPECIALS.get(0))
            .put("fuse_unk", true)
            .put("byte_fallback", true);
    ObjectNode vocab = model.putObject("vocab");
    ids.forEach(vocab::put);
    merges(scores, ids).forEach(model.putArray("merges")::add);
    return json;
  }

  private static void replace(ObjectNode node, String from, String to) {
    node.put("type", "Replace").put("content", to).putObject("pattern").put("String", from);
  }

  private static void putBeginning(ObjectNode processor) {
    processor.put("type", "TemplateProcessing");
    ArrayNode single = processor.putArray("single");
    ArrayNode pair = processor.putArray("pair");
    for (int sequence = 0; sequence < 2; sequence++) {
      for (ArrayNode form : sequence == 0 ? List.of(single, pair) : List.of(pair)) {
        form.addObject().putObject("SpecialToken").put("id", "<s>").put("type_id", sequence);
        form.addObject()
            .putObject("Sequence")
            .put("id", sequence == 0 ? "A" : "B")
            .put("type_id", sequence);
      }
    }
    ObjectNode begin = processor.putObject("special_tokens").putObject("<s>").put("id", "<s>");
    begin.putArray("ids").add(SPECIALS.indexOf("<s>"));
    begin.putArray("tokens").add("<s>");
  }

  /** "left right" for every cut of every piece; best piece first, then by the left part's id. */
  private static List<String> merges(Map<String, Float> scores, Map<String, Integer> ids) {
    List<String> pieces =
        scores.keySet().stream()
            .filter(piece -> ids.get(piece) >= FIRST_PIECE)
            .sorted(Comparator.comparing(scores::get, Comparator.reverseOrder()))
            .toList();
    List<String> merges = new ArrayList<>();
    for (String piece : pieces) {
      List<String> lefts = new ArrayList<>();
      for (int cut = 1; cut < piece.length(); cut++) {
        if (isPiece(piece.substring(0, cut), ids) && isPiece(piece.substring(cut), ids)) {
          lefts.add(piece.substring(0, cut));
        }
      }
      lefts.sort(Comparator.comparing(ids::get));
      lefts.forEach(left -> merges.add(left + " " + piece.substring(left.length())));
    }
    return merges;
  }

  private static boolean isPiece(String text, Map<String, Integer> ids) {
    return ids.getOrDefault(text, 0) >= FIRST_PIECE;
  }

  /** Scores by piece, in the order of the ids. */
  private static Map<String, Float> read(Path file, int vocabulary) {
    Map<String, Float> scores = new LinkedHashMap<>();
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw unfit(file, "it is too large", null);
      }
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
      int longest = bytes.getInt();
      while (bytes.hasRemaining()) {
        float score = bytes.getFloat();
        int length = bytes.getInt();
        if (length < 0 || length > Math.max(longest, 16) || length > bytes.remaining()) {
          throw unfit(file, "piece " + scores.size() + " has " + length + " bytes", null);
        }
        String text =
            StandardCharsets.UTF_8.newDecoder().decode(bytes.slice().limit(length)).toString();
        bytes.position(bytes.position() + length);
        String piece =
            scores.size() < SPECIALS.size()
                ? SPECIALS.get(scores.size())
                : text.replace(" ", BLANK);
        if (Float.isNaN(score) || scores.put(piece, score) != null) {
          throw unfit(file, "piece " + scores.size() + " occurs twice or has no score", null);
        }
      }
    } catch (BufferUnderflowException e) {
      throw unfit(file, "it ends in the middle of a piece", e);
    } catch (CharacterCodingException e) {
      throw unfit(file, "piece " + scores.size() + " is not UTF-8", e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read (%s); check the file and its permissions.".formatted(file, e), e);
    }
    if (scores.size() != vocabulary || vocabulary < FIRST_PIECE) {
      throw unfit(
          file,
          "it has %d pieces, the model has %d tokens".formatted(scores.size(), vocabulary),
          null);
    }
    return scores;
  }

  private static InvalidInputException unfit(Path file, String what, Exception cause) {
    return new InvalidInputException(
        "%s is not the tokenizer of this llama2.c model (%s); name the file that belongs to it."
            .formatted(file, what),
        cause);
  }
}
