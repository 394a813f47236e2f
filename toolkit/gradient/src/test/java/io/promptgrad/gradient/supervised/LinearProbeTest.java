package io.promptgrad.gradient.supervised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.MacroF1;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LinearProbeTest {

  @TempDir static Path folder;
  static LanguageModel model;

  private static final PromptTemplate TEMPLATE = PromptTemplate.parse("{sentence} [P]");
  private static final Task TASK = words(40);

  /** Sentences of one word; ten words in a space of 16 dimensions can be told apart. */
  private static Task words(int n) {
    List<String> words =
        List.of("good", "bad", "great", "awful", "fine", "poor", "liked", "hated", "red", "blue");
    List<List<Example>> splits = new ArrayList<>();
    for (String split : List.of("train", "dev", "test")) {
      List<Example> examples = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        examples.add(
            new Example(
                split + ":" + i,
                Map.of("sentence", words.get(i % 10)),
                i % 2 == 0 ? "positive" : "negative"));
      }
      splits.add(examples);
    }
    return new Task("words", splits.get(0), splits.get(1), splits.get(2));
  }

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static LinearProbe.Result run(LinearProbe.Pooling pooling, long seed) {
    LinearProbe.Config config = new LinearProbe.Config(pooling, 300, 16, 0.05, 1e-6);
    return new LinearProbe(model, config)
        .run(TASK, TEMPLATE, new Accuracy(), List.of(new MacroF1()), new RandomSource(seed));
  }

  /** Even random features tell words apart, at [P] as well as in the mean. */
  @ParameterizedTest
  @EnumSource(LinearProbe.Pooling.class)
  void run_onSeparableWords_learnsThem(LinearProbe.Pooling pooling) {
    LinearProbe.Result result = run(pooling, 1);
    assertThat(result.dev().value()).isEqualTo(1);
    assertThat(result.test().value()).isEqualTo(1);
    assertThat(result.test().n()).isEqualTo(40);
    assertThat(result.test().otherMetrics()).containsKey("macro-f1");
    assertThat(result.epoch()).isBetween(1, 300);
    assertThat(result.test().outcomes()).allMatch(o -> o.scores().size() == 2);
  }

  @Test
  void run_sameSeed_isTheSame() {
    LinearProbe.Result first = run(LinearProbe.Pooling.MEAN, 5);
    assertThat(run(LinearProbe.Pooling.MEAN, 5)).isEqualTo(first);
  }

  @Test
  void run_oneLabelOnly_isRefused() {
    Example only = new Example("train:1", Map.of("sentence", "good film"), "positive");
    Task task = new Task("one", List.of(only), List.of(only), List.of(only));
    assertThatThrownBy(() -> LinearProbe.labels(task))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("needs two");
  }
}
