package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

class DecontaminatorTest {

  private final Decontaminator decontaminator = new Decontaminator();

  @Test
  void clean_plantedSentence_dropsOnlyThatSentence() {
    decontaminator.forbid("a gripping , funny film .");

    Decontaminator.Result result =
        decontaminator.clean(
            List.of("We went on Monday. A gripping, funny film! Then we went home.", "Rain fell."));

    assertThat(result.lines())
        .containsExactly("We went on Monday. Then we went home.", "Rain fell.");
    assertThat(result.sentences()).isEqualTo(4);
    assertThat(result.droppedEqual()).isEqualTo(1);
    assertThat(result.droppedRun()).isZero();
  }

  @Test
  void clean_eightWordRun_dropsSentence() {
    decontaminator.forbid("it never once lets the tension of its premise go slack");

    Decontaminator.Result result =
        decontaminator.clean(
            List.of(
                "They say it never once lets the tension of its grip weaken.", // 8 words in common
                "Here it never once lets the tension of anything matter.")); // 7 in common

    assertThat(result.lines())
        .containsExactly("Here it never once lets the tension of anything matter.");
    assertThat(result.droppedRun()).isEqualTo(1);
    assertThat(result.droppedEqual()).isZero();
  }

  @Test
  void clean_runAcrossSentenceEnd_dropsBothSentences() {
    decontaminator.forbid("the lights went out and nobody in the hall said a word");

    Decontaminator.Result result =
        decontaminator.clean(
            List.of("First this. The lights went out. And nobody in the hall moved. Then that."));

    assertThat(result.lines()).containsExactly("First this. Then that.");
    assertThat(result.droppedRun()).isEqualTo(2);
  }

  @Test
  void clean_droppedSentenceLetsNeighboursMeet_dropsTheRunTheyForm() {
    decontaminator.forbid("one two three four five six seven eight");
    decontaminator.forbid("drop this here");

    Decontaminator.Result result =
        decontaminator.clean(List.of("One two three four. Drop this here. Five six seven eight."));

    assertThat(result.lines()).isEmpty();
    assertThat(result.sentences()).isEqualTo(3);
    assertThat(result.droppedEqual()).isEqualTo(1);
    assertThat(result.droppedRun()).isEqualTo(2);
  }

  @Test
  void clean_oneOrTwoWords_areNotCompared() {
    decontaminator.forbid("very bad .");
    decontaminator.forbid("not so bad .");

    Decontaminator.Result result =
        decontaminator.clean(List.of("Very bad!", "Not so bad!", "Yes."));

    assertThat(result.lines()).containsExactly("Very bad!", "Yes.");
    assertThat(result.droppedEqual()).isEqualTo(1);
  }

  @Test
  void clean_contractionsWrittenDifferently_areTheSame() {
    decontaminator.forbid("i ca n't say that it 's the best of the bunch so far");

    Decontaminator.Result result =
        decontaminator.clean(List.of("Well, I can’t say that it's the best of days."));

    assertThat(result.lines()).isEmpty();
  }

  @Test
  void clean_bracketTokens_areNoWords() {
    decontaminator.forbid("a long -lrb- and winding -rrb- road to a very dull end");

    Decontaminator.Result result =
        decontaminator.clean(List.of("It is a long (and winding) road to a very big town."));

    assertThat(result.lines()).isEmpty();
  }

  @Test
  void clean_sentenceInsideAForbiddenParagraph_isDropped() {
    decontaminator.forbid("The plot is thin. The actors save it. Go and see it.");

    assertThat(decontaminator.clean(List.of("The actors save it.")).lines()).isEmpty();
  }

  @Property(tries = 200)
  void clean_anyEightForbiddenWordsInAnyContext_noneRemains(
      @ForAll @Size(8) List<@AlphaChars @StringLength(min = 1, max = 6) String> forbidden,
      @ForAll @Size(max = 10) List<@AlphaChars @StringLength(min = 1, max = 6) String> before,
      @ForAll @Size(max = 10) List<@AlphaChars @StringLength(min = 1, max = 6) String> after,
      @ForAll @IntRange(min = 1, max = 7) int stop) {
    Decontaminator fresh = new Decontaminator();
    fresh.forbid(String.join(" ", forbidden));
    String planted =
        String.join(" ", before)
            + " "
            + String.join(", ", forbidden.subList(0, stop))
            + ". "
            + String.join(" - ", forbidden.subList(stop, 8))
            + " "
            + String.join(" ", after);

    List<String> left = fresh.clean(List.of(planted.strip())).lines();

    assertThat(words(left)).doesNotContain(words(List.of(String.join(" ", forbidden))));
  }

  private static String words(List<String> lines) {
    String text = String.join(" ", lines).toLowerCase(java.util.Locale.ROOT);
    return " " + text.replaceAll("[^a-z0-9]+", " ").strip() + " ";
  }
}
