package io.promptgrad.data;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A data set that is known: what it is, where it is, and how its files are read.
 *
 * @param name its name here, such as {@code sst2}
 * @param title what it is, in a line
 * @param citation whom to cite
 * @param licence what is known about its terms of use
 * @param folders names of the folders that usually hold its files
 * @param reader how rows lie in the files
 * @param columns what becomes of them
 * @param label the column that is the label; "" if there is none
 * @param text the columns that a task shows to a prompt unless it says otherwise
 * @param compare the columns that make two rows the same for the leak check
 * @param layouts the ways in which its files are known to lie
 * @param sources what can be downloaded; empty if nothing can
 * @param task the splits that a task takes unless it says otherwise; empty if it must say
 */
public record CatalogueEntry(
    String name,
    String title,
    String citation,
    String licence,
    List<String> folders,
    RowReader reader,
    List<Column> columns,
    String label,
    List<String> text,
    List<String> compare,
    List<Layout> layouts,
    List<Source> sources,
    ObjectNode task) {

  /**
   * What can be downloaded.
   *
   * @param url an address, with lists of values such as {@code {split:a|b}}; {@code {part}} without
   *     one stands for every part whose size is known
   * @param file where it goes below the data set's folder; an archive is unpacked there
   */
  record Source(PathPattern url, PathPattern file) {}

  /** Returns the addresses of the files to download, by the place where each belongs. */
  public Map<String, URI> downloads() {
    Set<String> parts = new LinkedHashSet<>();
    layouts.get(0).rows().values().forEach(byPart -> parts.addAll(byPart.keySet()));
    parts.remove(Layout.WHOLE);
    Map<String, URI> downloads = new LinkedHashMap<>();
    for (Source source : sources) {
      for (Map<String, String> values : source.url().combinations(parts)) {
        downloads.put(source.file().fill(values), URI.create(source.url().fill(values)));
      }
    }
    return downloads;
  }

  /** Returns the addresses for people. */
  public String origin() {
    return String.join(", ", sources.stream().map(source -> source.url().toString()).toList());
  }

  /**
   * Returns what is known of each split's size: the number of rows of all parts, or the sum over
   * the parts that are known.
   */
  public Map<String, Integer> knownRows() {
    Map<String, Integer> known = new LinkedHashMap<>();
    Layout layout = layouts.get(0);
    for (String split : layout.splits().keySet()) {
      Map<String, List<Integer>> byPart = layout.rows().getOrDefault(split, Map.of());
      if (!byPart.isEmpty()) {
        known.put(split, byPart.values().stream().mapToInt(counts -> counts.get(0)).sum());
      }
    }
    return known;
  }

  /** Returns the paths that the layouts ask for, for messages. */
  List<String> paths() {
    List<String> paths = new ArrayList<>();
    for (Layout layout : layouts) {
      Map<String, List<PathPattern>> sorted = new TreeMap<>(layout.splits());
      sorted.values().forEach(patterns -> paths.add(patterns.get(0).toString()));
    }
    return paths.stream().distinct().toList();
  }
}
