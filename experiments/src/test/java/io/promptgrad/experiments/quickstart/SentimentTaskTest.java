package io.promptgrad.experiments.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.MajorityClass;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.task.Columns;
import io.promptgrad.task.Example;
import io.promptgrad.task.ExampleFile;
import io.promptgrad.task.LeakCheck;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The sentiment task is balanced, does not leak, and is not solved by counting words. */
class SentimentTaskTest {

  private static final List<Double> PENALTIES = List.of(1e-4, 1e-3, 1e-2, 1e-1);

  private static Task task;

  @BeforeAll
  static void readTheTask() throws IOException {
    task = new Task("sentiment", read("train.tsv"), read("dev.tsv"), read("test.tsv"));
  }

  // Form

  @ParameterizedTest
  @CsvSource({"train, 600", "dev, 400", "test, 400"})
  void split_counts_areFullAndBalanced(String split, int size) {
    List<Example> examples = task.split(split);

    assertThat(examples).hasSize(size);
    assertThat(examples).allSatisfy(e -> assertThat(e.fields()).containsOnlyKeys("sentence"));
    assertThat(count(examples, BagOfWords.NEGATIVE)).isEqualTo(size / 2);
    assertThat(count(examples, BagOfWords.POSITIVE)).isEqualTo(size / 2);
  }

  @ParameterizedTest
  @CsvSource({"train.tsv", "dev.tsv", "test.tsv"})
  void file_bytes_areOneHeaderAndPlainRows(String file) throws IOException {
    String text = resource(file);

    assertThat(text).startsWith("sentence\tlabel\n").endsWith("\n").doesNotContain("\r");
    assertThat(text.lines().skip(1))
        .allMatch(line -> line.matches("[^\t]+\t(negative|positive)"), "a sentence and a label");
  }

  @Test
  void sentence_form_isOneTidyPieceOfProse() {
    assertThat(all())
        .extracting(Example::text)
        .allMatch(text -> text.matches("[A-Z0-9][A-Za-z0-9é ,;:.!?'-]*[.!?]"), "plain characters")
        .noneMatch(text -> text.contains("  "), "two blanks");
  }

  // Leaks

  @Test
  void task_normalForms_areAllDifferent() {
    assertThat(LeakCheck.check(task).leaks()).isEmpty();
    assertThat(all()).extracting(e -> LeakCheck.normalForm(e.text())).doesNotHaveDuplicates();
  }

  @Test
  void splits_runsOfEightWords_areNotShared() {
    Map<List<String>, String> seen = new HashMap<>(); // run to the first split that has it
    List<String> shared = new ArrayList<>();
    for (String split : List.of("train", "dev", "test")) {
      for (Example example : task.split(split)) {
        List<String> words = BagOfWords.words(example.text());
        for (int i = 0; i + 8 <= words.size(); i++) {
          String first = seen.putIfAbsent(words.subList(i, i + 8), split);
          if (first != null && !first.equals(split)) {
            shared.add(first + " and " + example.id() + ": " + words.subList(i, i + 8));
          }
        }
      }
    }
    assertThat(seen).hasSizeGreaterThan(5000);
    assertThat(shared).isEmpty();
  }

  @Test
  void splits_sentencesOfDifferentSplits_overlapInFewWords() {
    assertThat(closest(task.train(), task.dev())).isLessThanOrEqualTo(0.6);
    assertThat(closest(task.train(), task.test())).isLessThanOrEqualTo(0.6);
    assertThat(closest(task.dev(), task.test())).isLessThanOrEqualTo(0.6);
  }

  /** Returns the largest share of common words (Jaccard) of a sentence here and one there. */
  private static double closest(List<Example> here, List<Example> there) {
    List<Set<String>> others = there.stream().map(SentimentTaskTest::distinctWords).toList();
    double closest = 0;
    for (Example example : here) {
      Set<String> words = distinctWords(example);
      for (Set<String> other : others) {
        long common = words.stream().filter(other::contains).count();
        closest = Math.max(closest, common / (double) (words.size() + other.size() - common));
      }
    }
    return closest;
  }

  // Variety

