package io.promptgrad.data;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.files.TextFiles;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Columns;
import io.promptgrad.task.Example;
import io.promptgrad.task.ExampleFile;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How the rows of a data set lie in its files. Readers keep the cells as they are; what becomes of
 * them is said by {@link Column}s.
 */
sealed interface RowReader {

  /**
   * Reads a file.
   *
   * @param name the file's path, for messages; for tables its end tells TSV from CSV
   * @throws InvalidInputException naming file and line of what does not fit
   */
  Content read(byte[] content, String name);

  /**
   * What a file holds.
   *
   * @param notices what it says about itself, such as that it must not be trained on
   */
  record Content(List<Row> rows, List<String> notices) {
    Content(List<Row> rows) {
      this(rows, List.of());
    }
  }

  /**
   * One row.
   *
   * @param where file and line, for messages
   */
  record Row(String where, ObjectNode cells) {
    InvalidInputException problem(String what) {
      return new InvalidInputException("%s: %s.".formatted(where, what));
    }
  }

  /**
   * Columns split by tabs (without quoting) or by commas (with).
   *
   * @param columns their names if the first line does not say them
   * @param skipsFirstLine whether the first line is a header that these names replace
   */
  record Table(Optional<List<String>> columns, boolean skipsFirstLine) implements RowReader {
    @Override
    public Content read(byte[] content, String name) {
      Columns names = Columns.label("");
      if (columns.isPresent()) {
        names = names.withColumnNames(columns.get());
      }
      List<Row> rows = new ArrayList<>();
      for (Example row : ExampleFile.parse(skipsFirstLine ? tail(content) : content, name, names)) {
        ObjectNode cells = Json.object();
        row.fields().forEach(cells::put);
        rows.add(
            new Row(name + ", row " + row.id().substring(row.id().lastIndexOf(':') + 1), cells));
      }
      return new Content(rows);
    }

    private static byte[] tail(byte[] content) {
      int from = 0;
      while (from < content.length && content[from++] != '\n') {
        continue;
      }
      return Arrays.copyOfRange(content, from, content.length);
    }
  }

  /** A JSON object a line. */
  record JsonLines() implements RowReader {
    @Override
    public Content read(byte[] content, String name) {
      List<Row> rows = new ArrayList<>();
      List<String> lines = TextFiles.lines(TextFiles.utf8(content, name));
      for (int i = 0; i < lines.size(); i++) {
        if (!lines.get(i).isBlank()) {
          String where = "%s, line %d".formatted(name, i + 1);
          rows.add(new Row(where, object(json(lines.get(i), where), where)));
        }
      }
      return new Content(rows);
    }
  }

  /**
   * One JSON document with all rows.
   *
   * @param rows where they are: a list, or an object whose keys are row numbers
   * @param notice where the document has a text about itself
   */
  record JsonDocument(JsonPointer rows, Optional<JsonPointer> notice) implements RowReader {
    @Override
    public Content read(byte[] content, String name) {
      JsonNode document = json(TextFiles.utf8(content, name), name);
      JsonNode list = document.at(rows);
      if (!list.isContainerNode()) {
        throw new InvalidInputException(
            "%s: there is no list of rows%s; this is another kind of file."
                .formatted(name, rows.matches() ? "" : " at " + rows));
      }
      List<Row> found = new ArrayList<>();
      for (JsonNode row : list) {
        String where = "%s, row %d".formatted(name, found.size() + 1);
        found.add(
            new Row(where, row.isTextual() ? Json.object().set("text", row) : object(row, where)));
      }
      return new Content(
          found,
          notice.map(document::at).filter(JsonNode::isTextual).map(JsonNode::asText).stream()
              .toList());
    }
  }

  /** One text a line. Empty lines are texts too: the sizes that papers give count them. */
  record Lines() implements RowReader {
    @Override
    public Content read(byte[] content, String name) {
      List<Row> rows = new ArrayList<>();
      List<String> lines = TextFiles.lines(TextFiles.utf8(content, name));
      int end = lines.get(lines.size() - 1).isEmpty() ? lines.size() - 1 : lines.size();
      for (int i = 0; i < end; i++) {
        rows.add(
            new Row("%s, line %d".formatted(name, i + 1), Json.object().put("text", lines.get(i))));
      }
      return new Content(rows);
    }
  }

  /**
   * TREC's questions in Latin-1: {@code COARSE:fine text}. Cells are coarse, fine (with the coarse
   * class before it, since some fine names occur in several) and text.
   */
  record Questions() implements RowReader {
    private static final Pattern LINE = Pattern.compile("(([A-Z]+):[a-z]+) (.+)");

    @Override
    public Content read(byte[] content, String name) {
      List<Row> rows = new ArrayList<>();
      List<String> lines = TextFiles.lines(new String(content, StandardCharsets.ISO_8859_1));
      for (int i = 0; i < lines.size(); i++) {
        if (lines.get(i).isBlank()) {
          continue;
        }
        Matcher line = LINE.matcher(lines.get(i));
        ObjectNode cells = Json.object();
        Row row = new Row("%s, line %d".formatted(name, i + 1), cells);
        if (!line.matches()) {
          throw row.problem("a question begins with its class, such as 'NUM:dist How far'");
        }
        cells.put("coarse", line.group(2)).put("fine", line.group(1)).put("text", line.group(3));
        rows.add(row);
      }
      return new Content(rows);
    }
  }

