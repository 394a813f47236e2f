package io.promptgrad.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.benchmarks.AutoPromptStep.Choice;
import io.promptgrad.benchmarks.StepWorkload.Step;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.lm.LanguageModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AutoPromptStepTest {

  private static final StepWorkload.Size SIZE = new StepWorkload.Size(10, 14, 8, 24, 3, 3);

  @TempDir static Path folder;

  @BeforeAll
  static void write() throws Exception {
    TinyRoberta.write(folder, 0);
  }

  private static StepWorkload workload(LanguageModel model, int steps, long seed) {
    return StepWorkload.random(model, TinyRoberta.MASK, SIZE, steps, seed);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 2, 3, 4, 5})
  void everyVariant_overSeveralSteps_choosesAsThePlainOne(long seed) {
    try (LanguageModel model = LanguageModel.load(folder, TinyRoberta.OPTIONS)) {
      StepWorkload workload = workload(model, 6, seed);
      List<Choice> plain = new AutoPromptStep(model, workload, StepVariant.PLAIN).runAll();

      // Otherwise there would be nothing to agree about.
      assertThat(plain).anyMatch(choice -> choice.winner() >= 0);
      assertThat(plain).allMatch(choice -> choice.candidates().size() == SIZE.candidates());
      for (StepVariant variant : StepVariant.values()) {
        AutoPromptStep.requireSameChoices(
            StepVariant.PLAIN,
            plain,
            variant,
            new AutoPromptStep(model, workload, variant).runAll());
      }
    }
  }

  @Test
  void forwardTokens_ofThePlainStep_areThoseOfPaddedBatches() {
    try (LanguageModel model = LanguageModel.load(folder, TinyRoberta.OPTIONS)) {
      StepWorkload workload = workload(model, 1, 0);
      Step step = workload.steps().get(0);
      // One pass for the gradient, one for the current trigger, one for each of 10 candidates.
      long expected = 14L * longest(step.forGradient()) + 11 * 14L * longest(step.forChoice());

      assertThat(new AutoPromptStep(model, workload, StepVariant.PLAIN).run(step).forwardTokens())
          .isEqualTo(expected);
    }
  }

  @Test
  void forwardTokens_fallWithBucketsAndAgainWithPruning() {
    try (LanguageModel model = LanguageModel.load(folder, TinyRoberta.OPTIONS)) {
      StepWorkload workload = workload(model, 4, 1);
      List<Long> tokens = new ArrayList<>();
      for (StepVariant variant : StepVariant.values()) {
        tokens.add(
            new AutoPromptStep(model, workload, variant)
                .runAll().stream().mapToLong(Choice::forwardTokens).sum());
      }

      assertThat(tokens.subList(1, 3)).containsOnly(tokens.get(0));
      assertThat(tokens.get(3)).isLessThan(tokens.get(2));
      assertThat(tokens.get(4)).isLessThan(tokens.get(3));
    }
  }

  @Test
  void requireSameChoices_ofAnotherWinner_namesTheStep() {
    Choice one = new Choice(List.of(7, 9), 3, 1, 5, 100);
    Choice cheaper = new Choice(List.of(7, 9), 3, 1, 5, 50);
    Choice other = new Choice(List.of(7, 9), 3, 0, 5, 100);

    AutoPromptStep.requireSameChoices(
        StepVariant.PLAIN, List.of(one, one), StepVariant.HEAD, List.of(one, cheaper));
    assertThatThrownBy(
            () ->
                AutoPromptStep.requireSameChoices(
                    StepVariant.PLAIN, List.of(one, one), StepVariant.HEAD, List.of(one, other)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("step 1: PLAIN");
  }

  private static int longest(List<ClozeExample> examples) {
    return examples.stream().mapToInt(ClozeExample::length).max().orElseThrow();
  }
}
