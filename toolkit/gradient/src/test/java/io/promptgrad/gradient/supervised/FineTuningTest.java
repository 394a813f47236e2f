package io.promptgrad.gradient.supervised;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FineTuningTest {

  @TempDir static Path folder;
  static LanguageModel model;

  private static final LoadOptions OPTIONS = new LoadOptions(Device.cpu(), Precision.FLOAT32);
  private static final Task TASK = words(80);

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

  private static final FineTuning.Config CONFIG = new FineTuning.Config(3, 2, 0.003, 0.01, 0);

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder.resolve("base"));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static FineTuning.Result run(Path out, IntConsumer afterEpoch) {
    Cloze cloze =
        new Cloze(
            model,
            PromptTemplate.parse("{sentence} [P]"),
            Verbalizer.parse(Map.of("negative", List.of("no"), "positive", List.of("yes"))));
    return new FineTuning(model, OPTIONS, CONFIG, out)
        .run(TASK, cloze, new Accuracy(), List.of(), new RandomSource(2), afterEpoch);
  }

  @Test
  void run_onSeparableWords_learnsThem() {
    Path out = folder.resolve("learns");
    FineTuning.Result result = run(out, epoch -> {});
    assertThat(result.test().value()).isGreaterThan(0.9);
    assertThat(result.updates()).isEqualTo(120);
    assertThat(result.cost().backwardTokens()).isPositive();
    // What is kept is a model like any other.
    try (LanguageModel tuned = LanguageModel.load(out.resolve("model"), OPTIONS)) {
      assertThat(tuned.parameters()).isEqualTo(model.parameters());
    }
  }

  @Test
  void run_stoppedAfterAnEpoch_goesOnToTheSameResult() {
    FineTuning.Result whole = run(folder.resolve("whole"), epoch -> {});
    Path stopped = folder.resolve("stopped");
    for (int at = 1; at <= 2; at++) {
      int last = at;
      assertThatThrownBy(
              () ->
                  run(
                      stopped,
                      epoch -> {
                        assertThat(epoch).isEqualTo(last); // earlier ones are not done again
                        throw new IllegalStateException("killed");
                      }))
          .hasMessage("killed");
    }
    FineTuning.Result resumed = run(stopped, epoch -> assertThat(epoch).isEqualTo(3));
    assertThat(resumed.dev()).isEqualTo(whole.dev());
    assertThat(resumed.test()).isEqualTo(whole.test());
    assertThat(resumed.epoch()).isEqualTo(whole.epoch());
    assertThat(Files.exists(stopped.resolve("model/model.safetensors"))).isTrue();
  }

  /** 20 updates: 2 of warm-up, then 18 down to 1/18 of the highest. */
  @Test
  void rate_byHand() {
    assertThat(FineTuning.rate(1, 20, 0.2)).isCloseTo(0.1, within(1e-12));
    assertThat(FineTuning.rate(2, 20, 0.2)).isCloseTo(0.2, within(1e-12));
    assertThat(FineTuning.rate(3, 20, 0.2)).isCloseTo(0.2, within(1e-12));
    assertThat(FineTuning.rate(11, 20, 0.2)).isCloseTo(0.2 * 10 / 18, within(1e-12));
    assertThat(FineTuning.rate(20, 20, 0.2)).isCloseTo(0.2 / 18, within(1e-12));
    assertThat(FineTuning.rate(1, 5, 0.2)).isCloseTo(0.2, within(1e-12)); // no warm-up
  }
}
