package io.promptgrad.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.models.BundledModel;
import io.promptgrad.search.RandomSource;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class MaskFillingTest {

  private static final String TEXT = "Decide whether the review is good or bad.";

  private static LanguageModel model;
  private static MaskFilling filling;

  @BeforeAll
  static void load() {
    model = LanguageModel.load(BundledModel.MINI_ROBERTA.folder(), LoadOptions.on("cpu"));
    filling = new MaskFilling(model, 20);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static RandomGenerator random(int n) {
    return new RandomSource(0).stream("test", n);
  }

  /** One word is another or is new; all others stay, with their capitals and marks. */
  @Test
  void apply_anySeed_changesOrAddsOneWord() {
    List<String> before = List.of(TEXT.split(" "));
    Set<String> seen = new HashSet<>();
    boolean replaced = false;
    boolean added = false;
    for (int n = 0; n < 40; n++) {
      String changed = filling.apply(TEXT, random(n)).orElseThrow();
      List<String> after = List.of(changed.split(" "));
      seen.add(changed);
      if (after.size() == before.size()) {
        long different =
            IntStream.range(0, after.size())
                .filter(i -> !after.get(i).equals(before.get(i)))
                .count();
        assertThat(different).as(changed).isEqualTo(1);
        replaced = true;
      } else {
        assertThat(after).as(changed).hasSize(before.size() + 1);
        assertThat(after).as(changed).containsSubsequence(before);
        added = true;
      }
      assertThat(changed).doesNotContain("mask").doesNotContain("<");
      if (after.size() == before.size()) {
        assertThat(Character.isUpperCase(changed.charAt(0))).as(changed).isTrue();
        assertThat(changed).endsWith(".");
      }
    }
    assertThat(replaced).isTrue();
    assertThat(added).isTrue();
    assertThat(seen).hasSizeGreaterThan(20);
  }

  @Test
  void apply_sameSeed_givesTheSameText() {
    assertThat(filling.apply(TEXT, random(3))).isEqualTo(filling.apply(TEXT, random(3)));
  }

  @Test
  void apply_textWithoutWords_isLeftAloneOrAddedTo() {
    for (int n = 0; n < 10; n++) {
      filling.apply("...", random(n)).ifPresent(text -> assertThat(text).contains("..."));
    }
  }

  @Test
  void apply_textTooLongForTheModel_isEmpty() {
    String text =
        String.join(" ", Arrays.asList(new String[2000]).stream().map(w -> "word").toList());
    assertThat(filling.apply(text, random(0))).isEmpty();
  }

  @Test
  void model_causal_isRefused() {
    try (LanguageModel causal =
        LanguageModel.load(BundledModel.MINI_LLAMA.folder(), LoadOptions.on("cpu"))) {
      assertThatThrownBy(() -> new MaskFilling(causal, 20))
          .isInstanceOf(InvalidInputException.class);
    }
  }
}
