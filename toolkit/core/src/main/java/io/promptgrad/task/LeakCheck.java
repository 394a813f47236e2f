package io.promptgrad.task;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
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
    Map<String, List<Example>> splits = new LinkedHashMap<>();
    for (String split : List.of("train", "dev", "test")) {
      splits.put(split, task.split(split));
    }
    return check(splits, fields);
  }

  /** Compares splits pairwise by these fields, the earlier one first. */
  public static LeakReport check(Map<String, List<Example>> splits, Collection<String> fields) {
    Map<String, Texts> texts = new LinkedHashMap<>();
    splits.forEach((name, examples) -> texts.put(name, new Texts(examples, fields)));
    return check(texts);
  }

  /**
   * Examples, and what a prompt shows of them.
   *
   * @param fields in the order in which they are shown
   */
  public record Texts(List<Example> examples, Collection<String> fields) {}

  /**
   * Compares splits pairwise, the earlier one first, whose fields may have other names: texts are
   * the same if all that is shown of them is.
   */
  public static LeakReport check(Map<String, Texts> splits) {
    List<LeakReport.Leak> leaks = new ArrayList<>();
    List<String> names = List.copyOf(splits.keySet());
    for (int i = 0; i < names.size(); i++) {
      Map<String, String> first = new HashMap<>(); // normal form to the id of its first occurrence
      Texts earlier = splits.get(names.get(i));
      for (Example example : earlier.examples()) {
        first.putIfAbsent(normalForm(example, earlier.fields()), example.id());
      }
      for (String other : names.subList(i + 1, names.size())) {
        Texts later = splits.get(other);
        for (Example example : later.examples()) {
          String normalForm = normalForm(example, later.fields());
          String same = normalForm.isEmpty() ? null : first.get(normalForm);
          if (same != null) {
            leaks.add(
                new LeakReport.Leak(
                    names.get(i) + "/" + other, same, example.id(), example.text()));
          }
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