  /**
   * A whole file is one text.
   *
   * @param after a line before the text; what precedes it is a notice
   */
  record Document(String after) implements RowReader {
    @Override
    public Content read(byte[] content, String name) {
      String text = TextFiles.utf8(content, name);
      String mark = "\n" + after + "\n";
      int at = text.indexOf(mark);
      if (at < 0) {
        throw new InvalidInputException(
            "%s has no line '%s' before its text; this is another kind of file."
                .formatted(name, after));
      }
      Row row = new Row(name, Json.object().put("text", text.substring(at + mark.length())));
      return new Content(List.of(row), List.of(text.substring(0, at).strip()));
    }
  }

  /**
   * Facts of LAMA and its descendants, a JSON object a line, in any of their shapes: subject and
   * object as {@code sub}, {@code obj} or {@code sub_label}, {@code obj_label}; the relation as
   * {@code predicate_id} or {@code pred}; sentences as {@code evidences} with masked sentences or
   * as {@code masked_sentences}. Cells are sub_label, obj_label, relation (if the row says it) and
   * evidences: a list of sub_surface, obj_surface, masked_sentence.
   */
  record Facts() implements RowReader {
    @Override
    public Content read(byte[] content, String name) {
      List<Row> rows = new ArrayList<>();
      for (Row row : new JsonLines().read(content, name).rows()) {
        ObjectNode cells = Json.object();
        String subject = text(row, "sub_label", "sub");
        String object = text(row, "obj_label", "obj");
        cells.put("sub_label", subject).put("obj_label", object);
        for (String relation : List.of("predicate_id", "pred")) {
          if (row.cells().path(relation).isTextual()) {
            cells.set("relation", row.cells().get(relation));
          }
        }
        ArrayNode evidences = cells.putArray("evidences");
        for (JsonNode evidence : row.cells().path("evidences")) {
          if (evidence.path("masked_sentence").isTextual()) {
            evidences
                .addObject()
                .put("sub_surface", evidence.path("sub_surface").asText(subject))
                .put("obj_surface", evidence.path("obj_surface").asText(object))
                .set("masked_sentence", evidence.get("masked_sentence"));
          }
        }
        for (JsonNode sentence : row.cells().path("masked_sentences")) {
          evidences
              .addObject()
              .put("sub_surface", subject)
              .put("obj_surface", object)
              .set("masked_sentence", sentence);
        }
        rows.add(new Row(row.where(), cells));
      }
      return new Content(rows);
    }

    private static String text(Row row, String key, String otherwise) {
      for (String name : List.of(key, otherwise)) {
        if (row.cells().path(name).isTextual()) {
          return row.cells().get(name).asText();
        }
      }
      throw row.problem("a fact needs the text '%s' or '%s'".formatted(key, otherwise));
    }
  }

  /**
   * Instruction induction's tasks (Honovich et al. 2022). Cells are input, output and answers: all
   * outputs that count as right. Where a task gives no input, it is made as its authors do: cause
   * and effect as two numbered sentences, in an order drawn by the row's number; a concept's items
   * joined by commas.
   */
  record InstructionInduction() implements RowReader {
    private static final List<String> ALTERNATIVES =
        List.of("possible_translations", "other_rhymes", "possible_outputs");

    @Override
    public Content read(byte[] content, String name) {
      List<Row> rows = new ArrayList<>();
      JsonDocument document = new JsonDocument(JsonPointer.compile("/examples"), Optional.empty());
      for (Row row : document.read(content, name).rows()) {
        rows.add(new Row(row.where(), cells(row, rows.size())));
      }
      return new Content(rows);
    }

    private static ObjectNode cells(Row row, int number) {
      ObjectNode given = row.cells();
      ObjectNode cells = Json.object();
      if (given.has("cause") && given.has("effect")) {
        String cause = given.get("cause").asText();
        String effect = given.get("effect").asText();
        boolean causeFirst = new RandomSource(0).stream("cause and effect", number).nextBoolean();
        cells.put(
            "input",
            "Sentence 1: %s Sentence 2: %s"
                .formatted(causeFirst ? cause : effect, causeFirst ? effect : cause));
        cells.put("output", cause).putArray("answers").add(cause);
      } else if (given.has("concept") && given.has("items")) {
        List<String> items = new ArrayList<>();
        given.get("items").forEach(item -> items.add(item.asText()));
        cells.put("input", String.join(", ", items)).set("output", given.get("concept"));
        cells.set("answers", given.path("all_common_concepts"));
      } else if (given.path("input").isTextual() && given.path("output").isTextual()) {
        cells.set("input", given.get("input"));
        cells.set("output", given.get("output"));
        cells.putArray("answers").add(given.get("output"));
        for (String alternatives : ALTERNATIVES) {
          if (given.has(alternatives)) {
            cells.set("answers", given.get(alternatives));
          }
        }
      } else {
        throw row.problem("expected input and output, cause and effect, or concept and items");
      }
      return cells;
    }
  }

  private static JsonNode json(String text, String where) {
    try {
      return Json.parse(text);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "%s: this is not JSON (%s).".formatted(where, Json.problem(e)), e);
    }
  }

  private static ObjectNode object(JsonNode node, String where) {
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new InvalidInputException("%s: expected a JSON object.".formatted(where));
  }
}