  @Test
  void sentences_lengths_lieWithinBoundsAndSayNothingOfTheLabel() {
    assertThat(all()).extracting(SentimentTaskTest::length).allMatch(n -> n >= 6 && n <= 32);
    double negative = meanLength(BagOfWords.NEGATIVE);
    double positive = meanLength(BagOfWords.POSITIVE);
    assertThat(negative).isBetween(12.0, 16.0);
    assertThat(positive).isBetween(12.0, 16.0);
    assertThat(Math.abs(negative - positive)).isLessThan(0.5);
  }

  @Test
  void vocabulary_wholeTask_isLarge() {
    Map<String, Integer> sentencesWith = new HashMap<>();
    for (Example example : all()) {
      distinctWords(example).forEach(word -> sentencesWith.merge(word, 1, Integer::sum));
    }

    assertThat(sentencesWith).hasSizeGreaterThanOrEqualTo(3000);
    assertThat(sentencesWith.values().stream().filter(n -> n >= 2).count()).isGreaterThan(1000);
  }

  @Test
  void sentences_openings_areVaried() {
    Map<List<String>, Integer> openings = new HashMap<>(); // the first three words
    all().forEach(e -> openings.merge(BagOfWords.words(e.text()).subList(0, 3), 1, Integer::sum));

    assertThat(openings).hasSizeGreaterThan(1000);
    assertThat(openings.values()).allMatch(n -> n <= 14, "at most one sentence in a hundred");
  }

  // Difficulty

  @Test
  void majorityClass_everySplit_isRightHalfTheTime() {
    MajorityClass majority = MajorityClass.of(task.train());

    for (String split : List.of("train", "dev", "test")) {
      EvalReport report = majority.evaluate(task.split(split), new Accuracy(), List.of());
      assertThat(report.value()).isEqualTo(0.5);
    }
  }

  @Test
  void bagOfWords_trainedOnTrain_staysBelow95PercentAndMatchesTheReadme() throws IOException {
    BagOfWords bayes = BagOfWords.naiveBayes(task.train());
    BagOfWords regression =
        PENALTIES.stream()
            .map(penalty -> BagOfWords.logisticRegression(task.train(), penalty))
            .max(Comparator.comparingDouble(model -> model.accuracy(task.dev())))
            .orElseThrow();

    String bayesRow = row("multinomial naive Bayes", bayes);
    String regressionRow = row("logistic regression", regression);
    System.out.printf("Bag of words, dev and test:%n%s%n%s%n", bayesRow, regressionRow);
    for (BagOfWords model : List.of(bayes, regression)) {
      assertThat(model.accuracy(task.train())).isGreaterThan(0.9); // it did learn
      assertThat(model.accuracy(task.test())).isGreaterThan(0.55).isLessThan(0.95);
    }
    assertThat(resource("README.md")).contains(bayesRow, regressionRow);
  }

  private static String row(String name, BagOfWords model) {
    return String.format(
        Locale.ROOT,
        "| %s | %.2f %% | %.2f %% |",
        name,
        100 * model.accuracy(task.dev()),
        100 * model.accuracy(task.test()));
  }

  // Helpers

  private static List<Example> all() {
    return Stream.of(task.train(), task.dev(), task.test()).flatMap(List::stream).toList();
  }

  private static long count(List<Example> examples, String label) {
    return examples.stream().filter(example -> example.label().equals(label)).count();
  }

  private static Set<String> distinctWords(Example example) {
    return new HashSet<>(BagOfWords.words(example.text()));
  }

  private static int length(Example example) {
    return example.text().split(" ").length;
  }

  private static double meanLength(String label) {
    return all().stream()
        .filter(example -> example.label().equals(label))
        .mapToInt(SentimentTaskTest::length)
        .average()
        .orElseThrow();
  }

  private static List<Example> read(String file) throws IOException {
    return ExampleFile.parse(
        resource(file).getBytes(StandardCharsets.UTF_8), file, Columns.label("label"));
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = SentimentTaskTest.class.getResourceAsStream(name)) {
      assertThat(in).as("the resource %s", name).isNotNull();
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
