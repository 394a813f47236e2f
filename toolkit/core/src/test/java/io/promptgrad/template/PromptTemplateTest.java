package io.promptgrad.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.template.Segment.Field;
import io.promptgrad.template.Segment.Prediction;
import io.promptgrad.template.Segment.Text;
import io.promptgrad.template.Segment.Trigger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class PromptTemplateTest {

  @Test
  void parse_sentimentTemplate_givesSegmentsInOrder() {
    PromptTemplate template = PromptTemplate.parse("<s> {sentence} [T] [T] [P] .</s>");

    assertThat(template.segments())
        .containsExactly(
            new Text("<s> "),
            new Field("sentence"),
            new Text(" "),
            new Trigger(0),
            new Text(" "),
            new Trigger(1),
            new Text(" "),
            new Prediction(),
            new Text(" .</s>"));
    assertThat(template.fields()).containsExactly("sentence");
    assertThat(template.triggerCount()).isEqualTo(2);
  }

  @Test
  void parse_slotsWithoutBlanks_areCounted() {
    // The original counts whitespace-separated words and finds no trigger slot here.
    assertThat(PromptTemplate.parse("{a}[T][T]. ([T])[P].").triggerCount()).isEqualTo(3);
  }

  @Test
  void parse_otherBrackets_areText() {
    PromptTemplate template = PromptTemplate.parse("[CLS] [MASK] [Y] [t] [P][SEP]");
    assertThat(template.segments())
        .containsExactly(new Text("[CLS] [MASK] [Y] [t] "), new Prediction(), new Text("[SEP]"));
  }

  @Test
  void parse_doubledBraces_areLiteral() {
    PromptTemplate template = PromptTemplate.parse("{{{a}}}[P]");
    assertThat(template.segments())
        .containsExactly(new Text("{"), new Field("a"), new Text("}"), new Prediction());
  }

  @Test
  void fill_fieldHoldsSlots_staysText() {
    PromptTemplate template = PromptTemplate.parse("{a}[T] [P].");
    assertThat(template.fill(Map.of("a", "I like [T] and [P] and {a} ")))
        .containsExactly(
            new Text("I like [T] and [P] and {a} "),
            new Trigger(0),
            new Text(" "),
            new Prediction(),
            new Text("."));
  }

  @Test
  void fill_neighbouringText_isOneRun() {
    PromptTemplate template = PromptTemplate.parse("Q: {a}{b}? [P]");
    List<Segment> filled = template.fill(Map.of("a", "x", "b", ""));
    assertThat(filled).containsExactly(new Text("Q: x? "), new Prediction());
    assertThat(((Text) filled.get(0)).endsWithBlank()).isTrue();
    assertThat(((Text) filled.get(0)).startsWithBlank()).isFalse();
  }

  @Test
  void fill_emptyField_leavesNoEmptyRun() {
    assertThat(PromptTemplate.parse("{a}[P]").fill(Map.of("a", "")))
        .containsExactly(new Prediction());
  }

  @Test
  void fill_unknownField_namesItAndTheKnownOnes() {
    Map<String, String> values = new LinkedHashMap<>();
    values.put("sentence", "x");
    values.put("id", "1");
    assertThatThrownBy(() -> PromptTemplate.parse("{text} [P]").fill(values))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("{text}")
        .hasMessageContaining("[sentence, id]");
  }

  @Test
  void parse_noPredictionSlot_isRefused() {
    refused("{a} [T]", "has no prediction slot");
  }

  @Test
  void parse_twoPredictionSlots_namesBothPlaces() {
    refused(
        "[P] {a} [P]", "second prediction slot [P] at character 9 (the first is at character 1)");
  }

  @Test
  void parse_unbalancedBraces_namesThePlace() {
    refused("[P] {a", "opens a brace at character 5");
    refused("[P] {a {b}", "opens a brace at character 5");
    refused("[P] a}", "closes a brace at character 6");
    refused("[P] {}", "empty field {} at character 5");
  }

  private static void refused(String template, String why) {
    assertThatThrownBy(() -> PromptTemplate.parse(template))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why)
        .hasMessageNotContaining("\n");
  }

  @Property(tries = 1_000)
  void print_ofParsedTemplate_parsesToTheSame(@ForAll("templates") String source) {
    PromptTemplate template = PromptTemplate.parse(source);
    StringBuilder printed = new StringBuilder();
    for (Segment segment : template.segments()) {
      String text = segment.toString();
      printed.append(segment instanceof Text ? text.replace("{", "{{").replace("}", "}}") : text);
    }
    assertThat(printed).hasToString(source);
    assertThat(PromptTemplate.parse(printed.toString()).segments()).isEqualTo(template.segments());
  }

  @Property(tries = 1_000)
  void fill_anyValues_keepsSlotsAndAllText(
      @ForAll("templates") String source, @ForAll String a, @ForAll String b) {
    PromptTemplate template = PromptTemplate.parse(source);
    List<Segment> filled = template.fill(Map.of("a", a, "b", b));

    long slots = filled.stream().filter(s -> !(s instanceof Text)).count();
    assertThat(slots).isEqualTo(template.triggerCount() + 1);
    StringBuilder expected = new StringBuilder();
    for (Segment segment : template.segments()) {
      if (segment instanceof Field field) {
        expected.append(field.name().equals("a") ? a : b);
      } else {
        expected.append(segment);
      }
    }
    StringBuilder actual = new StringBuilder();
    filled.forEach(actual::append);
    assertThat(actual).hasToString(expected.toString());
    for (int i = 1; i < filled.size(); i++) {
      assertThat(filled.get(i) instanceof Text && filled.get(i - 1) instanceof Text).isFalse();
    }
  }

  @Property(tries = 1_000)
  void parse_anyText_parsesOrRefuses(@ForAll("shreds") String source) {
    try {
      assertThat(PromptTemplate.parse(source)).hasToString(source);
    } catch (InvalidInputException e) {
      assertThat(e).hasMessageContaining("template");
    }
  }

  @Provide
  Arbitrary<String> templates() {
    Arbitrary<List<String>> pieces =
        Arbitraries.of("{a}", "{b}", "[T]", "[T]", " ", "x", "{{", "}}", ".", "[SEP]", "é😀")
            .list()
            .ofMaxSize(12);
    return pieces.flatMap(
        list ->
            Arbitraries.integers()
                .between(0, list.size())
                .map(
                    at -> {
                      List<String> withSlot = new ArrayList<>(list);
                      withSlot.add(at, "[P]");
                      return String.join("", withSlot);
                    }));
  }

  @Provide
  Arbitrary<String> shreds() {
    return Arbitraries.of("{", "}", "[", "]", "T", "P", "a", " ", "[P]", "[T]")
        .list()
        .ofMaxSize(12)
        .map(list -> String.join("", list));
  }
}
