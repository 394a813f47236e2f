package io.promptgrad.data;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * The data sets that are known by name: {@code catalogue.yaml} beside this class, whose first lines
 * explain its keys.
 */
public final class Catalogue {

  private final Map<String, CatalogueEntry> entries;

  private Catalogue(Map<String, CatalogueEntry> entries) {
    this.entries = entries;
  }

  /** Reads the catalogue that comes with the toolkit. */
  public static Catalogue builtIn() {
    try (InputStream in = Catalogue.class.getResourceAsStream("catalogue.yaml")) {
      return parse(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new IllegalStateException("The jar's catalogue of data sets cannot be read.", e);
    }
  }

  /**
   * Reads a catalogue.
   *
   * @throws IllegalStateException if an entry is wrong: catalogues are parts of programs
   * @throws IOException if it is not YAML
   */
  public static Catalogue parse(String yaml) throws IOException {
    Map<String, CatalogueEntry> entries = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : new YAMLMapper().readTree(yaml).properties()) {
      entries.put(
          entry.getKey(), entry(entry.getKey(), new Node(entry.getKey(), entry.getValue())));
    }
    return new Catalogue(entries);
  }

  /** Returns all data sets in the catalogue's order. */
  public Collection<CatalogueEntry> entries() {
    return List.copyOf(entries.values());
  }

  /** Returns the names of all data sets. */
  public List<String> names() {
    return List.copyOf(entries.keySet());
  }

  /** Returns a data set if it is known. */
  public Optional<CatalogueEntry> find(String name) {
    return Optional.ofNullable(entries.get(name));
  }

