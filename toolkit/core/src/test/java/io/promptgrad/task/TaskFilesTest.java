package io.promptgrad.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TaskFilesTest {

  @TempDir Path folder;

  @BeforeEach
  void writeFiles() throws IOException {
    StringBuilder train = new StringBuilder("sentence\tlabel\n");
    for (int i = 0; i < 90; i++) {
      train
          .append("train sentence ")
          .append(i)
          .append('\t')
          .append(i % 3 == 0 ? 1 : 0)
          .append('\n');
    }
    Files.writeString(folder.resolve("train.tsv"), train);
    Files.writeString(
        folder.resolve("test.tsv"), "sentence\tlabel\nTrain, sentence 7!\t0\nnew\t1\n");
  }

  private Task load(String yaml) throws IOException {
    JsonNode config = new YAMLMapper().readTree(yaml);
    return TaskFiles.load(config, folder);
  }

  private static final String CARVED =
      """
      name: toy
      label: label
      labels: {0: negative, 1: positive}
      train: {file: train.tsv, limit: 30}
      dev: {from: train, size: 20, seed: 3}
      test: test.tsv
      """;

  @Test
  void load_devCarvedFromTrain_isStratifiedAndDisjoint() throws IOException {
    Task task = load(CARVED);

    assertThat(task.dev()).hasSize(20);
    assertThat(task.train()).hasSize(30);
    // 30 of 90 rows are positive: a share of 6.67 of 20, so 7 by largest remainder; then 10 of 30.
    assertThat(counts(task.dev())).isEqualTo(Map.of("negative", 13L, "positive", 7L));
    assertThat(counts(task.train())).isEqualTo(Map.of("negative", 20L, "positive", 10L));
    assertThat(new HashSet<>(task.dev())).doesNotContainAnyElementsOf(task.train());
    assertThat(task.dev()).allSatisfy(e -> assertThat(e.id()).startsWith("train:"));
    assertThat(task.test().get(0).id()).isEqualTo("test:1");
    assertThat(task.labels()).containsExactly("negative", "positive");
    assertThat(task.describe()).contains("toy").contains("{negative=20, positive=10}");
  }

  @Test
  void load_sameSeed_drawsTheSameRows() throws IOException {
    assertThat(load(CARVED)).isEqualTo(load(CARVED));
    assertThat(load(CARVED.replace("seed: 3", "seed: 4")).dev()).isNotEqualTo(load(CARVED).dev());
  }

  @Test
  void sample_idsAndOrder_arePinned() throws IOException {
    // A change here changes every carved split of every user.
    List<Integer> rows = new ArrayList<>();
    load(CARVED).dev().forEach(e -> rows.add(Integer.valueOf(e.id().substring(6))));
    assertThat(rows)
        .containsExactly(
            2, 3, 5, 7, 17, 18, 19, 26, 27, 28, 42, 44, 47, 48, 49, 67, 70, 74, 83, 88);
  }

  @Test
  void leakCheck_sameLettersAndDigits_isFound() throws IOException {
    Task task = load(CARVED.replace(", limit: 30", ""));
    LeakReport report = LeakCheck.check(task);

    assertThat(report.leaks()).hasSize(1);
    assertThat(report.leaks().get(0).second()).isEqualTo("test:1");
    assertThat(report.leaks().get(0).first()).isEqualTo("train:8");
    assertThat(report.toString()).contains("1 of the second split's texts").contains("test:1");
    assertThat(report.clean()).isFalse();
  }

  /** Every row's number is its own, which hid all leaks of data with such a column. */
  @Test
  void leakCheck_columnThatThePromptDoesNotShow_isNotCompared() {
    Example train = new Example("train:1", Map.of("idx", "1", "sentence", "A fine film."), "x");
    Example dev = new Example("dev:1", Map.of("idx", "2", "sentence", "Another one."), "x");
    Example test = new Example("test:1", Map.of("idx", "3", "sentence", "a fine film"), "x");
    Task task = new Task("t", List.of(train), List.of(dev), List.of(test));
    assertThat(LeakCheck.check(task).clean()).isTrue();
    assertThat(LeakCheck.check(task, List.of("sentence")).counts())
        .isEqualTo(Map.of("train/test", 1));
  }

  @Test
  void leakCheck_textsWithoutLetters_areNotCompared() {
    Example dots = new Example("a:1", Map.of("t", "..."), "x");
    Example marks = new Example("b:1", Map.of("t", "!!!"), "x");
    Example word = new Example("c:1", Map.of("t", "Ｆｉｎｅ"), "x");
    Task task = new Task("t", List.of(dots), List.of(marks), List.of(word));
    assertThat(LeakCheck.check(task).clean()).isTrue();
    assertThat(LeakCheck.check(task)).hasToString("No text occurs in more than one split.");
    assertThat(LeakCheck.normalForm("Ｆｉｎｅ, No. 1!")).isEqualTo("fineno1");
  }

  @Test
  void load_badConfigurations_areRefused() {
    refused(
        CARVED.replace("size: 20", "size: 90"), "takes 90 examples from train, which has only 90");
    refused(
        CARVED.replace("size: 20", "size: many"),
        "dev split needs a positive whole number as size");
    refused(CARVED.replace("from: train", "from: test"), "taken from 'test'");
    refused(CARVED.replace("name: toy", "nam: toy"), "unknown key 'nam'");
    refused(CARVED.replace("limit: 30", "limits: 30"), "train split has the unknown key 'limits'");
    refused(CARVED.replace("test: test.tsv", ""), "no test split");
    refused(CARVED.replace("test: test.tsv", "test: no.tsv"), "There is no file");
    refused(CARVED.replace("1: positive", "2: positive"), "train.tsv, line 2: the label '1'");
    refused("[]", "not a mapping");
  }

  @Test
  void task_emptySplit_isRefused() {
    Example example = new Example("a:1", Map.of("t", "x"), "y");
    assertThatThrownBy(() -> new Task("toy", List.of(example), List.of(), List.of(example)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("Task 'toy' has no examples in its dev split");
  }

  private void refused(String yaml, String why) {
    assertThatThrownBy(() -> load(yaml))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why);
  }

  private static Map<String, Long> counts(List<Example> examples) {
    return examples.stream().collect(Collectors.groupingBy(Example::label, Collectors.counting()));
  }

  @Test
  void read_sst2_hasTheOfficialCounts() {
    Path shared = Shared.folder();
    assumeThat(shared).as("the shared data").isNotNull();
    List<Example> dev =
        ExampleFile.read(shared.resolve("data/sst2/dev.tsv"), Columns.label("label"));
    assertThat(dev).hasSize(872);
    assertThat(counts(dev)).isEqualTo(Map.of("0", 428L, "1", 444L));
    List<Example> train =
        ExampleFile.read(shared.resolve("data/sst2/train.tsv"), Columns.label("label"));
    assertThat(train).hasSize(67_349);
    List<Example> app =
        ExampleFile.read(shared.resolve("data/autoprompt/sst2_dev.jsonl"), Columns.label("label"));
    assertThat(app).hasSize(32);
  }
}
