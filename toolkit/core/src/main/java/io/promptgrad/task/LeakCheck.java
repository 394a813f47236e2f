package io.promptgrad.task;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Finds texts that occur in more than one split. Two texts are the same if their letters and digits
 * are, in lower case and Unicode form NFKC; texts without any are not compared.
 */
public final class LeakCheck {

  private LeakCheck() {}

  /** Compares the three splits pairwise, by all fields of the first training example. */
  public static LeakReport check(Task task) {
    return check(task, task.fields());
  }

  /**
   * Compares the three splits pairwise.
   *
   * @param fields what a prompt shows of an example: other columns, such as a row's number, would
   *     make equal texts look different
   */
  public static LeakReport check(Task task, Collection<String> fields) {
    List<LeakReport.Leak> leaks = new ArrayList<>();
    String[][] pairs = {{"train", "dev"}, {"train", "test"}, {"dev", "test"}};
    for (String[] pair : pairs) {
      Map<String, String> first = new HashMap<>(); // normal form to the id of its first occurrence
      for (Example example : task.split(pair[0])) {
        first.putIfAbsent(normalForm(example, fields), example.id());
      }
      for (Example example : task.split(pair[1])) {
        String normalForm = normalForm(example, fields);
        String same = normalForm.isEmpty() ? null : first.get(normalForm);
        if (same != null) {
          leaks.add(
              new LeakReport.Leak(pair[0] + "/" + pair[1], same, example.id(), example.text()));
        }
      }
    }
    return new LeakReport(leaks);
  }

  /** Returns these fields of an example, each reduced to letters and digits. */
  private static String normalForm(Example example, Collection<String> fields) {
    List<String> values = new ArrayList<>();
    boolean empty = true;
    for (String field : fields) {
      String normalForm = normalForm(example.fields().getOrDefault(field, ""));
      empty &= normalForm.isEmpty();
      values.add(normalForm);
    }
    return empty ? "" : String.join("|", values);
  }

  /** Returns the letters and digits of a text, NFKC, in lower case. */
  public static String normalForm(String text) {
    StringBuilder kept = new StringBuilder(text.length());
    Normalizer.normalize(text, Normalizer.Form.NFKC)
        .toLowerCase(Locale.ROOT)
        .codePoints()
        .filter(Character::isLetterOrDigit)
        .forEach(kept::appendCodePoint);
    return kept.toString();
  }
}
