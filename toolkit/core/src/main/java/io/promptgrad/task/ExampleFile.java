package io.promptgrad.task;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Reads examples from UTF-8 files; the name's end says which format.
 *
 * <ul>
 *   <li>{@code .tsv}, {@code .txt}: one row per line, split on tabs. There is no quoting: a quote
 *       is a character like any other, as in the GLUE files.
 *   <li>{@code .csv}: comma-separated with standard double quotes (RFC 4180).
 *   <li>{@code .jsonl}: one JSON object per line. Strings, numbers and booleans become text, null
 *       becomes "", and an array or object becomes its JSON text.
 * </ul>
 *
 * <p>Text is kept exactly, blanks at the ends included; only a byte order mark and carriage returns
 * at line ends go. Empty lines are skipped.
 */
public final class ExampleFile {

  private final String name;
  private final Columns columns;
  private final List<Example> examples = new ArrayList<>();

  private ExampleFile(String name, Columns columns) {
    this.name = name;
    this.columns = columns;
  }

  /**
   * Reads a file; example ids begin with the file's name.
   *
   * @throws InvalidInputException naming file and line if it cannot be read
   */
  public static List<Example> read(Path file, Columns columns) {
    if (Files.isDirectory(file)) {
      throw new InvalidInputException(
          "%s is a folder; name a .tsv, .csv or .jsonl file.".formatted(file));
    }
    if (!Files.exists(file)) {
      throw new InvalidInputException(
          "There is no file %s; check the path (relative paths start at %s)."
              .formatted(file, Path.of("").toAbsolutePath()));
    }
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read: %s; check its permissions.".formatted(file, e), e);
    }
    return parse(bytes, file.toString(), columns);
  }

  /**
   * Reads a file's content.
   *
   * @param name the file's name or path; its end gives the format
   * @throws InvalidInputException naming file and line if it cannot be read
   */
  public static List<Example> parse(byte[] content, String name, Columns columns) {
    ExampleFile file = new ExampleFile(name, columns);
    String text = file.decode(content);
    String lowerCase = name.toLowerCase(Locale.ROOT);
    if (lowerCase.endsWith(".tsv") || lowerCase.endsWith(".txt")) {
      file.readTsv(text);
    } else if (lowerCase.endsWith(".csv")) {
      file.readCsv(text);
    } else if (lowerCase.endsWith(".jsonl")) {
      file.readJsonLines(text);
    } else {
      throw new InvalidInputException(
          "%s has no known format; the name must end in .tsv, .txt (tab-separated), .csv or .jsonl."
              .formatted(name));
    }
    if (file.examples.isEmpty()) {
      throw new InvalidInputException("%s has no rows; give it at least one.".formatted(name));
    }
    return List.copyOf(file.examples);
  }

  private String decode(byte[] content) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer bytes = ByteBuffer.wrap(content);
    CharBuffer chars = CharBuffer.allocate(content.length);
    CoderResult result = decoder.decode(bytes, chars, true);
    if (result.isError()) {
      int line = 1;
      for (int i = 0; i < bytes.position(); i++) {
        if (content[i] == '\n') {
          line++;
        }
      }
      throw problem(line, "this is not UTF-8; convert the file to UTF-8");
    }
    String text = chars.flip().toString();
    return text.startsWith("\uFEFF") ? text.substring(1) : text;
  }

  // Tab-separated

  private void readTsv(String text) {
    List<String> header = columns.columnNames().orElse(null);
    if (header != null) {
      checkHeader(header, 1);
    }
    List<String> lines = lines(text);
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).isEmpty()) {
        continue;
      }
      List<String> cells = List.of(lines.get(i).split("\t", -1));
      if (header == null) {
        header = cells;
        checkHeader(header, i + 1);
      } else {
        addRow(header, cells, i + 1);
      }
    }
  }

  /**
   * Splits at line feeds only: other characters that Unicode calls line ends occur within texts.
   */
  private static List<String> lines(String text) {
    List<String> lines = new ArrayList<>();
    for (String line : text.split("\n", -1)) {
      lines.add(line.endsWith("\r") ? line.substring(0, line.length() - 1) : line);
    }
    return lines;
  }

  // Comma-separated; by hand, since readers at hand take blanks away

  private void readCsv(String text) {
    List<String> header = columns.columnNames().orElse(null);
    if (header != null) {
      checkHeader(header, 1);
    }
    int at = 0;
    int line = 1;
    while (at < text.length()) {
      int rowAt = at;
      int rowLine = line;
      List<String> cells = new ArrayList<>();
      boolean more = true;
      while (more) {
        StringBuilder cell = new StringBuilder();
        if (at < text.length() && text.charAt(at) == '"') {
          int end = readQuoted(text, at, line, cell);
          line += (int) text.substring(at, end).chars().filter(c -> c == '\n').count();
          at = end;
          if (at < text.length() && text.charAt(at) != ',' && !endsLine(text, at)) {
            throw problem(line, "this is not CSV (text follows a cell's closing quote)");
          }
        }
        while (at < text.length() && text.charAt(at) != ',' && !endsLine(text, at)) {
          cell.append(text.charAt(at++));
        }
        cells.add(cell.toString());
        more = at < text.length() && text.charAt(at) == ',';
        at += more ? 1 : 0;
      }
      boolean emptyLine = at == rowAt;
      at = Math.min(text.length(), text.startsWith("\r", at) ? at + 2 : at + 1);
      line++;
      if (emptyLine) {
        continue;
      }
      if (header == null) {
        header = cells;
        checkHeader(header, rowLine);
      } else {
        addRow(header, cells, rowLine);
      }
    }
  }

  /** Reads a cell from its opening quote; two quotes inside stand for one. Returns its end. */
  private int readQuoted(String text, int open, int line, StringBuilder cell) {
    int at = open + 1;
    while (true) {
      int quote = text.indexOf('"', at);
      if (quote < 0) {
        throw problem(line, "this is not CSV (the quote of a cell is never closed)");
      }
      cell.append(text, at, quote);
      if (!text.startsWith("\"\"", quote)) {
        return quote + 1;
      }
      cell.append('"');
      at = quote + 2;
    }
  }

  private static boolean endsLine(String text, int at) {
    return text.charAt(at) == '\n' || text.startsWith("\r\n", at);
  }

  // JSON lines

  private void readJsonLines(String text) {
    List<String> lines = lines(text);
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).isBlank()) {
        continue;
      }
      JsonNode row;
      try {
        row = Json.parse(lines.get(i));
      } catch (JsonProcessingException e) {
        throw problem(i + 1, "this is not JSON (%s)".formatted(Json.problem(e)));
      }
      if (!row.isObject()) {
        throw problem(i + 1, "expected a JSON object with one key per field");
      }
      Map<String, String> fields = new LinkedHashMap<>();
      int lineNumber = i + 1;
      row.properties()
          .forEach(
              cell -> {
                JsonNode value = cell.getValue();
                if (value.isContainerNode() && cell.getKey().equals(columns.labelField())) {
                  throw problem(
                      lineNumber,
                      "the label '%s' is not a string, number or boolean".formatted(cell.getKey()));
                }
                fields.put(cell.getKey(), text(value));
              });
      addExample(fields, i + 1);
    }
  }

  private static String text(JsonNode value) {
    if (value.isNull()) {
      return "";
    }
    return value.isContainerNode() ? Json.line(value) : value.asText();
  }

  // Rows

  private void checkHeader(List<String> header, int line) {
    if (new HashSet<>(header).size() < header.size()) {
      throw problem(line, "the header %s names a column twice".formatted(header));
    }
    String label = columns.labelField();
    if (!label.isEmpty() && !header.contains(label)) {
      throw problem(
          line,
          ("there is no label column '%s' among %s; name the right one, or give column "
                  + "names if the file has no header")
              .formatted(label, header));
    }
  }

  private void addRow(List<String> header, List<String> cells, int line) {
    if (cells.size() != header.size()) {
      throw problem(
          line,
          "the row has %d columns, but the header has %d %s"
              .formatted(cells.size(), header.size(), header));
    }
    Map<String, String> fields = new LinkedHashMap<>();
    for (int i = 0; i < cells.size(); i++) {
      fields.put(header.get(i), cells.get(i));
    }
    addExample(fields, line);
  }

  private void addExample(Map<String, String> fields, int line) {
    String label = "";
    if (!columns.labelField().isEmpty()) {
      label = fields.remove(columns.labelField());
      if (label == null) {
        throw problem(
            line,
            "the row has no label '%s', only %s".formatted(columns.labelField(), fields.keySet()));
      }
      if (columns.labelNames().isPresent()) {
        Map<String, String> names = columns.labelNames().get();
        if (!names.containsKey(label)) {
          throw problem(
              line, "the label '%s' is not among the labels %s".formatted(label, names.keySet()));
        }
        label = names.get(label);
      }
    }
    String base = name.substring(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
    examples.add(new Example(base + ":" + (examples.size() + 1), fields, label));
  }

  private InvalidInputException problem(int line, String what) {
    return new InvalidInputException("%s, line %d: %s.".formatted(name, line, what));
  }
}
