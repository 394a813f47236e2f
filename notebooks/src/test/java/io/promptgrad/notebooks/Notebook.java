package io.promptgrad.notebooks;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A notebook file.
 *
 * @param name the file's name
 * @param json its content
 * @param cells its cells in order
 */
record Notebook(String name, JsonNode json, List<Cell> cells) {

  /**
   * One cell.
   *
   * @param number from 1, counting all cells, as a person would count them
   * @param kind {@code code} or {@code markdown}
   * @param source its text
   * @param json all of it
   */
  record Cell(int number, String kind, String source, JsonNode json) {

    boolean isCode() {
      return kind.equals("code");
    }

    /** What the Java compiler gets to see: line magics are for the kernel. */
    String java() {
      return source
          .lines()
          .filter(line -> !line.startsWith("%"))
          .reduce("", (text, line) -> text + line + "\n");
    }
  }

  static Notebook read(Path file) throws IOException {
    JsonNode json = Json.parse(Files.readString(file));
    List<Cell> cells = new ArrayList<>();
    for (JsonNode cell : json.path("cells")) {
      StringBuilder source = new StringBuilder();
      cell.path("source").forEach(line -> source.append(line.asText()));
      cells.add(
          new Cell(
              cells.size() + 1, cell.path("cell_type").asText(), source.toString(), cell));
    }
    return new Notebook(file.getFileName().toString(), json, List.copyOf(cells));
  }

  /** All notebooks of this module; tests run in its folder. */
  static List<Notebook> all() throws IOException {
    List<Notebook> notebooks = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of(""), "*.ipynb")) {
      for (Path file : files) {
        notebooks.add(read(file));
      }
    }
    return notebooks;
  }

  List<Cell> codeCells() {
    return cells.stream().filter(Cell::isCode).toList();
  }

  @Override
  public String toString() {
    return name;
  }
}
