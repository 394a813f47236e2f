package io.promptgrad.data;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A path or address in which names stand for what varies: {@code {part}/train.jsonl} for any part,
 * {@code rt-polarity.{class:pos|neg}} for the values listed. A value never crosses a slash.
 */
final class PathPattern {

  private static final Pattern PLACEHOLDER = Pattern.compile("\\{([a-z]+)(?::([^}]*))?\\}");

  private final String text;

  private PathPattern(String text) {
    this.text = text;
  }

  static PathPattern parse(String text) {
    return new PathPattern(text);
  }

  /**
   * A file that fits.
   *
   * @param path relative to where the search began, with slashes
   * @param values what the names stand for in it
   */
  record Match(Path file, String path, Map<String, String> values) {}

  /** Finds the files below a folder that fit, sorted by name, segment by segment. */
  List<Match> matches(Path base) {
    List<Match> found = new ArrayList<>();
    search(base, List.of(text.split("/")), "", Map.of(), found);
    return found;
  }

  private static void search(
      Path folder,
      List<String> segments,
      String path,
      Map<String, String> values,
      List<Match> found) {
    String segment = segments.get(0);
    if (PLACEHOLDER.matcher(segment).find()) {
      for (String name : names(folder)) {
        Map<String, String> more = fit(segment, name, values);
        if (more != null) {
          follow(folder.resolve(name), segments, path + name, more, found);
        }
      }
    } else {
      follow(folder.resolve(segment), segments, path + segment, values, found);
    }
  }

  private static void follow(
      Path at, List<String> segments, String path, Map<String, String> values, List<Match> found) {
    if (segments.size() > 1) {
      if (Files.isDirectory(at)) {
        search(at, segments.subList(1, segments.size()), path + "/", values, found);
      }
    } else if (Files.isRegularFile(at)) {
      found.add(new Match(at, path, values));
    }
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> children = Files.list(folder)) {
      return children
          .filter(child -> !Dataset.isAt(child)) // a data set in our own form is no original
          .map(child -> child.getFileName().toString())
          .filter(name -> !name.startsWith("."))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new InvalidInputException(
          "The folder %s cannot be read: %s; check its permissions.".formatted(folder, e), e);
    }
  }

  /** What the names of a segment stand for if it is to be this file name; null if it cannot be. */
  private static Map<String, String> fit(String segment, String name, Map<String, String> known) {
    StringBuilder regex = new StringBuilder();
    List<String> names = new ArrayList<>();
    Matcher placeholder = PLACEHOLDER.matcher(segment);
    int end = 0;
    while (placeholder.find()) {
      regex.append(Pattern.quote(segment.substring(end, placeholder.start())));
      names.add(placeholder.group(1));
      regex.append('(').append(valueRegex(placeholder.group(2))).append(')');
      end = placeholder.end();
    }
    regex.append(Pattern.quote(segment.substring(end)));
    Matcher fitted = Pattern.compile(regex.toString()).matcher(name);
    if (!fitted.matches()) {
      return null;
    }
    Map<String, String> values = new LinkedHashMap<>(known);
    for (int i = 0; i < names.size(); i++) {
      String before = values.put(names.get(i), fitted.group(i + 1));
      if (before != null && !before.equals(fitted.group(i + 1))) {
        return null;
      }
    }
    return values;
  }

  private static String valueRegex(String alternatives) {
    return alternatives == null
        ? ".+"
        : String.join("|", Arrays.stream(alternatives.split("\\|")).map(Pattern::quote).toList());
  }

  /**
   * Every combination of the values listed.
   *
   * @param parts the values of {@code {part}}, if it has no list
   */
  List<Map<String, String>> combinations(Collection<String> parts) {
    List<Map<String, String>> all = new ArrayList<>(List.of(Map.of()));
    Matcher placeholder = PLACEHOLDER.matcher(text);
    while (placeholder.find()) {
      Collection<String> listed =
          placeholder.group(2) == null ? parts : List.of(placeholder.group(2).split("\\|"));
      List<Map<String, String>> longer = new ArrayList<>();
      for (Map<String, String> values : all) {
        for (String value : listed) {
          Map<String, String> more = new LinkedHashMap<>(values);
          more.put(placeholder.group(1), value);
          longer.add(more);
        }
      }
      all = longer;
    }
    return all;
  }

  /** The path with values in place of the names. */
  String fill(Map<String, String> values) {
    return PLACEHOLDER
        .matcher(text)
        .replaceAll(name -> Matcher.quoteReplacement(values.get(name.group(1))));
  }

  /** The path for people: lists of values are left out. */
  @Override
  public String toString() {
    return PLACEHOLDER.matcher(text).replaceAll("{$1}");
  }
}
