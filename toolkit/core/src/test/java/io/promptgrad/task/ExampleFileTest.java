package io.promptgrad.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExampleFileTest {

  private static final Columns LABEL = Columns.label("label");

  private static List<Example> parse(String text, String name, Columns columns) {
    return ExampleFile.parse(text.getBytes(StandardCharsets.UTF_8), name, columns);
  }

  @Test
  void tsv_quotesAndBlanks_areKept() {
    List<Example> examples =
        parse(
            "\uFEFFsentence\tlabel\r\n\"so-called \" art \t1\r\n\r\na\u2028b\t0\n",
            "d/x.tsv",
            LABEL);
    assertThat(examples)
        .containsExactly(
            new Example("x.tsv:1", Map.of("sentence", "\"so-called \" art "), "1"),
            new Example("x.tsv:2", Map.of("sentence", "a\u2028b"), "0"));
  }

  @Test
  void tsv_columnNamesGiven_readsFirstLineAsData() {
    List<Example> examples =
        parse(
            "1\tfine\n0\tpoor\n",
            "x.txt",
            LABEL
                .withColumnNames(List.of("label", "text"))
                .withLabelNames(Map.of("0", "neg", "1", "pos")));
    assertThat(examples).extracting(Example::label).containsExactly("pos", "neg");
    assertThat(examples.get(0).text()).isEqualTo("fine");
  }

  @Test
  void csv_quotedCells_areUnquoted() {
    List<Example> examples = parse("text,label\n\"a, \"\"b\"\"\nc\",1\nplain,0\n", "x.csv", LABEL);
    assertThat(examples.get(0).text()).isEqualTo("a, \"b\"\nc");
    assertThat(examples.get(1)).isEqualTo(new Example("x.csv:2", Map.of("text", "plain"), "0"));
  }

  /** Blanks at the start of a cell were lost, and a row of one blank with them. */
  @Test
  void csv_blanks_areKept() {
    assertThat(parse("text,label\r\n  x  , 1 \r\n", "x.csv", LABEL).get(0))
        .isEqualTo(new Example("x.csv:1", Map.of("text", "  x  "), " 1 "));
    assertThat(parse("text\n \n\n\"\"\nlast", "x.csv", Columns.label("")))
        .extracting(Example::text)
        .containsExactly(" ", "", "last");
  }

  @Property(tries = 1_000)
  void csv_anyText_isReadBackExactly(
      @ForAll @Size(min = 1, max = 4) List<@Size(value = 2) List<String>> rows) {
    StringBuilder csv = new StringBuilder("a,b\n");
    for (List<String> row : rows) {
      csv.append(cell(row.get(0))).append(',').append(cell(row.get(1))).append("\r\n");
    }
    List<Example> examples = parse(csv.toString(), "x.csv", Columns.label(""));
    assertThat(examples).extracting(e -> List.copyOf(e.fields().values())).isEqualTo(rows);
  }

  private static String cell(String text) {
    return text.matches("(?s).*[\",\n\r].*") ? "\"" + text.replace("\"", "\"\"") + "\"" : text;
  }

  @Test
  void jsonl_scalars_becomeText() {
    List<Example> examples =
        parse(
            "{\"a\": \"x\", \"n\": 3, \"f\": 0.5, \"z\": null, \"l\": [1, \"q\"], \"label\":"
                + " true}\n\n",
            "x.jsonl",
            LABEL);
    assertThat(examples).hasSize(1);
    assertThat(examples.get(0).label()).isEqualTo("true");
    assertThat(examples.get(0).fields())
        .containsExactly(
            Map.entry("a", "x"),
            Map.entry("n", "3"),
            Map.entry("f", "0.5"),
            Map.entry("z", ""),
            Map.entry("l", "[1,\"q\"]"));
  }

  @Test
  void noLabelField_givesEmptyLabels() {
    assertThat(parse("a\nx\n", "x.tsv", Columns.label("")).get(0).label()).isEmpty();
  }

  @Test
  void badFiles_nameFileLineAndCause() {
    refused(
        "a\tlabel\nx\t1\ny\n",
        "x.tsv",
        "x.tsv, line 3: the row has 1 columns, but the header has 2");
    refused(
        "a\tgold\nx\t1\n",
        "x.tsv",
        "x.tsv, line 1: there is no label column 'label' among [a, gold]");
    refused("a\ta\nx\t1\n", "x.tsv", "names a column twice");
    refused("", "x.tsv", "x.tsv has no rows");
    refused("a\tlabel\n", "x.tsv", "x.tsv has no rows");
    refused("a,label\nx,1\ny\n", "x.csv", "x.csv, line 3: the row has 1 columns");
    refused("a,label\n\"x\n\",1\n\"y,1\n", "x.csv", "x.csv, line 4: this is not CSV (the quote of");
    refused("a,label\n\"x\"y,1\n", "x.csv", "line 2: this is not CSV (text follows a cell's");
    refused("a,label\n\"x\n\"\n", "x.csv", "x.csv, line 2: the row has 1 columns, but");
    refused("{\"a\":1,\"label\":0}\n{\"a\":\n", "x.jsonl", "x.jsonl, line 2: this is not JSON");
    refused("[1]\n", "x.jsonl", "x.jsonl, line 1: expected a JSON object");
    refused("{\"a\":1}\n", "x.jsonl", "x.jsonl, line 1: the row has no label 'label', only [a]");
    refused("{\"label\":[1]}\n", "x.jsonl", "the label 'label' is not a string");
    refused(
        "{\"a\":1,\"a\":2,\"label\":0}\n",
        "x.jsonl",
        "line 1: this is not JSON (Duplicate field 'a')");
    refused("x", "x.parquet", "no known format");
  }

  @Test
  void unknownLabel_namesTheKnownOnes() {
    assertThatThrownBy(
            () -> parse("a\tlabel\nx\t2\n", "x.tsv", LABEL.withLabelNames(Map.of("1", "pos"))))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("x.tsv, line 2: the label '2' is not among the labels [1]");
  }

  @Test
  void badUtf8_namesTheLine() {
    byte[] latin1 = "a\tlabel\nok\t1\ncaf\u00e9\t1\n".getBytes(StandardCharsets.ISO_8859_1);
    assertThatThrownBy(() -> ExampleFile.parse(latin1, "x.tsv", LABEL))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("x.tsv, line 3: this is not UTF-8");
  }

  @Test
  void read_missingFileOrFolder_isRefused(@TempDir Path folder) {
    assertThatThrownBy(() -> ExampleFile.read(folder.resolve("no.tsv"), LABEL))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("There is no file")
        .hasMessageContaining("no.tsv");
    assertThatThrownBy(() -> ExampleFile.read(folder, LABEL))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("is a folder");
  }

  private static void refused(String text, String name, String why) {
    assertThatThrownBy(() -> parse(text, name, LABEL))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why);
  }

  @Property(tries = 1_000)
  void parse_anyBytes_readsOrRefuses(
      @ForAll byte[] bytes, @ForAll("names") String name, @ForAll("labels") String label) {
    readsOrRefuses(bytes, name, label);
  }

  @Property(tries = 1_000)
  void parse_shreddedFiles_readsOrRefuses(
      @ForAll("shreds") String text, @ForAll("names") String name, @ForAll("labels") String label) {
    readsOrRefuses(text.getBytes(StandardCharsets.UTF_8), name, label);
  }

  private static void readsOrRefuses(byte[] bytes, String name, String label) {
    try {
      List<Example> examples = ExampleFile.parse(bytes, name, Columns.label(label));
      assertThat(examples).isNotEmpty();
    } catch (InvalidInputException e) {
      assertThat(e.getMessage()).contains(name);
    }
  }

  @Provide
  Arbitrary<String> names() {
    return Arbitraries.of("x.tsv", "x.csv", "x.jsonl");
  }

  @Provide
  Arbitrary<String> labels() {
    return Arbitraries.of("", "a");
  }

  @Provide
  Arbitrary<String> shreds() {
    return Arbitraries.of(
            "a",
            "\"",
            "\"a\"",
            ",",
            "\t",
            "\n",
            "\r",
            "\r\n",
            "{",
            "}",
            ":",
            "[",
            "]",
            "1",
            "1e999",
            "{\"a\":1}",
            "a,b\n",
            "a\tb\n",
            "\\",
            "\\u12",
            "null",
            "\uFEFF",
            "\u0000")
        .list()
        .ofMaxSize(20)
        .map(list -> String.join("", list));
  }
}
