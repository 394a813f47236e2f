package io.promptgrad.llm.parse;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class ParseTest {

  @Test
  void tags_firstLastAll_byHand() {
    String text = "So: <INS> one </INS> and < ins >two< / INS >, <INS>three";
    assertThat(Tags.first(text, "INS")).contains("one");
    assertThat(Tags.last(text, "INS")).contains("three"); // never closed
    assertThat(Tags.all(text, "INS")).containsExactly("one", "two");
  }

  @Test
  void tags_emptyOrAbsent_areNothing() {
    assertThat(Tags.first("no tag", "INS")).isEmpty();
    assertThat(Tags.first("<INS>  </INS>", "INS")).isEmpty();
    assertThat(Tags.last("</INS> backwards", "INS")).isEmpty();
    assertThat(Tags.all("<INS></INS><INS>x</INS>", "INS")).containsExactly("x");
  }

  @Test
  void fences_languageWordAndInnerFences_byHand() {
    assertThat(Fences.first("a\n```text\nhello\n```\nb")).contains("hello");
    assertThat(Fences.first("```one line```")).contains("one line");
    assertThat(Fences.first("```\nnever closed")).contains("never closed");
    assertThat(Fences.outermost("```md\na\n```\nb\n```\nc\n```")).contains("a\n```\nb\n```\nc");
    assertThat(Fences.outermost("the prompt\n```")).contains("the prompt");
    assertThat(Fences.outermost("none")).isEmpty();
    assertThat(Fences.outermost("``````")).isEmpty();
  }

  @Test
  void json_asModelsWriteIt_isRead() {
    assertThat(JsonText.first("Sure! ```json\n{'a': 1, b: [2, 3,],}\n``` Done.").get().toString())
        .isEqualTo("{\"a\":1,\"b\":[2,3]}");
    assertThat(JsonText.first("set {x} is [1, 2] {").get().toString()).isEqualTo("[1,2]");
    assertThat(JsonText.first("{\"text\": \"two\nlines\"}").get().path("text").asText())
        .isEqualTo("two\nlines");
    assertThat(JsonText.first("{\"cut\": \"of")).isEmpty();
    assertThat(JsonText.first("nothing")).isEmpty();
  }

  @Test
  void list_numbersOrBullets_byHand() {
    assertThat(NumberedList.items("Here:\n1. one\n   goes on\n2) - two\n\nBye\n(3) three"))
        .containsExactly("one\ngoes on", "- two", "three");
    assertThat(NumberedList.items("- a\n* b\n\u2022 c")).containsExactly("a", "b", "c");
    assertThat(NumberedList.items("1.\n2. x")).containsExactly("x");
    assertThat(NumberedList.items("no list")).isEmpty();
  }

  @Property(tries = 500)
  void readers_anyText_neverThrow(@ForAll String text) {
    String odd = text + "<INS>" + text + "```" + text + "{" + text + "</INS>1. " + text;
    assertThat(Tags.all(odd, "INS").size()).isLessThanOrEqualTo(odd.length());
    for (var found :
        java.util.List.of(
            Tags.first(odd, "INS"),
            Tags.last(odd, "INS"),
            Fences.first(odd),
            Fences.outermost(odd))) {
      assertThat(found.map(String::isBlank).orElse(false)).isFalse();
    }
    JsonText.first(odd);
    assertThat(NumberedList.items(odd)).doesNotContain("");
  }
}
