package io.promptgrad.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * How the files of a data set lie in a folder, and what is known about their content.
 *
 * @param splits the files of each split; of several patterns the first that finds files of a part
 *     counts for it. {@code {part}} in a pattern names the part; a split without it is shared by
 *     all parts
 * @param templates files with one prompt template per relation, for facts; the first that exists
 * @param rows for each split how many rows its parts may have; under "" all parts together
 * @param labels for each split how many rows have which label, all parts together
 * @param sha256 the checksum that {@link Import#checksum} gives for the known files
 */
record Layout(
    Map<String, List<PathPattern>> splits,
    List<PathPattern> templates,
    Map<String, Map<String, List<Integer>>> rows,
    Map<String, Map<String, Integer>> labels,
    Optional<String> sha256) {

  /** The name of the part that all of a data set is where it has no parts. */
  static final String WHOLE = "";

  /** The files of a split, by part. */
  Map<String, List<PathPattern.Match>> files(String split, Path base) {
    Map<String, List<PathPattern.Match>> files = new LinkedHashMap<>();
    for (PathPattern pattern : splits.get(split)) {
      Set<String> before = new TreeSet<>(files.keySet());
      for (PathPattern.Match match : pattern.matches(base)) {
        String part = match.values().getOrDefault("part", WHOLE);
        if (!before.contains(part)) {
          files.computeIfAbsent(part, p -> new ArrayList<>()).add(match);
        }
      }
    }
    return files;
  }

  /** The splits of which a folder has files. */
  List<String> present(Path base) {
    return splits.keySet().stream().filter(split -> !files(split, base).isEmpty()).toList();
  }
}
