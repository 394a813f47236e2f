package io.promptgrad.task;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Which examples of one split say the same as an example of another.
 *
 * @param leaks every pair found: an example and the first one of each other split that equals it
 */
public record LeakReport(List<Leak> leaks) {

  /**
   * Two examples with the same normalised text.
   *
   * @param splits which splits, such as {@code train/test}
   * @param first id in the first of them
   * @param second id in the second
   * @param text the second example's text
   */
  public record Leak(String splits, String first, String second, String text) {}

  /** Copies the list. */
  public LeakReport {
    leaks = List.copyOf(leaks);
  }

  /** Returns whether nothing was found. */
  public boolean clean() {
    return leaks.isEmpty();
  }

  /** Returns the number of leaked examples per pair of splits; pairs without any are left out. */
  public Map<String, Integer> counts() {
    Map<String, Integer> counts = new TreeMap<>();
    leaks.forEach(leak -> counts.merge(leak.splits(), 1, Integer::sum));
    return counts;
  }

  /** Returns one line per pair of splits with a count and an example, or one saying all is well. */
  @Override
  public String toString() {
    if (clean()) {
      return "No text occurs in more than one split.";
    }
    List<String> lines = new ArrayList<>();
    counts()
        .forEach(
            (splits, count) -> {
              Leak leak =
                  leaks.stream().filter(l -> l.splits().equals(splits)).findFirst().orElseThrow();
              lines.add(
                  "%s: %d of the second split's texts also occur in the first, e.g. %s and %s: '%s'"
                      .formatted(splits, count, leak.first(), leak.second(), leak.text()));
            });
    return String.join(System.lineSeparator(), lines);
  }
}
