package io.promptgrad.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FilesTest {

  @TempDir Path folder;

  @Test
  void write_existingFile_isReplacedAndNothingElseIsLeft() throws IOException {
    Path file = folder.resolve("a/b.json");
    AtomicFiles.write(file, "old and long");
    // What a kill left of an earlier attempt must not get in.
    Files.writeString(folder.resolve("a/.b.json.part"), "torn, and longer than what comes");
    AtomicFiles.write(file, "néw");
    assertThat(Files.readString(file)).isEqualTo("néw");
    try (var content = Files.list(folder.resolve("a"))) {
      assertThat(content).containsExactly(file);
    }
  }

  @Test
  void write_fails_oldContentStays() throws IOException {
    Path file = folder.resolve("b.json");
    AtomicFiles.write(file, "old");
    Files.createDirectory(folder.resolve(".b.json.part")); // no file can be opened there
    assertThatThrownBy(() -> AtomicFiles.write(file, "new")).isInstanceOf(IOException.class);
    assertThat(Files.readString(file)).isEqualTo("old");
  }

  @Property(tries = 1_000)
  void yaml_anyText_isReadBackAsThatText(@ForAll("texts") List<String> texts)
      throws JsonProcessingException {
    ObjectNode mapping = Json.object();
    for (String text : texts) {
      mapping.withArray("list").add(text);
      mapping.put(text, text);
      mapping.withObject("/nested").put(text, text.length());
    }
    assertThat(new YAMLMapper().readTree(Yaml.write(mapping))).isEqualTo(mapping);
  }

  @Provide
  Arbitrary<List<String>> texts() {
    Arbitrary<String> odd =
        Arbitraries.of(
            "",
            " ",
            "~",
            "null",
            "yes",
            "no",
            "on",
            "true",
            "1e5",
            "0x10",
            "1_000",
            "0b1",
            "1:30",
            "012",
            "+1",
            ".5",
            ".inf",
            ".nan",
            "2020-01-01",
            "-",
            "- a",
            "? a",
            "a: b",
            "a #b",
            "#",
            "&a",
            "*a",
            "!x",
            "|",
            ">",
            "%",
            "@",
            "`",
            "{sentence} [T]",
            "\"",
            "'",
            "\\",
            "a\nb\n",
            "\r\n",
            "\t",
            "\u0000",
            "\u0085",
            "\u2028",
            "\uFEFF",
            "<<",
            "=");
    Arbitrary<String> any =
        Arbitraries.strings()
            .all()
            .filter(s -> !s.codePoints().anyMatch(c -> c >= 0xD800 && c < 0xE000));
    return Arbitraries.oneOf(odd, any)
        .filter(text -> !text.equals("list") && !text.equals("nested"))
        .list()
        .ofMaxSize(8);
  }

  @Property(tries = 1_000)
  void number_anyDouble_roundTrips(@ForAll double value) throws JsonProcessingException {
    double read = Json.toDouble(Json.parse(Json.line(Json.number(value))));
    assertThat(Double.compare(read, value)).isZero();
  }

  @Test
  void number_notFinite_roundTrips() throws JsonProcessingException {
    for (double value : List.of(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY)) {
      double read = Json.toDouble(Json.parse(Json.line(Json.number(value))));
      assertThat(Double.compare(read, value)).isZero();
    }
    assertThat(Json.toDouble(Json.parse("null"))).isNaN();
  }

  @Test
  void parse_looseJson_isRefused() {
    for (String text : List.of("{\"a\":1,\"a\":2}", "1 2", "{} x", "{'a':1}", "NaN", "")) {
      assertThatThrownBy(() -> refuseMissing(Json.parse(text)))
          .as(text)
          .isInstanceOf(JsonProcessingException.class);
    }
  }

  private static void refuseMissing(com.fasterxml.jackson.databind.JsonNode node) {
    throw new AssertionError("was read as " + node.getNodeType());
  }

  @Test
  void value_ofTree_isPlainJava() throws JsonProcessingException {
    assertThat(Json.value(Json.tree(Map.of("a", List.of(1, "x", true)))))
        .isEqualTo(Map.of("a", List.of(1, "x", true)));
    assertThat(Json.ints(Json.parse("[1,-2]"))).containsExactly(1, -2);
  }

  /** Whatever was no number became 0, which is a token of every vocabulary. */
  @Test
  void ints_somethingElse_isRefused() throws JsonProcessingException {
    assertThat(Json.ints(Json.object().path("missing"))).isEmpty();
    for (String text :
        List.of(
            "[\"a\"]",
            "[1.5]",
            "[1, null]",
            "[3000000000]",
            "[[1]]",
            "7",
            "\"7\"",
            "{}",
            "{\"a\":1}")) {
      assertThatThrownBy(() -> Json.ints(Json.parse(text)))
          .as(text)
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining(Json.line(Json.parse(text)));
    }
  }
}
