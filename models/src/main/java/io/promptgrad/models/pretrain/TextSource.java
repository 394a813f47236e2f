package io.promptgrad.models.pretrain;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * A set of text files of one kind and one licence.
 *
 * @param name its name in reports
 * @param files glob of its files, relative to the data root; read in the order of their names
 * @param format how a file falls into documents and paragraphs
 * @param column for {@link Format#ROWS}: which tab-separated field holds the text, from 1; 0 means
 *     the whole line
 * @param licence under which terms the text may be used; a source without one is refused
 * @param weight how often training draws from it relative to its length
 * @param heldOut what is never trained on, or null for nothing
 */
public record TextSource(
    String name,
    String files,
    Format format,
    int column,
    String licence,
    Double weight,
    HeldOut heldOut) {

  /** How a file falls into documents and paragraphs. */
  public enum Format {
    /** One document per line. */
    ROWS,
    /** Documents are separated by an empty line and have one paragraph per line. */
    BLOCKS,
    /** Hard-wrapped lines; paragraphs are separated by an empty line, chapters by several. */
    BOOK,
    /** The file is one document with one paragraph per line. */
    FILE
  }

  /**
   * The part that is never trained on.
   *
   * @param file a file's name (without folders)
   * @param lastDocuments how many documents at its end; 0 means the whole file
   */
  public record HeldOut(String file, int lastDocuments) {}

  /** A book's document is at least this long, so that title pages do not stand alone. */
  private static final int SHORTEST_BOOK_PART_IN_CHARACTERS = 2000;

  /** Checks that everything needed is there. */
  public TextSource {
    weight = weight == null ? 1.0 : weight;
    require(name, name, "name");
    require(name, files, "files");
    if (format == null) {
      throw new InvalidInputException("The source '%s' has no 'format'.".formatted(name));
    }
    require(name, licence, "licence");
    if (!(weight > 0)) {
      throw new InvalidInputException(
          "The source '%s' has weight %s; a weight is above 0.".formatted(name, weight));
    }
  }

  private static void require(String source, String value, String key) {
    if (value == null || value.isBlank()) {
      throw new InvalidInputException(
          "The source '%s' has no '%s'; say it in the corpus file.".formatted(source, key));
    }
  }

  /**
   * Reads all documents, held-out ones included, in the order of the files.
   *
   * @throws InvalidInputException if no file matches, a file is not UTF-8, or the held-out file is
   *     not among them
   */
  public void read(Path root, Consumer<Document> sink) {
    List<Path> paths = matching(root, files);
    if (paths.isEmpty()) {
      throw new InvalidInputException(
          "No file below %s matches '%s' of the source '%s'; check the data root."
              .formatted(root, files, name));
    }
    boolean held = heldOut == null;
    for (Path path : paths) {
      List<List<String>> documents = documents(path);
      int firstHeldOut = documents.size();
      if (heldOut != null && path.getFileName().toString().equals(heldOut.file)) {
        held = true;
        firstHeldOut =
            heldOut.lastDocuments == 0 ? 0 : Math.max(0, documents.size() - heldOut.lastDocuments);
      }
      for (int i = 0; i < documents.size(); i++) {
        sink.accept(new Document(documents.get(i), i >= firstHeldOut));
      }
    }
    if (!held) {
      throw new InvalidInputException(
          "The held-out file '%s' of the source '%s' is not among its %d files."
              .formatted(heldOut.file, name, paths.size()));
    }
  }

  /** All files below a root that match a glob, sorted. */
  static List<Path> matching(Path root, String glob) {
    PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + glob);
    try (Stream<Path> tree = Files.walk(root)) {
      return tree.filter(Files::isRegularFile)
          .filter(p -> matcher.matches(root.relativize(p)))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private List<List<String>> documents(Path path) {
    List<String> lines;
    try {
      lines = Files.readAllLines(path, StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      throw new InvalidInputException(
          "The text file %s is not UTF-8; convert it first.".formatted(path), e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "The text file %s cannot be read: %s.".formatted(path, e.getMessage()), e);
    }
    return switch (format) {
      case ROWS -> rows(path, lines);
      case BLOCKS -> blocks(lines);
      case BOOK -> book(lines);
      case FILE -> new Parts().add(lines).end().documents;
    };
  }

  private List<List<String>> rows(Path path, List<String> lines) {
    Parts parts = new Parts();
    for (int i = 0; i < lines.size(); i++) {
      String[] fields = lines.get(i).split("\t", -1);
      if (fields.length < column) {
        throw new InvalidInputException(
            "%s, line %d has %d fields but the text of source '%s' should be in field %d."
                .formatted(path, i + 1, fields.length, name, column));
      }
      parts.add(column == 0 ? lines.get(i) : fields[column - 1]).end();
    }
    return parts.documents;
  }

  private static List<List<String>> blocks(List<String> lines) {
    Parts parts = new Parts();
    for (String line : lines) {
      if (line.isBlank()) {
        parts.end();
      } else {
        parts.add(line);
      }
    }
    return parts.end().documents;
  }

  private static List<List<String>> book(List<String> lines) {
    Parts parts = new Parts();
    StringBuilder paragraph = new StringBuilder();
    int blank = 0;
    for (String line : lines) {
      if (line.isBlank()) {
        parts.add(paragraph.toString());
        paragraph.setLength(0);
        blank++;
        continue;
      }
      if (blank > 1 && parts.length >= SHORTEST_BOOK_PART_IN_CHARACTERS) {
        parts.end();
      }
      blank = 0;
      paragraph.append(paragraph.length() == 0 ? "" : " ").append(line.strip());
    }
    return parts.add(paragraph.toString()).end().documents;
  }

  /** Documents as they grow: cleaned lines are added, {@link #end} closes a document. */
  private static final class Parts {
    private final List<List<String>> documents = new ArrayList<>();
    private List<String> lines = new ArrayList<>();
    private int length;

    Parts add(String line) {
      String clean = TextCleaner.clean(line);
      if (!clean.isEmpty()) {
        lines.add(clean);
        length += clean.length();
      }
      return this;
    }

    Parts add(List<String> all) {
      all.forEach(this::add);
      return this;
    }

    Parts end() {
      if (!lines.isEmpty()) {
        documents.add(lines);
        lines = new ArrayList<>();
        length = 0;
      }
      return this;
    }
  }
}
