package io.promptgrad.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import io.promptgrad.files.TextFiles;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Columns;
import io.promptgrad.task.Example;
import io.promptgrad.task.ExampleFile;
import io.promptgrad.task.LeakCheck;
import io.promptgrad.task.LeakReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * A data set in our own form: named splits of rows, perhaps in parts (the tasks of a benchmark, the
 * relations of LAMA, the draws of a few-shot set).
 *
 * <p>On the disk it is a folder with {@code dataset.json} (what it is, where it came from, checksum
 * and row counts), a file of JSON lines for each split, {@code SPLIT.jsonl} or {@code
 * PART/SPLIT.jsonl}, and {@code leaks.jsonl} with the texts that occur in more than one split.
 */
public final class Dataset {

  private static final String FILE = "dataset.json";
  private static final String LEAKS = "leaks.jsonl";

  private final DatasetInfo info;
  private final List<Split> splits;

  Dataset(DatasetInfo info, List<Split> splits) {
    this.info = info;
    this.splits = List.copyOf(splits);
  }

  /**
   * A split of a part.
   *
   * @param part the part's name; "" if the data set has no parts, or for a split that all parts
   *     share
   * @param name the split's name, often train, dev or test
   * @param rows how many rows it has
   * @param labels how many of them have which label; empty without labels, or if there are more
   *     than a hundred
   * @param lines gives the rows as JSON lines
   */
  public record Split(
      String part, String name, int rows, Map<String, Integer> labels, Supplier<byte[]> lines) {

    /** Copies the counts, sorted. */
    public Split {
      labels = Collections.unmodifiableMap(new TreeMap<>(labels));
    }

    private String file() {
      return (part.isEmpty() ? "" : part + "/") + name + ".jsonl";
    }
  }

  /** Returns what is known about it. */
  public DatasetInfo info() {
    return info;
  }

  /** Returns all splits of all parts. */
  public List<Split> splits() {
    return splits;
  }

  /** Returns the names of its parts, sorted; only "" if it has none. */
  public List<String> parts() {
    List<String> parts =
        splits.stream().map(Split::part).filter(p -> !p.isEmpty()).distinct().sorted().toList();
    return parts.isEmpty() ? List.of("") : parts;
  }

  /** Returns the splits of a part, those that it shares with other parts included. */
  public List<Split> splits(String part) {
    return splits.stream().filter(s -> s.part().equals(part) || s.part().isEmpty()).toList();
  }

