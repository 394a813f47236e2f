package io.promptgrad.experiments.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.util.List;
import org.junit.jupiter.api.Test;

class YamlDocumentTest {

  /** Such label words were written without quotes and read back as numbers or nothing. */
  @Test
  void write_wordsThatLookLikeSomethingElse_stayWords() {
    ObjectNode config = Json.object();
    for (String word : List.of("1e5", "0x10", "1_000", "0b1", "yes", "no", "null", "~", "1:30")) {
      config.withArray("words").add(word);
      config.put(word, word);
    }
    config.put("number", 3).put("rate", 3e-4).put("flag", true);
    assertThat(YamlDocument.parse(YamlDocument.write(config), "x").root()).isEqualTo(config);
  }

  @Test
  void parse_everyKindOfValue_isWhatJsonHas() throws Exception {
    String yaml =
        """
        # a comment
        text: no
        quoted: "1"
        int: 42
        large: 30000000000
        float: 1e-3
        flag: true
        nothing: ~
        list: [1, [two], {three: 3}]
        block:
          - a: |
              two
              lines
        """;
    assertThat(YamlDocument.parse(yaml, "x").root())
        .isEqualTo(
            Json.parse(
                """
                {"text": "no", "quoted": "1", "int": 42, "large": 30000000000, "float": 1e-3,
                 "flag": true, "nothing": null, "list": [1, ["two"], {"three": 3}],
                 "block": [{"a": "two\\nlines\\n"}]}
                """));
  }

  /** A line of brackets ended in a StackOverflowError. */
  @Test
  void parse_veryDeeplyNested_isRefused() {
    assertThatThrownBy(() -> YamlDocument.parse("model: " + "{a: ".repeat(2_000), "f.yaml"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageStartingWith("f.yaml, line 1: more than 50 mappings and lists");
    assertThatThrownBy(() -> YamlDocument.parse("model: " + "[".repeat(2_000), "f.yaml"))
        .isInstanceOf(InvalidInputException.class);
    String fine = "a: " + "[".repeat(40) + "1" + "]".repeat(40);
    assertThat(YamlDocument.parse(fine, "f.yaml").root().findValue("a").size()).isEqualTo(1);
  }

  @Test
  void where_everyValue_isItsLine() {
    YamlDocument document = YamlDocument.parse("a: 1\nb:\n  c:\n  - 1\n  - d: 2\n", "f.yaml");
    assertThat(document.where("a")).isEqualTo("f.yaml, line 1");
    assertThat(document.where("b.c")).isEqualTo("f.yaml, line 3");
    assertThat(document.where("b.c[0]")).isEqualTo("f.yaml, line 4");
    assertThat(document.where("b.c[1].d")).isEqualTo("f.yaml, line 5");
    assertThat(document.where("b.c[1].missing")).isEqualTo("f.yaml, line 5");
    assertThat(document.where("missing")).isEqualTo("f.yaml");
    document.set("b.c=[3]");
    assertThat(document.where("b.c[0]")).isEqualTo("--set b.c=[3]");
  }

  @Test
  void parse_whatJsonDoesNotHave_isRefusedWithItsLine() {
    for (List<String> bad :
        List.of(
            List.of("a: 1\na: 2\n", "f.yaml, line 2: the key 'a' is given twice; keep one."),
            List.of("a: &x 1\nb: *x\n", "f.yaml, line 2: 'b' uses a YAML anchor or alias"),
            List.of("- 1\n", "f.yaml, line 1: this is not a YAML mapping"),
            List.of("", "f.yaml is empty"),
            List.of("a: 1\n---\nb: 2\n", "f.yaml, line 3: a second YAML document begins here"),
            List.of("a: [1, 2\nb: 3\n", "f.yaml, line 2: this is not YAML"),
            List.of("a: 1\n\tb: 2\n", "f.yaml, line 2: this is not YAML"))) {
      assertThatThrownBy(() -> YamlDocument.parse(bad.get(0), "f.yaml"))
          .as(bad.get(0))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageStartingWith(bad.get(1));
    }
  }
}