  /**
   * Returns a data set.
   *
   * @throws InvalidInputException if none is known by that name
   */
  public CatalogueEntry get(String name) {
    return find(name)
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "There is no data set '%s'; 'promptgrad data list' names those that are known."
                        .formatted(name)));
  }

  // Reading the YAML

  private static CatalogueEntry entry(String name, Node node) {
    List<Column> columns = columns(node.child("columns"));
    String label = node.text("label").orElse("");
    List<String> all = columns.stream().map(Column::name).toList();
    List<String> text =
        node.has("text") ? node.texts("text") : all.stream().filter(c -> !c.equals(label)).toList();
    List<String> compare = node.has("compare") ? node.texts("compare") : text;
    node.check(label.isEmpty() || all.contains(label), "label");
    node.check(all.containsAll(text) && all.containsAll(compare), "text and compare");
    List<Layout> layouts = node.list("layouts", Catalogue::layout);
    List<CatalogueEntry.Source> sources =
        node.list(
            "download",
            source ->
                source.end(
                    new CatalogueEntry.Source(
                        PathPattern.parse(source.text("url").orElseThrow()),
                        PathPattern.parse(source.text("to").orElseThrow()))));
    return node.end(
        new CatalogueEntry(
            name,
            node.text("title").orElseThrow(),
            node.text("citation").orElseThrow(),
            node.text("licence").orElseThrow(),
            node.texts("folders"),
            reader(node.child("reader")),
            columns,
            label,
            text,
            compare,
            layouts,
            sources,
            node.object("task")));
  }

  private static RowReader reader(Node node) {
    String kind = node.text("kind").orElseThrow();
    return node.end(
        switch (kind) {
          case "table" ->
              new RowReader.Table(
                  node.has("columns") ? Optional.of(node.texts("columns")) : Optional.empty(),
                  node.flag("skip_first_line"));
          case "json-lines" -> new RowReader.JsonLines();
          case "json-document" ->
              new RowReader.JsonDocument(
                  JsonPointer.compile(node.text("rows").orElse("")),
                  node.text("notice").map(JsonPointer::compile));
          case "lines" -> new RowReader.Lines();
          case "questions" -> new RowReader.Questions();
          case "document" -> new RowReader.Document(node.text("after").orElseThrow());
          case "facts" -> new RowReader.Facts();
          case "instruction-induction" -> new RowReader.InstructionInduction();
          default -> throw new IllegalStateException("The catalogue has no reader " + kind + ".");
        });
  }

  private static List<Column> columns(Node node) {
    List<Column> columns = new ArrayList<>();
    for (String name : node.keys()) {
      if (node.text(name).isPresent()) {
        columns.add(new Column(name, node.text(name).get(), Column.Reading.EXACT, Map.of(), false));
        continue;
      }
      Node column = node.child(name);
      Column.Reading reading =
          column
              .text("as")
              .map(as -> Column.Reading.valueOf(as.toUpperCase(Locale.ROOT).replace('-', '_')))
              .orElse(Column.Reading.EXACT);
      Map<String, String> names = new LinkedHashMap<>();
      column
          .object("names")
          .properties()
          .forEach(value -> names.put(value.getKey(), value.getValue().asText()));
      columns.add(
          column.end(
              new Column(
                  name,
                  column.text("from").orElse(name),
                  reading,
                  names,
                  column.flag("optional"))));
    }
    return columns;
  }

  private static Layout layout(Node node) {
    Map<String, List<PathPattern>> splits = new LinkedHashMap<>();
    Node files = node.child("splits");
    for (String split : files.keys()) {
      splits.put(split, files.texts(split).stream().map(PathPattern::parse).toList());
    }
    Map<String, Map<String, List<Integer>>> rows = new LinkedHashMap<>();
    node.object("rows")
        .properties()
        .forEach(
            split -> {
              Map<String, List<Integer>> byPart = new LinkedHashMap<>();
              if (split.getValue().isObject()) {
                split
                    .getValue()
                    .properties()
                    .forEach(part -> byPart.put(part.getKey(), counts(part.getValue())));
              } else {
                byPart.put(Layout.WHOLE, counts(split.getValue()));
              }
              rows.put(split.getKey(), byPart);
            });
    Map<String, Map<String, Integer>> labels = new LinkedHashMap<>();
    node.object("labels")
        .properties()
        .forEach(
            split -> {
              Map<String, Integer> byLabel = new LinkedHashMap<>();
              split
                  .getValue()
                  .properties()
                  .forEach(label -> byLabel.put(label.getKey(), label.getValue().asInt()));
              labels.put(split.getKey(), byLabel);
            });
    node.check(
        splits.keySet().containsAll(rows.keySet()) && splits.keySet().containsAll(labels.keySet()),
        "rows and labels of a layout");
    return node.end(
        new Layout(
            splits,
            node.texts("templates").stream().map(PathPattern::parse).toList(),
            rows,
            labels,
            node.text("sha256")));
  }

  private static List<Integer> counts(JsonNode node) {
    List<Integer> counts = new ArrayList<>();
    if (node.isArray()) {
      node.forEach(count -> counts.add(count.asInt()));
    } else {
      counts.add(node.asInt());
    }
    return counts;
  }

  /** A mapping of the catalogue; {@link #end} complains about keys that nobody asked for. */
  private static final class Node {

    private final String entry;
    private final JsonNode node;
    private final TreeSet<String> unread = new TreeSet<>();

    Node(String entry, JsonNode node) {
      this.entry = entry;
      this.node = node;
      node.fieldNames().forEachRemaining(unread::add);
    }

    List<String> keys() {
      List<String> keys = new ArrayList<>();
      node.fieldNames().forEachRemaining(keys::add);
      return keys;
    }

    boolean has(String key) {
      return node.has(key);
    }

    private JsonNode get(String key) {
      unread.remove(key);
      return node.path(key);
    }

    Node child(String key) {
      return new Node(entry, get(key));
    }

    ObjectNode object(String key) {
      return get(key) instanceof ObjectNode object ? object : Json.object();
    }

    Optional<String> text(String key) {
      return Optional.of(get(key)).filter(JsonNode::isValueNode).map(JsonNode::asText);
    }

    boolean flag(String key) {
      return get(key).asBoolean(false);
    }

    List<String> texts(String key) {
      JsonNode value = get(key);
      if (value.isValueNode()) {
        return List.of(value.asText());
      }
      List<String> texts = new ArrayList<>();
      value.forEach(text -> texts.add(text.asText()));
      return texts;
    }

    <T> List<T> list(String key, Function<Node, T> read) {
      List<T> items = new ArrayList<>();
      get(key).forEach(item -> items.add(read.apply(new Node(entry, item))));
      return items;
    }

    void check(boolean right, String what) {
      if (!right) {
        throw new IllegalStateException(
            "The catalogue's entry %s is wrong: %s.".formatted(entry, what));
      }
    }

    <T> T end(T value) {
      check(unread.isEmpty(), "unknown keys " + unread);
      return value;
    }
  }
}
