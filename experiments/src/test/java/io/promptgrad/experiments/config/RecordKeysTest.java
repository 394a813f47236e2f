package io.promptgrad.experiments.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.optimizer.GripsConfig;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Records as sections, and the sections that instruction searches have by it. */
class RecordKeysTest {

  enum Colour {
    RED,
    DARK_BLUE
  }

  record Inner(int rounds, double howOften) {}

  record Alone(boolean shortTexts) {}

  record All(
      int topK,
      Colour colour,
      Set<Colour> colours,
      List<String> texts,
      String name,
      Inner inner,
      Alone alone,
      Sampling sampling,
      int kept) {

    All {
      if (topK < 1) {
        throw new InvalidInputException("top_k is too small.");
      }
    }
  }

  private static final All DEFAULTS =
      new All(
          3,
          Colour.RED,
          Set.of(Colour.DARK_BLUE),
          List.of("a"),
          "n",
          new Inner(2, 0.5),
          new Alone(true),
          Sampling.of(0.7, 64),
          9);

  private static final RecordKeys<All> KEYS =
      RecordKeys.of(DEFAULTS).without("kept").inline("alone");

  private static ObjectNode read(String yaml) {
    return KEYS.read(Section.root(YamlDocument.parse(yaml, "test"), "s"), "s");
  }

  @Test
  void read_nothingGiven_hasEveryKeyWithItsDefault() {
    assertThat(Json.line(read("s: {}")))
        .isEqualTo(
            "{'top_k':3,'colour':'red','colours':['dark_blue'],'texts':['a'],'name':'n','inner_rounds':2,'inner_how_often':0.5,'short_texts':true,'temperature':0.7,'top_p':1.0,'max_tokens':64,'seeded':true}"
                .replace('\'', '"'));
    All made = KEYS.make(read("s: {}"));
    assertThat(made.sampling()).isEqualTo(Sampling.of(0.7, 64).withSeed(0));
    assertThat(made).usingRecursiveComparison().ignoringFields("sampling").isEqualTo(DEFAULTS);
  }

  @Test
  void make_everythingGiven_isTheRecord() {
    String yaml =
        "s: {top_k: 5, colour: dark_blue, colours: [red, dark_blue], texts: [x, y], name: m, inner_rounds: 7, inner_how_often: 1, short_texts: false, temperature: server, top_p: 0.9, max_tokens: 8, seeded: false}";
    Sampling sampling = Sampling.of(0, 8).withTemperature(OptionalDouble.empty()).withTopP(0.9);
    assertThat(KEYS.make(read(yaml)))
        .isEqualTo(
            new All(
                5,
                Colour.DARK_BLUE,
                Set.of(Colour.values()),
                List.of("x", "y"),
                "m",
                new Inner(7, 1),
                new Alone(false),
                sampling,
                9));
  }

  @Test
  void read_unknownOrWrong_isNamed() {
    assertThatThrownBy(() -> read("s: {inner_round: 1}"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("unknown key 's.inner_round'; did you mean 'inner_rounds'?");
    assertThatThrownBy(() -> read("s: {kept: 1}")).hasMessageContaining("unknown key 's.kept'");
    assertThatThrownBy(() -> read("s: {colours: [green]}")).hasMessageContaining("'green'");
    ObjectNode small = read("s: {top_k: 0}");
    assertThatThrownBy(() -> KEYS.make(small))
        .isInstanceOf(InvalidInputException.class)
        .hasMessage("top_k is too small.");
  }

  // ------------------------------------------------------------------ the searches

  private static String section(String method) {
    Section root =
        Section.root(YamlDocument.parse("optimizer: {}", "test"), InstructionMethods.KEY);
    return Json.line(InstructionMethods.read(root, method));
  }

  /** As configurations that were written before records were read have them. */
  @Test
  void sections_ofSearchesWithPartsInRecords_keepTheirKeys() {
    assertThat(section("ape"))
        .contains(
            "\"bandit_rounds\":0,\"bandit_prompts\":50,\"bandit_examples\":50,\"bandit_c\":1.0");
    assertThat(section("textgrad"))
        .contains("\"constraints\":[],\"examples\":[],\"shortened\":false")
        .contains("\"top_p\":0.99,\"max_tokens\":2000");
    assertThat(section("grips")).contains("\"edits\":[\"add\",\"delete\",\"swap\"]");
    assertThat(section("evoprompt-de")).doesNotContain("variant").contains("\"selection\"");
    assertThat(section("gepa"))
        .contains("\"components\":\"whole\"", "\"merges\":0", "\"all_components\":false");
    assertThat(section("promptbreeder")).contains("\"thinking_styles\":[");
    assertThat(GripsConfig.defaults().edits()).doesNotContain(GripsConfig.Edit.PARAPHRASE);
  }
}
