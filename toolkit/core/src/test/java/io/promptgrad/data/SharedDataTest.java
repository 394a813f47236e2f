package io.promptgrad.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.task.Example;
import io.promptgrad.task.LeakReport;
import io.promptgrad.task.Shared;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Real data sets have the row counts that their read-me states. */
class SharedDataTest {

  private static final Catalogue CATALOGUE = Catalogue.builtIn();

  private Path data;
  @TempDir private Path folder;

  @BeforeEach
  void findData() {
    Path shared = Shared.folder();
    assumeThat(shared).as("the shared data").isNotNull();
    data = shared.resolve("data");
    assumeThat(data).as("the shared data").isDirectory();
  }

  private Dataset read(String name) {
    return Import.read(CATALOGUE.get(name), data, "the shared data", false);
  }

  /** Splits with the rows of all parts, as the read-me of the shared data counts them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          sst2                | train 67349, dev 872
          sst2-16             | train 160, dev 160, test 1821
          sst5-16             | train 400, dev 400, test 2210
          mr-16               | train 160, dev 160, test 2000
          cr-16               | train 160, dev 160, test 2000
          subj-16             | train 160, dev 160, test 2000
          trec-16             | train 480, dev 480, test 500
          agnews-16           | train 320, dev 320, test 7600
          autoprompt-sst2     | train 32, dev 32
          autoprompt-prompts  | prompts 160
          lama-trex           | train 29029, dev 7255, test 34039
          lama-trex-roberta   | train 25167, dev 6574, test 29521
          lama-trex-evidence  | train 538, dev 341, test 431
          lama-google-re      | train 4421, dev 551, test 556
          lama-relations      | prompts 128
          lama-prompts        | prompts 2470
          pararel             | patterns 329
          sick-e              | train 4500, dev 500, test 4927
          mrpc                | train 3576, dev 500, test 1725
          rte                 | train 2490, dev 277
          cb                  | train 250, dev 56
          fewglue-boolq       | train 32, dev 32, test 3270
          fewglue-cb          | train 32, dev 32
          fewglue-copa        | train 32, dev 32, test 100
          fewglue-rte         | train 32, dev 32
          fewglue-wic         | train 32, dev 32, test 638
          fewglue-wsc         | train 32, dev 32, test 104
          nli1k               | all 3000
          trec                | train 5452, test 500
          subj                | all 10000
          mr                  | all 10662
          cr                  | all 3775
          mpqa                | all 10606
          bbh                 | all 6511
          bbh-cot             | prompt 27
          gsm8k               | train 2500, test 1319
          multiarith          | all 600
          aqua                | all 254
          mmlu                | all 2312
          instruction-induction             | induce 12658, execute 2156
          instruction-induction-annotations | instructions 186
          truthfulqa          | all 817
          hotpotqa            | all 100
          """)
  void import_realFiles_haveTheCountsOfTheirReadMe(String name, String expected) {
    Dataset dataset = read(name);
    Map<String, Integer> rows = new LinkedHashMap<>();
    dataset.splits().forEach(s -> rows.merge(s.name(), s.rows(), Integer::sum));
    assertThat(rows.entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).toList())
        .containsExactly(expected.split(", "));
    assertThat(dataset.info().warnings()).isEmpty();

    dataset.write(folder.resolve(name), Instant.EPOCH);
    Dataset again = Dataset.open(folder.resolve(name));
    assertThat(again.splits()).hasSameSizeAs(dataset.splits());
    for (Dataset.Split split : dataset.splits()) {
      String part = split.part().isEmpty() ? dataset.parts().get(0) : split.part();
      List<Example> examples = again.examples(part, split.name());
      assertThat(examples).isEqualTo(dataset.examples(part, split.name())).hasSize(split.rows());
      if (!dataset.info().label().isEmpty()) {
        assertThat(examples).noneMatch(e -> e.label().isEmpty());
      }
    }
  }

  /** Every folder of the shared data that holds a data set is in the test above. */
  @Test
  void catalogue_allOfIt_isReadExceptWhatIsNotThere() {
    Set<String> absent =
        CATALOGUE.entries().stream()
            .filter(entry -> !Import.isOriginal(entry, data))
            .map(CatalogueEntry::name)
            .collect(Collectors.toSet());
    assertThat(absent)
        .containsExactlyInAnyOrder(
            "agnews", "lama-conceptnet", "lama-squad", "lama-trex-sentences");
  }

