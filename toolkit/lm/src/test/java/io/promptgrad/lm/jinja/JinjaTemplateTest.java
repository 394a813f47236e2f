package io.promptgrad.lm.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class JinjaTemplateTest {

  /** When the recordings of strftime_now pretend to have been made. */
  private static final LocalDateTime NOW = LocalDateTime.of(2024, 7, 26, 9, 5, 3);

  /** What Jinja2 renders and we refuse, on purpose: see the package's description. */
  private static final Set<String> REFUSED =
      Set.of(
          "filter 41", // safe before another filter
          "tojson 10", // keys of a mapping that are neither text nor whole number
          "test 7", // sameas of numbers
          "loop 26", // recursive loops
          "loop 27",
          "macro 12"); // a macro written as text

  private record Case(String name, String template, String expected) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static final JsonNode RECORDED = recorded();

  private static JsonNode recorded() {
    try (InputStream in = JinjaTemplateTest.class.getResourceAsStream("constructs.json")) {
      return Json.parse(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static Stream<Case> constructs() {
    List<Case> cases = new ArrayList<>();
    RECORDED
        .path("cases")
        .forEach(
            c ->
                cases.add(
                    new Case(
                        c.path("name").asText(),
                        c.path("template").asText(),
                        c.has("expected") ? c.path("expected").asText() : null)));
    assertThat(cases).hasSizeGreaterThan(300);
    return cases.stream();
  }

  private static Map<String, JsonNode> variables() {
    Map<String, JsonNode> variables = new LinkedHashMap<>();
    RECORDED.path("variables").properties().forEach(e -> variables.put(e.getKey(), e.getValue()));
    return variables;
  }

  private static String render(String template) {
    return JinjaTemplate.parse(template, "template").render(variables(), NOW);
  }

  /** Byte by byte what Jinja2 3.1.6 renders; refused where it fails, or by the list above. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("constructs")
  void render_construct_equalsJinja2OrIsRefused(Case construct) {
    if (construct.expected() != null && !REFUSED.contains(construct.name())) {
      assertThat(render(construct.template()))
          .as(construct.template())
          .isEqualTo(construct.expected());
    } else {
      assertThatThrownBy(() -> render(construct.template()))
          .as(construct.template())
          .isInstanceOf(InvalidInputException.class)
          .hasMessageMatching("template, line \\d+: .*; (correct|check) the template.*\\.");
    }
  }

  @Test
  void error_inAnyTag_namesItsLine() {
    assertThatThrownBy(() -> render("a\n{{ n }}\n{% if n %}\n  {{ nope.x }}\n{% endif %}"))
        .hasMessage(
            "template, line 4: 'nope' is undefined; check the template and what it was given.");
    assertThatThrownBy(() -> render("{% macro m(a) %}\n{{ a.b.c }}\n{% endmacro %}\n\n{{ m(n) }}"))
        .hasMessage(
            "template, line 2: a whole number has no 'b'; check the template and what it was"
                + " given.");
    assertThatThrownBy(() -> render("a\r\nb\r\n{{ raise_exception('Roles must\n alternate!') }}"))
        .hasMessage(
            "template, line 3: the template says: Roles must alternate; check the template and what"
                + " it was given.");
    assertThatThrownBy(() -> render("{{ n }}\n\n{% for m in messages %}\n"))
        .hasMessage(
            "template, line 3: the block 'for' that begins here does not end; correct the"
                + " template.");
    assertThatThrownBy(() -> render("{{\n n |\n nosuch }}"))
        .hasMessageStartingWith("template, line 3: the filter 'nosuch' is not supported;");
    assertThatThrownBy(() -> render("\n{% include 'x' %}"))
        .hasMessageStartingWith("template, line 2: the block 'include' is not supported;");
  }

  /** Memory and time are bounded whatever a stranger writes. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 100000000000 }}",
        "{{ [1] * 9223372036854775807 }}",
        "{% set ns = namespace(a='aaaaaaaaaaaaaaaa') %}"
            + "{% for i in range(60) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
        "{% set ns = namespace(a=[1]) %}"
            + "{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a }}",
        "{% set ns = namespace(a=[1]) %}"
            + "{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a | tojson }}",
        "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}"
            + "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
        "{% set ns = namespace(a=[]) %}"
            + "{% for i in range(100000) %}{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a }}",
        "{% set a = 'a' * 1000000 %}{{ a.replace('a', a) }}",
        "{% set a = 'a' * 1000000 %}{{ (['x'] * 1000000) | join(a) }}",
        "{% set a = '\\n' * 1000000 %}{{ a | indent(1000, true, true) }}",
        "{% set a = [1] * 100000 %}{{ a | tojson(indent='x' * 10000) }}",
        "{{ '%999d' * 10000000 }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ 'a'.zfill(2000000000) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(a) %}{{ m(a ~ a) }}{% endmacro %}{{ m('abcdefgh') }}",
        "{{ range(-1000000000000, 1000000000000) }}",
        "{{ 2 ** 9223372036854775807 }}",
        "{{ 10.5 | round(1000000000) }}"
      })
  void render_hostileTemplate_endsSoon(String template) {
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () -> assertThatThrownBy(() -> render(template)).isInstanceOf(InvalidInputException.class));
  }

  @Test
  void parse_deepNesting_isRefused() {
    for (String deep :
        List.of(
            "{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}",
            "{{ " + "-".repeat(100_000) + "1 }}",
            "{{ " + "not ".repeat(100_000) + "1 }}",
            "{{ 1" + " + 1".repeat(100_000) + " }}",
            "{{ a" + ".a".repeat(100_000) + " }}",
            "{% if a %}".repeat(100_000))) {
      assertThatThrownBy(() -> render(deep)).isInstanceOf(InvalidInputException.class);
    }
  }

  @Test
  void render_manyTimes_keepsNothing() {
    JinjaTemplate template =
        JinjaTemplate.parse(
            "{% set ns = namespace(k=0) %}{% for m in messages %}{% set ns.k = ns.k + 1 %}"
                + "{% endfor %}{{ ns.k }}",
            "t");
    assertThat(template.render(variables(), NOW)).isEqualTo("4");
    assertThat(template.render(variables(), NOW)).isEqualTo("4");
  }

  @Provide
  Arbitrary<String> templates() {
    Arbitrary<String> pieces =
        Arbitraries.of(
            "{{",
            "}}",
            "{%",
            "%}",
            "{#",
            "#}",
            "-",
            "+",
            " ",
            "\n",
            "if",
            "elif",
            "else",
            "endif",
            "for",
            "in",
            "endfor",
            "set",
            "endset",
            "macro",
            "endmacro",
            "m",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            ".",
            "|",
            "=",
            "==",
            "~",
            "*",
            "/",
            "//",
            "%",
            "**",
            "'a'",
            "\"",
            "1",
            "0",
            "2.5",
            "messages",
            "n",
            "text",
            "pairs",
            "loop",
            "is",
            "not",
            "defined",
            "string",
            "and",
            "or",
            "trim",
            "tojson",
            "length",
            "join",
            "map",
            "first",
            "default",
            "namespace",
            "range",
            "role",
            "items",
            "split",
            "raw",
            "endraw",
            "none",
            "\\",
            "é");
    Arbitrary<String> soup = pieces.list().ofMaxSize(40).map(p -> String.join("", p));
    Arbitrary<String> tags =
        pieces
            .list()
            .ofMaxSize(8)
            .map(p -> "{{ " + String.join(" ", p) + " }}")
            .list()
            .ofMaxSize(3)
            .map(t -> String.join("\n", t));
    return Arbitraries.oneOf(soup, tags);
  }

  @Property(tries = 5_000)
  void render_anyTemplate_rendersOrRefuses(@ForAll("templates") String template) {
    Throwable thrown = catchThrowable(() -> render(template));
    if (thrown != null) {
      assertThat(thrown)
          .as(template)
          .isInstanceOf(InvalidInputException.class)
          .hasMessageStartingWith("template, line ");
      assertThat(thrown.getMessage()).doesNotContain("line 0");
    }
  }

  /** Recorded templates with one character lost or doubled are near to real ones. */
  @Property(tries = 5_000)
  void render_damagedConstruct_rendersOrRefuses(
      @ForAll int which, @ForAll int where, @ForAll boolean doubled) {
    JsonNode cases = RECORDED.path("cases");
    String template = cases.get(Math.floorMod(which, cases.size())).path("template").asText();
    int at = Math.floorMod(where, template.length());
    String kept = doubled ? template.substring(at, at + 1).repeat(2) : "";
    String damaged = template.substring(0, at) + kept + template.substring(at + 1);
    Throwable thrown = catchThrowable(() -> render(damaged));
    if (thrown != null) {
      assertThat(thrown).as(damaged).isInstanceOf(InvalidInputException.class);
      assertThat(thrown.getMessage()).doesNotContain("line 0");
    }
  }

  @Test
  void render_variables_areOnlyWhatIsGiven() {
    ObjectNode given = Json.object().put("a", 1);
    Map<String, JsonNode> variables = Map.of("given", given);
    JinjaTemplate template =
        JinjaTemplate.parse("{{ given.a }}{{ given.getClass is defined }}{{ given.class }}", "t");
    assertThat(template.render(variables, NOW)).isEqualTo("1False");
  }
}
