package io.promptgrad.llm.instruction;

import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads an answer and says how right it is. To bring your own, write {@code (example, answer) ->
 * ...}.
 */
@FunctionalInterface
public interface Grader {

  /**
   * Returns the outcome of an example; if nothing can be read from the answer, one that failed,
   * which counts as wrong and is counted apart.
   */
  Outcome grade(Example example, String answer);

  /** Right if the first line is the label, case, outer blanks and a last full stop aside. */
  static Grader exact() {
    return (example, answer) -> {
      String line = answer.strip().lines().findFirst().orElse("");
      return line.isEmpty()
          ? Outcome.failed(example.id(), example.label(), 0, "the answer is empty")
          : graded(example, plain(line).equals(plain(example.label())), line);
    };
  }

  /**
   * Reads the label that the answer names first, as a whole word and in whatever case.
   *
   * @param labels all labels of the task; where one is part of another, the longer one counts
   */
  static Grader label(Collection<String> labels) {
    List<String> longestFirst =
        labels.stream()
            .sorted((a, b) -> a.length() != b.length() ? b.length() - a.length() : a.compareTo(b))
            .toList();
    Pattern any =
        Pattern.compile(
            "(?<![\\p{L}\\p{N}])(?:"
                + String.join("|", longestFirst.stream().map(Pattern::quote).toList())
                + ")(?![\\p{L}\\p{N}])",
            Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE);
    return (example, answer) -> {
      Matcher found = any.matcher(answer);
      if (!found.find()) {
        return Outcome.failed(example.id(), example.label(), 0, "the answer names no label");
      }
      String label =
          longestFirst.stream().filter(l -> l.equalsIgnoreCase(found.group())).findFirst().get();
      return graded(example, label.equals(example.label()), label);
    };
  }

  /** Reads the last number of the answer, or the first behind "answer is", and compares values. */
  static Grader number() {
    Pattern number = Pattern.compile("-?(?:\\d[\\d,]*(?:\\.\\d+)?|\\.\\d+)");
    Pattern cue = Pattern.compile("(?i)answer is\\D{0,20}?(?=-?[\\d.])");
    return (example, answer) -> {
      Matcher cues = cue.matcher(answer);
      int from = 0;
      while (cues.find()) {
        from = cues.end();
      }
      Optional<String> last = Optional.empty();
      Matcher numbers = number.matcher(answer);
      numbers.region(from, answer.length());
      while (numbers.find() && (from == 0 || last.isEmpty())) {
        last = Optional.of(numbers.group().replace(",", ""));
      }
      if (last.isEmpty()) {
        return Outcome.failed(example.id(), example.label(), 0, "the answer has no number");
      }
      Matcher gold = number.matcher(example.label());
      boolean right =
          gold.find()
              && Math.abs(
                      Double.parseDouble(last.get())
                          - Double.parseDouble(gold.group().replace(",", "")))
                  < 1e-6;
      return graded(example, right, last.get());
    };
  }

  /** Right if the answer contains the label, case aside. */
  static Grader contains() {
    return (example, answer) ->
        answer.isBlank()
            ? Outcome.failed(example.id(), example.label(), 0, "the answer is empty")
            : graded(example, plain(answer).contains(plain(example.label())), answer.strip());
  }

  private static Outcome graded(Example example, boolean right, String predicted) {
    return new Outcome(
        example.id(),
        example.label(),
        right ? example.label() : predicted, // how it was written is no error
        right ? 1 : 0,
        0,
        Map.of(),
        Optional.empty());
  }

  private static String plain(String text) {
    return text.strip().replaceFirst("\\.$", "").strip().toLowerCase(Locale.ROOT);
  }
}
