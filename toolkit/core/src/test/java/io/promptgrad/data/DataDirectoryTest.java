package io.promptgrad.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataDirectoryTest {

  private static final Catalogue CATALOGUE = Catalogue.builtIn();

  @TempDir private Path folder;
  private DataDirectory directory;

  @BeforeEach
  void importSome() {
    for (String name : List.of("sick-e", "sst2-16", "trec", "lama-trex")) {
      Import.read(CATALOGUE.get(name), LayoutsTest.folder(), "tiny", true)
          .write(folder.resolve(name), Instant.EPOCH);
    }
    directory = new DataDirectory(folder, CATALOGUE);
  }

  private Task load(ObjectNode config) {
    return DataDirectory.load(config, Path.of(""));
  }

  private static List<String> labels(List<Example> examples) {
    return examples.stream().map(Example::label).toList();
  }

  @Test
  void task_byName_takesTheCataloguesSplits() {
    ObjectNode config = directory.taskOf("sick-e");
    assertThat(config.path("fields")).hasToString("[\"sentence_A\",\"sentence_B\"]");
    Task task = load(config);
    assertThat(task.name()).isEqualTo("sick-e");
    assertThat(task.train().get(0))
        .isEqualTo(
            new Example(
                "train:1",
                Map.of("sentence_A", "A cat sleeps", "sentence_B", "An animal rests"),
                "entailment"));
    assertThat(labels(task.test())).containsExactly("entailment", "neutral", "contradiction");
  }

  @Test
  void task_twoWayBalanced_dropsALabelAndEvensTheOthers() {
    ObjectNode config = directory.taskOf("sick-e");
    config.putArray("keep_labels").add("entailment").add("contradiction");
    Task twoWay = load(config);
    assertThat(labels(twoWay.train())).containsExactly("entailment", "contradiction", "entailment");
    assertThat(twoWay.train())
        .extracting(Example::id)
        .containsExactly("train:1", "train:3", "train:4");
    config.put("balanced", true);
    Task balanced = load(config);
    assertThat(labels(balanced.train())).containsExactlyInAnyOrder("entailment", "contradiction");
    assertThat(labels(balanced.dev())).containsExactly("contradiction", "entailment");
    assertThat(load(config)).isEqualTo(balanced);
    config.remove("keep_labels");
    assertThat(labels(load(config).train()))
        .containsExactlyInAnyOrder("entailment", "neutral", "contradiction");
    config.putArray("keep_labels").add("maybe");
    assertThatThrownBy(() -> load(config))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("keeps the labels [maybe], which no row of its train split has");
  }

  @Test
  void task_ofAPart_sharesTheTestSplit() {
    Task task = load(directory.taskOf("sst2-16/21"));
    assertThat(task.train().get(0).text()).isEqualTo("seed 21 wins you over .");
    assertThat(task.test().get(0).text()).isEqualTo("both seeds share this row .");
  }

  @Test
  void task_otherLabelColumnAndNames_areTaken() {
    ObjectNode config = directory.taskOf("trec");
    config.put("label", "fine");
    config.set("dev", Json.object().put("data", "trec").put("split", "test"));
    config.set(
        "labels",
        Json.object().put("NUM:dist", "far").put("LOC:other", "where").put("HUM:ind", "who"));
    Task task = load(config);
    assertThat(labels(task.train())).containsExactly("far", "where");
    assertThat(task.fields()).containsExactly("question");
    config.putArray("fields").add("question").add("answer");
    assertThatThrownBy(() -> load(config))
        .hasMessageContaining("Example train:1 has no field 'answer', only [question, coarse]");
  }

  @Test
  void taskOf_whatIsNotThere_saysWhatIs() {
    refused("lama-trex", "The data set lama-trex has 2 parts; name one, such as lama-trex/P19.");
    refused("lama-trex/P1", "The data set lama-trex has no part 'P1'; it has P19, P36.");
    refused("trec/NUM", "The data set trec has no parts; leave out '/NUM'.");
    refused("mr", "The data set mr is not in " + folder + "; run 'promptgrad data download mr'");
    refused("lama-prompts", "run 'promptgrad data import lama-prompts FOLDER'");
    refused("nope", "There is no data set 'nope'; 'promptgrad data list' names");
    refused("../trec", "'../trec' names no data set");
    ObjectNode config = directory.taskOf("lama-trex/P36"); // has neither dev nor test
    assertThatThrownBy(() -> load(config))
        .hasMessage("lama-trex/P36 has no split 'dev'; it has [train].");
  }

  private void refused(String name, String why) {
    assertThatThrownBy(() -> directory.taskOf(name))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why);
  }

  @Test
  void state_importedOriginalAbsent_areToldApart() {
    assertThat(directory.state("trec")).isEqualTo(DataDirectory.State.IMPORTED);
    assertThat(directory.state("gsm8k")).isEqualTo(DataDirectory.State.ABSENT);
    DataDirectory originals = new DataDirectory(LayoutsTest.folder(), CATALOGUE);
    assertThat(originals.state("trec")).isEqualTo(DataDirectory.State.ORIGINAL);
    assertThatThrownBy(() -> originals.open("trec")).hasMessageContaining("expected 5,452 rows");
  }

  /**
   * Regression: imported sets were taken for the original files of others, one alone by the rule
   * for archives, several by the layout {@code {part}/train.jsonl}.
   */
  @Test
  void state_importedSets_areNoOriginalsOfOthers(@TempDir Path alone) {
    Import.read(CATALOGUE.get("sick-e"), LayoutsTest.folder(), "tiny", true)
        .write(alone.resolve("sick-e"), Instant.EPOCH);
    for (DataDirectory some : List.of(new DataDirectory(alone, CATALOGUE), directory)) {
      for (String name : CATALOGUE.names()) {
        assertThat(some.state(name)).as(name).isNotEqualTo(DataDirectory.State.ORIGINAL);
      }
    }
  }
}
