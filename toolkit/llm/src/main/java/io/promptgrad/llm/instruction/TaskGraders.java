package io.promptgrad.llm.instruction;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.promptgrad.files.Json;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToDoubleBiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How answers are read and graded on the tasks of the prompt search papers, by name.
 *
 * <ul>
 *   <li>{@code bbh}, BIG-Bench Hard (Suzgun et al. 2022): exact match of what stands behind the
 *       last cue ("answer is", "answer:"), read in the gold answer's form: an option's letter, a
 *       number, a word such as Yes, brackets, a list of words.
 *   <li>{@code induction-exact}, {@code -contains}, {@code -set}, {@code -f1}, instruction
 *       induction (Honovich et al. 2022, table 2; Zhou et al. 2022): the first line, without
 *       capitals and punctuation, against the best of the answers in the field {@code answers}.
 *   <li>{@code truthful}, TruthfulQA (Lin et al. 2022), without the paper's judge model: 1 if the
 *       answer shares more words (F1) with a correct answer than with any incorrect one.
 * </ul>
 *
 * <p>An answer of which nothing can be read is an outcome that failed.
 */
public final class TaskGraders {

  private static final Pattern CUE = Pattern.compile("(?i)answer\\s*(?:is|:|=)\\s*:?");
  private static final Pattern OPTION = Pattern.compile("\\(([A-Za-z])\\)");
  private static final Pattern LONE_LETTER =
      Pattern.compile("^\\W{0,3}([A-Za-z])(?:[).:,]|\\s*$|\\s*\\R)");

  /** Pairs of words of which one is the answer. */
  private static final List<List<String>> WORDS =
      List.of(List.of("Yes", "No"), List.of("True", "False"), List.of("valid", "invalid"));

  private static final Map<String, Grader> BY_NAME = byName();

  private TaskGraders() {}

  private static Map<String, Grader> byName() {
    Map<String, Grader> graders = new LinkedHashMap<>();
    graders.put("exact", Grader.exact());
    graders.put("contains", Grader.contains());
    graders.put("number", Grader.number());
    graders.put("bbh", TaskGraders::bbh);
    graders.put("induction-exact", induction((said, gold) -> said.equals(gold) ? 1 : 0));
    graders.put(
        "induction-contains",
        induction((said, gold) -> (" " + said + " ").contains(" " + gold + " ") ? 1 : 0));
    graders.put(
        "induction-set", induction((said, gold) -> words(said).equals(words(gold)) ? 1 : 0));
    graders.put("induction-f1", induction(TaskGraders::f1));
    graders.put("truthful", TaskGraders::truthful);
    return graders;
  }

  /** Returns the names. */
  public static Set<String> names() {
    return BY_NAME.keySet();
  }

