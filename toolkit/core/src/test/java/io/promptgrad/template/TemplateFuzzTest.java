package io.promptgrad.template;

import io.promptgrad.fuzz.Damaged;
import io.promptgrad.fuzz.Fuzz;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;

class TemplateFuzzTest {

  private static final Fuzz FUZZ =
      Fuzz.of(
          "prompt templates",
          List.of(
              "{sentence} [T] [T] [T] [P] .",
              "[CLS] {premise} [T][T] [P], {hypothesis} [SEP]",
              "{{literal}} {a}{b} [P]"),
          List.of("{", "}", "{{", "}}", "[T]", "[P]", "[", "]", "{sentence}", "{}", "{a}"));

  @Provide
  Arbitrary<Damaged> damaged() {
    return FUZZ.damaged();
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void parseAndFill_damaged_areDoneOrRefused(@ForAll("damaged") Damaged template) {
    FUZZ.check(
        template,
        () ->
            PromptTemplate.parse(template.text())
                .fill(Map.of("sentence", "[P]", "premise", "{a}", "hypothesis", "", "a", "[T]")));
  }

  @AfterContainer
  static void total() {
    FUZZ.print();
  }
}
