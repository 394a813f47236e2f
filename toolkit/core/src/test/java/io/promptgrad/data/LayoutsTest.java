package io.promptgrad.data;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Tiny copies of every layout of the catalogue, with sentences of our own, become the rows of
 * {@code expected.jsonl}, which a person has read.
 */
class LayoutsTest {

  private static final Catalogue CATALOGUE = Catalogue.builtIn();

  /** The few-shot sets differ in labels only; one of them stands for all. */
  private static final List<String> LIKE_SST2_16 =
      List.of("sst5-16", "mr-16", "cr-16", "subj-16", "trec-16", "agnews-16");

  static Path folder() {
    return Path.of("src/test/resources/io/promptgrad/data/layouts");
  }

  @TestFactory
  Collection<DynamicTest> import_tinyLayout_givesTheExpectedRows() throws IOException {
    Map<String, Map<String, JsonNode>> expected = new LinkedHashMap<>(); // by data set, then split
    for (String line : Files.readAllLines(folder().resolve("expected.jsonl"))) {
      JsonNode node = Json.parse(line);
      String name = node.path("data").asText();
      String from = node.path("from").asText("");
      expected
          .computeIfAbsent(from + ":" + name, key -> new LinkedHashMap<>())
          .put(node.path("part").asText("") + "/" + node.path("split").asText(), node.get("rows"));
    }
    return expected.entrySet().stream()
        .map(
            set -> DynamicTest.dynamicTest(set.getKey(), () -> check(set.getKey(), set.getValue())))
        .toList();
  }

  private static void check(String key, Map<String, JsonNode> expected) throws IOException {
    String[] fromAndName = key.split(":", -1);
    Dataset read =
        Import.read(CATALOGUE.get(fromAndName[1]), folder().resolve(fromAndName[0]), "tiny", true);
    Map<String, JsonNode> rows = new LinkedHashMap<>();
    for (Dataset.Split split : read.splits()) {
      ArrayNode lines = JsonNodeFactory.instance.arrayNode();
      for (String line : new String(split.lines().get(), StandardCharsets.UTF_8).split("\n")) {
        lines.add(Json.parse(line));
      }
      rows.put(split.part() + "/" + split.name(), lines);
      assertThat(split.rows()).isEqualTo(lines.size());
    }
    assertThat(rows).isEqualTo(expected);
  }

  @Test
  void expected_allOfTheCatalogue_isThere() throws IOException {
    TreeSet<String> missing = new TreeSet<>(CATALOGUE.names());
    for (String line : Files.readAllLines(folder().resolve("expected.jsonl"))) {
      missing.remove(Json.parse(line).path("data").asText());
    }
    assertThat(missing).isEqualTo(new TreeSet<>(LIKE_SST2_16));
  }

  @Test
  void catalogue_everyEntry_isConsistent() {
    for (CatalogueEntry entry : CATALOGUE.entries()) {
      List<String> splits = List.copyOf(entry.layouts().get(0).splits().keySet());
      entry
          .task()
          .properties()
          .forEach(
              role -> {
                JsonNode split =
                    role.getValue().isTextual() ? role.getValue() : role.getValue().path("split");
                if (!split.isMissingNode() && !role.getValue().has("data")) {
                  assertThat(splits).as(entry.name()).contains(split.asText());
                }
              });
      if (!entry.task().isEmpty()) {
        assertThat(entry.task().properties())
            .as(entry.name())
            .extracting(Map.Entry::getKey)
            .containsExactly("train", "dev", "test");
      }
      assertThat(entry.title().length() + entry.name().length()).isLessThan(140);
    }
    assertThat(CATALOGUE.names()).doesNotHaveDuplicates().hasSizeGreaterThan(40);
  }

  @Test
  void import_notices_areKept() {
    Dataset bbh = Import.read(CATALOGUE.get("bbh"), folder(), "tiny", true);
    assertThat(bbh.info().notices()).containsExactly("do not train on this");
    assertThat(bbh.info().warnings())
        .contains(
            "bbh/navigate, all: expected 250 rows and found 2 in " + folder().resolve("bbh") + ".");
  }

  @Test
  void downloads_withParts_areAllCombinations() {
    Map<String, java.net.URI> lama = CATALOGUE.get("lama-trex").downloads();
    assertThat(lama).hasSize(41 * 3 + 1).containsKey("trex_original/P19/dev.jsonl");
    assertThat(lama.get("trex_original/P19/dev.jsonl"))
        .hasToString(
            "https://raw.githubusercontent.com/hiaoxui/soft-prompts/"
                + "eb9047e134de25dd9442dc2a809652814a005b4d/db/trex_original/P19/dev.jsonl");
    assertThat(CATALOGUE.get("sst5-16").downloads().keySet())
        .contains("16-13/train.tsv", "16-100/dev.tsv", "test.tsv")
        .hasSize(11);
    for (CatalogueEntry entry : CATALOGUE.entries()) {
      assertThat(entry.downloads().values())
          .as(entry.name())
          .allMatch(uri -> uri.getHost() != null);
    }
  }
}
