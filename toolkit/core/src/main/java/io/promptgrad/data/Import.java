package io.promptgrad.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.files.TextFiles;
import io.promptgrad.input.InvalidInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Reads a data set as its authors gave it out, checks what is known about it, and brings it into
 * our own form.
 */
public final class Import {

  /**
   * Labels are counted as long as there are no more of them: answers in free text are not classes.
   */
  private static final int MOST_LABELS = 100;

  private final CatalogueEntry entry;
  private final Layout layout;
  private final Path base;
  private final boolean force;
  private final TreeMap<String, byte[]> digests = new TreeMap<>(); // by path below the base
  private final TreeSet<String> notices = new TreeSet<>();
  private final List<String> warnings = new ArrayList<>();
  private final Map<String, String> templates = new HashMap<>(); // by relation
  private final TreeSet<String> templateFiles = new TreeSet<>();

  private Import(CatalogueEntry entry, Place place, boolean force) {
    this.entry = entry;
    this.layout = place.layout();
    this.base = place.base();
    this.force = force;
  }

  /** Where the files of a data set are, and in which layout. */
  private record Place(Path base, Layout layout) {}

  /** Returns whether a folder holds all splits of a data set in a layout that is known. */
  public static boolean isOriginal(CatalogueEntry entry, Path folder) {
    return Files.isDirectory(folder) && place(entry, folder, false).isPresent();
  }

  /**
   * Reads a data set.
   *
   * @param folder holds its files, in one of the layouts that the catalogue knows, itself or in a
   *     sub-folder of a usual name
   * @param source where they came from, for {@code dataset.json}
   * @param force whether to go on where a split is missing or has another size than is known
   * @throws InvalidInputException if files are missing, cannot be read or have another size
   */
  public static Dataset read(CatalogueEntry entry, Path folder, String source, boolean force) {
    if (!Files.isDirectory(folder)) {
      throw new InvalidInputException(
          "There is no folder %s to import %s from; name the folder that holds its files."
              .formatted(folder, entry.name()));
    }
    Place place =
        place(entry, folder, false)
            .or(() -> place(entry, folder, true))
            .orElseThrow(
                () ->
                    new InvalidInputException(
                        "%s holds no files of %s; looked for %s there and in sub-folders named %s."
                            .formatted(folder, entry.name(), entry.paths(), folderNames(entry))));
    return new Import(entry, place, force).read(source);
  }

  private static List<String> folderNames(CatalogueEntry entry) {
    return Stream.concat(Stream.of(entry.name()), entry.folders().stream()).distinct().toList();
  }

  /** The first place with files of all splits, or of any. */
  private static Optional<Place> place(CatalogueEntry entry, Path folder, boolean any) {
    List<Path> bases = new ArrayList<>(basesIn(entry, folder));
    onlyFolderIn(folder).ifPresent(only -> bases.addAll(basesIn(entry, only)));
    for (Path base : bases) {
      for (Layout layout : entry.layouts()) {
        List<String> present = layout.present(base);
        if (any ? !present.isEmpty() : present.size() == layout.splits().size()) {
          return Optional.of(new Place(base, layout));
        }
      }
    }
    return Optional.empty();
  }

  /** The folder, those of a usual name in it, and those in these. */
  private static List<Path> basesIn(CatalogueEntry entry, Path folder) {
    List<Path> bases = new ArrayList<>(List.of(folder));
    for (int round = 0; round < 2; round++) {
      for (Path base : List.copyOf(bases)) {
        folderNames(entry).forEach(name -> bases.add(base.resolve(name)));
      }
    }
    return bases.stream()
        .distinct()
        .filter(base -> Files.isDirectory(base) && !Dataset.isAt(base)) // else not its original
        .toList();
  }

  /** Archives hold their files in one folder. */
  private static Optional<Path> onlyFolderIn(Path folder) {
    try (Stream<Path> children = Files.list(folder)) {
      List<Path> folders =
          children
              .filter(Files::isDirectory)
              .filter(child -> !child.getFileName().toString().matches("\\..*|__MACOSX"))
              .toList();
      return folders.size() == 1 ? Optional.of(folders.get(0)) : Optional.empty();
    } catch (IOException e) {
      throw new InvalidInputException(
          "The folder %s cannot be read: %s; check its permissions.".formatted(folder, e), e);
    }
  }

  // ------------------------------------------------------------------ reading

  private Dataset read(String source) {
    List<Dataset.Split> splits = new ArrayList<>();
    for (String split : layout.splits().keySet()) {
      Map<String, List<PathPattern.Match>> files = layout.files(split, base);
      if (files.isEmpty()) {
        complain(
            "%s has no file %s for the split %s of %s"
                .formatted(base, layout.splits().get(split).get(0), split, entry.name()));
      }
      List<Dataset.Split> parts = new ArrayList<>();
      files.forEach((part, matches) -> parts.add(split(part, split, matches)));
      checkSizes(split, parts);
      splits.addAll(parts);
    }
    String checksum = checksum(digests);
    if (layout.sha256().isPresent() && !layout.sha256().get().equals(checksum)) {
      warnings.add("The files differ from those that the catalogue knows.");
    }
    return new Dataset(
        new DatasetInfo(
            entry.name(),
            entry.title(),
            entry.citation(),
            entry.licence(),
            source,
            checksum,
            layout.sha256().map(checksum::equals),
            Optional.empty(),
            entry.label(),
            entry.text(),
            entry.compare(),
            entry.task(),
            List.copyOf(notices),
            warnings),
        splits);
  }