  /** Returns the grader of that name, if there is one. */
  public static Optional<Grader> named(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  /** Returns whether its values lie between 0 and 1 too, so that accuracy says less than a mean. */
  public static boolean isGraded(String name) {
    return name.equals("induction-f1");
  }

  // ------------------------------------------------------------------ BIG-Bench Hard

  private static Outcome bbh(Example example, String answer) {
    String gold = example.label().strip();
    String tail = behindTheCue(answer);
    boolean cued = !tail.equals(answer);
    if (OPTION.matcher(gold).matches()) {
      return option(example, tail, cued);
    }
    if (gold.matches("-?\\d+")) {
      return Grader.number().grade(example, answer);
    }
    for (List<String> pair : WORDS) {
      if (pair.stream().anyMatch(gold::equalsIgnoreCase)) {
        return word(example, tail, pair);
      }
    }
    if (gold.matches("[\\[\\](){}<>\\s]+")) {
      String said = tail.replaceAll("[^\\[\\](){}<>]", "");
      return graded(example, said, gold.replaceAll("\\s", ""));
    }
    String line = tail.strip().lines().findFirst().orElse("");
    return graded(example, list(line), list(gold));
  }

  private static Outcome option(Example example, String tail, boolean cued) {
    Set<String> letters = new LinkedHashSet<>();
    Matcher option = OPTION.matcher(tail);
    while (option.find()) {
      letters.add(option.group(1).toUpperCase(Locale.ROOT));
    }
    // Several without a cue: the options told again, not an answer.
    Optional<String> said =
        letters.size() == 1 || (cued && !letters.isEmpty())
            ? letters.stream().findFirst()
            : Optional.empty();
    if (letters.isEmpty()) {
      Matcher lone = LONE_LETTER.matcher(tail.strip());
      said = lone.find() ? Optional.of(lone.group(1).toUpperCase(Locale.ROOT)) : said;
    }
    return said.isEmpty()
        ? failed(example, "the answer names no option, or several")
        : graded(example, "(" + said.get() + ")", example.label().strip());
  }

  private static Outcome word(Example example, String tail, List<String> pair) {
    Matcher first =
        Pattern.compile(
                "(?i)(?<![\\p{L}\\p{N}])(?:" + String.join("|", pair) + ")(?![\\p{L}\\p{N}])")
            .matcher(tail);
    return first.find()
        ? graded(
            example,
            first.group().toLowerCase(Locale.ROOT),
            example.label().strip().toLowerCase(Locale.ROOT))
        : failed(example, "the answer names neither " + String.join(" nor ", pair));
  }

  /** What stands behind the last cue; all of it if there is none. */
  static String behindTheCue(String answer) {
    Matcher cue = CUE.matcher(answer);
    int end = 0;
    while (cue.find()) {
      end = cue.end();
    }
    return answer.substring(end);
  }

  private static String list(String line) {
    return line.toLowerCase(Locale.ROOT).replaceAll("[,;.\"]", " ").strip().replaceAll("\\s+", " ");
  }

  // ------------------------------------------------------------------ instruction induction

  private static Grader induction(ToDoubleBiFunction<String, String> score) {
    return (example, answer) -> {
      String said = normalized(answer.strip().lines().findFirst().orElse(""));
      if (said.isEmpty()) {
        return failed(example, "the answer is empty");
      }
      double best =
          answers(example, "answers").stream()
              .mapToDouble(gold -> score.applyAsDouble(said, normalized(gold)))
              .max()
              .orElseThrow();
      return outcome(example, best, said);
    };
  }

  /** The field's list, with the label. */
  private static List<String> answers(Example example, String field) {
    List<String> all = new ArrayList<>(list(example, field));
    if (!all.contains(example.label())) {
      all.add(example.label());
    }
    return all;
  }

  private static List<String> list(Example example, String field) {
    String text = example.fields().getOrDefault(field, "[]");
    List<String> all = new ArrayList<>();
    try {
      Json.parse(text).forEach(item -> all.add(item.asText()));
    } catch (JsonProcessingException e) {
      all.add(text); // one answer, as it is
    }
    return all;
  }

  /** Without capitals, punctuation and superfluous blanks. */
  static String normalized(String text) {
    return text.toLowerCase(Locale.ROOT)
        .replaceAll("[\\p{P}\\p{S}]", " ")
        .strip()
        .replaceAll("\\s+", " ");
  }

  private static Set<String> words(String normalized) {
    return new HashSet<>(Arrays.asList(normalized.split(" ")));
  }

  /** Harmonic mean of precision and recall of words, each counted as often as it occurs. */
  static double f1(String said, String gold) {
    String[] one = said.split(" ");
    String[] two = gold.split(" ");
    Map<String, Integer> left = new HashMap<>();
    for (String word : two) {
      left.merge(word, 1, Integer::sum);
    }
    int common = 0;
    for (String word : one) {
      if (left.getOrDefault(word, 0) > 0) {
        left.merge(word, -1, Integer::sum);
        common++;
      }
    }
    return common == 0 ? 0 : 2.0 * common / (one.length + two.length);
  }

  // ------------------------------------------------------------------ TruthfulQA

  private static Outcome truthful(Example example, String answer) {
    String said = normalized(answer);
    if (said.isEmpty()) {
      return failed(example, "the answer is empty");
    }
    double right = nearest(said, answers(example, "correct_answers"));
    double wrong = nearest(said, list(example, "incorrect_answers"));
    return outcome(example, right > wrong ? 1 : 0, answer.strip());
  }

  /** More than the same words in another order, which may say the opposite. */
  private static final double VERBATIM = 2;

  private static double nearest(String said, List<String> answers) {
    return answers.stream()
        .map(TaskGraders::normalized)
        .mapToDouble(one -> said.equals(one) ? VERBATIM : f1(said, one))
        .max()
        .orElse(0);
  }

  // ------------------------------------------------------------------ outcomes

  private static Outcome graded(Example example, String said, String gold) {
    return said.isEmpty()
        ? failed(example, "the answer is empty")
        : outcome(example, said.equals(gold) ? 1 : 0, said);
  }

  private static Outcome outcome(Example example, double value, String said) {
    return new Outcome(
        example.id(),
        example.label(),
        value >= 1 ? example.label() : said, // how it was written is no error
        value,
        0,
        Map.of(),
        Optional.empty());
  }

  private static Outcome failed(Example example, String why) {
    return Outcome.failed(example.id(), example.label(), 0, why);
  }
}