  /**
   * Returns a split.
   *
   * @param part "" if the data set has no parts
   * @throws InvalidInputException if there is no such part or split
   */
  public Split split(String part, String name) {
    requirePart(part);
    return splits(part).stream()
        .filter(split -> split.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "%s has no split '%s'; it has %s."
                        .formatted(
                            fullName(part),
                            name,
                            splits(part).stream().map(Split::name).toList())));
  }

  /**
   * Checks that there is such a part.
   *
   * @throws InvalidInputException naming some that there are
   */
  public void requirePart(String part) {
    List<String> parts = parts();
    if (!parts.contains(part)) {
      throw new InvalidInputException(
          parts.get(0).isEmpty()
              ? "The data set %s has no parts; leave out '/%s'.".formatted(info.name(), part)
              : part.isEmpty()
                  ? "The data set %s has %d parts; name one, such as %s."
                      .formatted(info.name(), parts.size(), fullName(parts.get(0)))
                  : "The data set %s has no part '%s'; it has %s%s."
                      .formatted(
                          info.name(),
                          part,
                          String.join(", ", parts.subList(0, Math.min(8, parts.size()))),
                          parts.size() > 8 ? " and others" : ""));
    }
  }

  private String fullName(String part) {
    return part.isEmpty() ? info.name() : info.name() + "/" + part;
  }

  /**
   * Reads the examples of a split with all columns; ids are {@code "SPLIT:ROW"}.
   *
   * @throws InvalidInputException if there is no such part or split, or its file is damaged
   */
  public List<Example> examples(String part, String split) {
    return examples(split(part, split), Columns.label(info.label()));
  }

  private List<Example> examples(Split split, Columns columns) {
    if (split.rows() == 0) {
      return List.of();
    }
    List<Example> examples = new ArrayList<>();
    String name = info.name() + "/" + split.file();
    for (Example row : ExampleFile.parse(split.lines().get(), name, columns)) {
      String number = row.id().substring(row.id().lastIndexOf(':'));
      examples.add(new Example(split.name() + number, row.fields(), row.label()));
    }
    if (examples.size() != split.rows()) {
      throw new InvalidInputException(
          "%s has %,d rows, but %,d were imported; import it again."
              .formatted(name, examples.size(), split.rows()));
    }
    return examples;
  }

  /** Compares the splits of each part; parts without leaks are left out. */
  public Map<String, LeakReport> leaks() {
    Map<String, LeakReport> leaks = new LinkedHashMap<>();
    Map<String, List<Example>> shared = new LinkedHashMap<>();
    for (String part : parts()) {
      Map<String, List<Example>> compared = new LinkedHashMap<>();
      for (Split split : splits(part)) {
        compared.put(
            split.name(),
            split.part().isEmpty()
                ? shared.computeIfAbsent(split.name(), name -> compared(split))
                : compared(split));
      }
      LeakReport report = LeakCheck.check(compared, info.compare());
      if (!report.clean()) {
        leaks.put(part, report);
      }
    }
    return leaks;
  }

  /** The rows with the columns that make two of them the same. */
  private List<Example> compared(Split split) {
    List<Example> rows = new ArrayList<>();
    for (Example row : examples(split, Columns.label(""))) {
      Map<String, String> fields = new LinkedHashMap<>();
      info.compare().forEach(column -> fields.put(column, row.fields().getOrDefault(column, "")));
      rows.add(new Example(row.id(), fields, ""));
    }
    return rows;
  }

  // ------------------------------------------------------------------ on the disk

  /** Returns whether a folder holds a data set in our form. */
  public static boolean isAt(Path folder) {
    return Files.isRegularFile(folder.resolve(FILE));
  }

  /**
   * Opens a data set that {@link #write} wrote; splits are read when they are asked for.
   *
   * @throws InvalidInputException if its description is missing or damaged
   */
  public static Dataset open(Path folder) {
    Path file = folder.resolve(FILE);
    JsonNode json;
    try {
      json = Json.parse(TextFiles.utf8(TextFiles.read(file), file.toString()));
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "%s is not JSON (%s); import the data set again.".formatted(file, Json.problem(e)), e);
    }
    List<Split> splits = new ArrayList<>();
    for (JsonNode node : json.path("splits")) {
      Map<String, Integer> labels = new TreeMap<>();
      node.path("labels").properties().forEach(l -> labels.put(l.getKey(), l.getValue().asInt()));
      Path lines = folder.resolve(node.path("file").asText());
      splits.add(
          new Split(
              node.path("part").asText(""),
              node.path("split").asText(),
              node.path("rows").asInt(),
              labels,
              () -> TextFiles.read(lines)));
    }
    if (splits.isEmpty() || !json.path("name").isTextual()) {
      throw new InvalidInputException("%s describes no data set; import it again.".formatted(file));
    }
    return new Dataset(DatasetInfo.fromJson(json), splits);
  }

  /**
   * Writes the data set; an older copy of it is replaced.
   *
   * @param folder the data set's own
   * @param time the time of the import
   * @throws InvalidInputException if something else is there, or it cannot be written
   */
  public void write(Path folder, Instant time) {
    if (Files.exists(folder) && !isAt(folder)) {
      throw new InvalidInputException(
          "%s exists and is no imported data set; choose another data folder with --dir, or move it away."
              .formatted(folder));
    }
    Path absolute = folder.toAbsolutePath();
    Path temporary = absolute.resolveSibling("." + absolute.getFileName() + ".part");
    Path old = absolute.resolveSibling("." + absolute.getFileName() + ".old");
    try {
      delete(temporary);
      delete(old);
      for (Split split : splits) {
        AtomicFiles.write(temporary.resolve(split.file()), split.lines().get());
      }
      Map<String, LeakReport> leaks = leaks();
      AtomicFiles.write(temporary.resolve(LEAKS), leakLines(leaks));
      AtomicFiles.write(
          temporary.resolve(FILE),
          Json.pretty(toJson(info.importedAt(time.truncatedTo(ChronoUnit.SECONDS)), leaks)));
      if (Files.exists(absolute)) {
        Files.move(absolute, old);
      }
      Files.move(temporary, absolute);
      delete(old);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be written (%s); make room or choose another folder with --dir."
              .formatted(folder, e),
          e);
    }
  }

  private ObjectNode toJson(DatasetInfo described, Map<String, LeakReport> leaks) {
    ObjectNode json = described.toJson();
    ArrayNode list = json.putArray("splits");
    for (Split split : splits) {
      ObjectNode node = list.addObject();
      if (!split.part().isEmpty()) {
        node.put("part", split.part());
      }
      node.put("split", split.name()).put("file", split.file()).put("rows", split.rows());
      if (!split.labels().isEmpty()) {
        node.set("labels", Json.tree(split.labels()));
      }
    }
    json.set("leaks", leaksJson(leaks));
    return json;
  }

  /** Returns the numbers of leaks by part and pair of splits. */
  public static ObjectNode leaksJson(Map<String, LeakReport> leaks) {
    ObjectNode json = Json.object();
    leaks.forEach((part, report) -> json.set(part, Json.tree(report.counts())));
    return json;
  }

  private static String leakLines(Map<String, LeakReport> leaks) {
    StringBuilder lines = new StringBuilder();
    leaks.forEach(
        (part, report) ->
            report
                .leaks()
                .forEach(
                    leak ->
                        lines
                            .append(
                                Json.line(
                                    Json.object()
                                        .put("part", part)
                                        .put("splits", leak.splits())
                                        .put("first", leak.first())
                                        .put("second", leak.second())
                                        .put("text", leak.text())))
                            .append('\n')));
    return lines.toString();
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    List<Path> content;
    try (Stream<Path> files = Files.walk(folder)) {
      content = files.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : content) {
      Files.delete(file);
    }
  }
}