  private Dataset.Split split(String part, String split, List<PathPattern.Match> matches) {
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    Map<String, Integer> labels = new TreeMap<>();
    int rows = 0;
    for (PathPattern.Match match : matches) {
      byte[] bytes = file(match);
      RowReader.Content content = entry.reader().read(bytes, match.file().toString());
      notices.addAll(content.notices());
      for (RowReader.Row row : content.rows()) {
        ObjectNode normal = normal(row, match.values());
        lines.writeBytes((Json.line(normal) + "\n").getBytes(StandardCharsets.UTF_8));
        if (!entry.label().isEmpty()) {
          labels.merge(normal.path(entry.label()).asText(), 1, Integer::sum);
        }
        rows++;
      }
    }
    byte[] content = lines.toByteArray();
    return new Dataset.Split(
        part, split, rows, labels.size() > MOST_LABELS ? Map.of() : labels, () -> content);
  }

  private byte[] file(PathPattern.Match match) {
    byte[] bytes = TextFiles.read(match.file());
    digests.put(match.path(), sha256().digest(bytes));
    return bytes;
  }

  /** The row's columns; names in the file's path are cells too, and so is a relation's template. */
  private ObjectNode normal(RowReader.Row row, Map<String, String> values) {
    values.forEach((name, value) -> row.cells().put("{" + name + "}", value));
    if (entry.reader() instanceof RowReader.Facts) {
      String relation =
          values.getOrDefault("part", row.cells().path("relation").asText("")); // "" for SQuAD
      row.cells().put("relation", relation);
      row.cells().put("template", template(relation));
    }
    ObjectNode normal = Json.object();
    for (Column column : entry.columns()) {
      column.read(row).ifPresent(value -> normal.set(column.name(), value));
    }
    return normal;
  }

  // ------------------------------------------------------------------ templates of relations

  private String template(String relation) {
    for (PathPattern pattern : layout.templates()) {
      // A file of one relation is named after it; a file of several says which in each row.
      String path = pattern.fill(Map.of("part", relation));
      if (Files.isRegularFile(base.resolve(path))) {
        if (templateFiles.add(path)) {
          readTemplates(new PathPattern.Match(base.resolve(path), path, Map.of()), relation);
        }
        break;
      }
    }
    return templates.getOrDefault(relation, "");
  }

  private void readTemplates(PathPattern.Match match, String relation) {
    for (RowReader.Row row :
        new RowReader.JsonLines().read(file(match), match.file().toString()).rows()) {
      JsonNode template = row.cells().path("template");
      if (!template.isTextual()) {
        throw row.problem("a relation needs the text 'template'");
      }
      templates.putIfAbsent(row.cells().path("relation").asText(relation), template.asText());
    }
  }

  // ------------------------------------------------------------------ checks

  private void checkSizes(String split, List<Dataset.Split> parts) {
    Map<String, List<Integer>> known = layout.rows().getOrDefault(split, Map.of());
    if (known.containsKey(Layout.WHOLE)) {
      int rows = parts.stream().mapToInt(Dataset.Split::rows).sum();
      checkSize(entry.name() + ", " + split, known.get(Layout.WHOLE), rows);
    }
    for (Dataset.Split part : parts) {
      if (!part.part().isEmpty() && known.containsKey(part.part())) {
        checkSize(
            "%s/%s, %s".formatted(entry.name(), part.part(), split),
            known.get(part.part()),
            part.rows());
      }
    }
    Map<String, Integer> labels = new TreeMap<>();
    parts.forEach(part -> part.labels().forEach((l, n) -> labels.merge(l, n, Integer::sum)));
    layout
        .labels()
        .getOrDefault(split, Map.of())
        .forEach(
            (label, count) ->
                checkSize(
                    "%s, %s, label %s".formatted(entry.name(), split, label),
                    List.of(count),
                    labels.getOrDefault(label, 0)));
  }

  private void checkSize(String what, List<Integer> known, int found) {
    if (!known.contains(found)) {
      complain(
          "%s: expected %s rows and found %,d in %s"
              .formatted(
                  what,
                  String.join(" or ", known.stream().map("%,d"::formatted).toList()),
                  found,
                  base));
    }
  }

  /** What stops an import that is not forced. */
  private void complain(String what) {
    if (!force) {
      throw new InvalidInputException(
          what + "; get the complete files, or import them as they are with --force.");
    }
    warnings.add(what + ".");
  }

  // ------------------------------------------------------------------ checksums

  /**
   * Returns one checksum for many files: the SHA-256 of the list that {@code sha256sum} prints for
   * them, in the order of their paths below the data set's folder (by code units).
   */
  static String checksum(TreeMap<String, byte[]> digestsByPath) {
    MessageDigest list = sha256();
    digestsByPath.forEach(
        (path, digest) ->
            list.update(
                (HexFormat.of().formatHex(digest) + "  " + path + "\n")
                    .getBytes(StandardCharsets.UTF_8)));
    return HexFormat.of().formatHex(list.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }
}
