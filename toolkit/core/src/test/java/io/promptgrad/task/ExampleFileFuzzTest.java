package io.promptgrad.task;

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

class ExampleFileFuzzTest {

  private static final Columns COLUMNS =
      Columns.label("label").withLabelNames(Map.of("0", "negative", "1", "positive"));

  private static final Fuzz TSV =
      Fuzz.of(
          "TSV",
          List.of(
              "sentence\tlabel\na b\t0\n\"c\t1\n", "\ufefflabel\tx\ty\r\n1\t\t \r\n0\té\t \r\n"),
          List.of("label", "\n0\t1", "\t\t"));

  private static final Fuzz CSV =
      Fuzz.of(
          "CSV",
          List.of(
              "sentence,label\n\"a, \"\"b\"\"\nc\",0\nd,1\n", "label,x,y\r\n1,,\" \"\r\n0,é, \r\n"),
          List.of("label", "\"\"", "\"\n\"", ",\""));

  private static final Fuzz JSONL =
      Fuzz.of(
          "JSONL",
          List.of(
              "{\"sentence\": \"a\", \"label\": 0}\n{\"sentence\": [1, {\"b\": null}], \"label\": \"1\"}\n",
              "\n{\"label\": \"1\", \"x\": true, \"y\": 1.5e3}\r\n"),
          List.of("\"label\"", "{\"a\":", "\\ud800", "\\u0000", "}\n{", "1.0000000000000000001"));

  @Provide
  Arbitrary<Damaged> tsv() {
    return TSV.damaged();
  }

  @Provide
  Arbitrary<Damaged> csv() {
    return CSV.damaged();
  }

  @Provide
  Arbitrary<Damaged> jsonl() {
    return JSONL.damaged();
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void parse_damagedTsv_isReadOrRefused(@ForAll("tsv") Damaged file) {
    TSV.check(file, () -> ExampleFile.parse(file.bytes(), "d/file.tsv", COLUMNS));
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void parse_damagedCsv_isReadOrRefused(@ForAll("csv") Damaged file) {
    CSV.check(file, () -> ExampleFile.parse(file.bytes(), "d/file.csv", COLUMNS));
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void parse_damagedJsonLines_areReadOrRefused(@ForAll("jsonl") Damaged file) {
    JSONL.check(file, () -> ExampleFile.parse(file.bytes(), "d/file.jsonl", COLUMNS));
  }

  @AfterContainer
  static void totals() {
    TSV.print();
    CSV.print();
    JSONL.print();
  }
}
