package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.Chars;
import org.junit.jupiter.api.Test;

class SentenceSplitterTest {

  @Test
  void split_running_endsAtMarksBeforeCapitals() {
    assertThat(SentenceSplitter.split("It rained. \"Go!\" he said. Was it 3.5 km? Yes."))
        .containsExactly("It rained.", "\"Go!\" he said.", "Was it 3.5 km?", "Yes.");
  }

  @Test
  void split_titlesAndInitials_areNoEnds() {
    assertThat(SentenceSplitter.split("Mr. Holmes met J. R. Smith of St. Ives. He left."))
        .containsExactly("Mr. Holmes met J. R. Smith of St. Ives.", "He left.");
  }

  @Test
  void split_tokenised_endsAtMarksThatStandAlone() {
    assertThat(SentenceSplitter.split("a fine film . what 's wrong ? find out . . . soon"))
        .containsExactly("a fine film .", "what 's wrong ?", "find out . . .", "soon");
  }

  @Property(tries = 300)
  void split_anyText_joinedAgainIsTheText(
      @ForAll @Chars({'.', '!', '?', ' ', '"', ')', '-'}) @CharRange(from = 'A', to = 'c')
          String text) {
    String clean = text.replaceAll(" +", " ").strip();

    assertThat(String.join(" ", SentenceSplitter.split(clean))).isEqualTo(clean);
    assertThat(SentenceSplitter.split(clean)).doesNotContain("");
  }

  @Test
  void split_empty_hasNoSentence() {
    assertThat(SentenceSplitter.split("")).isEqualTo(List.of());
  }
}