  /** Counted by a script of its own on the same files, with the same normal form. */
  @Test
  void leaks_lamaAndSick_areThoseCountedElsewhere() {
    Map<String, LeakReport> lama = read("lama-trex").leaks();
    Map<String, Integer> counts = new TreeMap<>();
    lama.values().forEach(r -> r.counts().forEach((s, n) -> counts.merge(s, n, Integer::sum)));
    assertThat(counts).isEqualTo(Map.of("train/dev", 56, "train/test", 54, "dev/test", 16));
    assertThat(lama.get("P138").counts())
        .isEqualTo(Map.of("train/dev", 24, "train/test", 13, "dev/test", 4));
    assertThat(read("sick-e").leaks().get("").counts())
        .isEqualTo(Map.of("train/dev", 3, "train/test", 49, "dev/test", 6));
    // The files of this few-shot set repeat train as dev.
    assertThat(read("subj-16").leaks().get("13").counts()).isEqualTo(Map.of("train/dev", 32));
    assertThat(read("trec-16").leaks().keySet()).containsExactly("21", "42");
  }

  @Test
  void facts_ofRealFiles_areTheirLines() throws IOException {
    Fact fact = Fact.of(read("lama-trex-evidence").examples("P264", "dev").get(0));
    JsonNode line = firstLine("lama/trex_evidence/P264/dev.jsonl");
    assertThat(fact.relation()).isEqualTo("P264");
    assertThat(fact.template()).get().asString().matches("\\[X\\] .* \\[Y\\] \\.");
    assertThat(fact.subject()).isEqualTo(line.path("sub_label").asText());
    assertThat(fact.object()).isEqualTo(line.path("obj_label").asText());
    assertThat(fact.evidences()).hasSameSizeAs(line.path("evidences"));
    JsonNode evidence = line.path("evidences").get(0);
    assertThat(fact.evidences().get(0))
        .isEqualTo(
            new Fact.Evidence(
                evidence.path("sub_surface").asText(),
                evidence.path("obj_surface").asText(),
                evidence.path("masked_sentence").asText()));

    Fact born = Fact.of(read("lama-google-re").examples("place_of_birth", "train").get(0));
    String encoded = firstLine("lama/google_re/place_of_birth/train.jsonl").path("sub").asText();
    assertThat(encoded).contains("%C3%A9");
    assertThat(born.subject()).isEqualTo(encoded.replace("%C3%A9", "\u00e9"));
    assertThat(born.template()).isPresent();
    assertThat(born.evidences()).isEmpty();
  }

  private JsonNode firstLine(String file) throws IOException {
    return Json.parse(Files.readAllLines(data.resolve(file)).get(0));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sst2",
        "sst2-16/13",
        "autoprompt-sst2",
        "lama-trex/P19",
        "lama-google-re/date_of_birth",
        "sick-e",
        "mrpc",
        "rte",
        "cb",
        "fewglue-cb",
        "fewglue-copa",
        "nli1k/snli",
        "trec",
        "mr",
        "bbh/penguins_in_a_table",
        "gsm8k",
        "multiarith",
        "aqua",
        "mmlu/anatomy",
        "instruction-induction/informal_to_formal",
        "truthfulqa",
        "hotpotqa"
      })
  void task_namedOnly_loadsFromTheOriginalFiles(String name) {
    DataDirectory directory = new DataDirectory(data, CATALOGUE);
    Task task = DataDirectory.load(directory.taskOf(name), Path.of(""));
    assertThat(task.name()).isEqualTo(name);
    assertThat(task.labels()).isNotEmpty();
    String dataset = name.replaceFirst("/.*", "");
    assertThat(task.fields()).isEqualTo(CATALOGUE.get(dataset).text());
  }
}
