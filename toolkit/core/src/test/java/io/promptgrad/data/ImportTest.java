package io.promptgrad.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Example;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImportTest {

  private static final Catalogue CATALOGUE = Catalogue.builtIn();

  @TempDir private Path folder;

  private void write(String path, String text) throws IOException {
    Path file = folder.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private Dataset force(String name) {
    return Import.read(CATALOGUE.get(name), folder, "here", true);
  }

  private void refused(String name, String why) {
    assertThatThrownBy(() -> Import.read(CATALOGUE.get(name), folder, "here", false))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why)
        .hasMessageEndingWith(".");
  }

  /** What no force helps against. */
  private void malformed(String name, String why) {
    assertThatThrownBy(() -> force(name))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why)
        .hasMessageEndingWith(".");
  }

  @Test
  void import_otherSize_namesExpectedAndFound() throws IOException {
    write("train.tsv", "sentence\tlabel\nfine \t1\n");
    write("dev.tsv", "sentence\tlabel\ndull \t0\n");
    refused("sst2", "sst2, train: expected 67,349 rows and found 1 in " + folder);
    refused("sst2", "get the complete files, or import them as they are with --force.");

    Dataset forced = force("sst2");
    assertThat(forced.info().warnings())
        .contains(
            "sst2, train, label negative: expected 29,780 rows and found 0 in " + folder + ".")
        .last()
        .isEqualTo("The files differ from those that the catalogue knows.");
    assertThat(forced.info().asKnown()).contains(false);
    assertThat(forced.examples("", "train"))
        .containsExactly(new Example("train:1", Map.of("sentence", "fine "), "positive"));
  }

  @Test
  void import_missingSplit_isRefusedOrForced() throws IOException {
    write("SST-2/dev.tsv", "sentence\tlabel\ndull \t0\n");
    refused("sst2", "SST-2 has no file train.tsv for the split train of sst2");
    assertThat(force("sst2").splits()).extracting(Dataset.Split::name).containsExactly("dev");
  }

  @Test
  void import_archivesFolder_isLookedInto() throws IOException {
    write("sent-conv-torch-d61ded0/data/raw/custrev.pos", "works\n");
    write("sent-conv-torch-d61ded0/data/raw/custrev.neg", "broke\n");
    write("sent-conv-torch-d61ded0/data/raw/custrev.all", "0 broke\n");
    write("__MACOSX/junk", "");
    assertThat(force("cr").examples("", "all"))
        .extracting(Example::label)
        .containsExactly("negative", "positive");
  }

  @Test
  void import_wrongFolder_saysWhatIsLookedFor() throws IOException {
    write("readme.txt", "nothing");
    refused("trec", "holds no files of trec; looked for [test.txt, train.txt, ");
    refused("trec", "sub-folders named [trec, qc]");
    assertThatThrownBy(
            () -> Import.read(CATALOGUE.get("trec"), folder.resolve("no"), "here", false))
        .hasMessageContaining("There is no folder");
  }

  @Test
  void import_badRows_nameFileLineAndCause() throws IOException {
    write("train.txt", "NUM:dist How far ?\nHow far ?\n");
    write("test.txt", "NUM:dist How far ?\n");
    malformed("trec", "train.txt, line 2: a question begins with its class");

    write("train.jsonl", "{\"premise\": \"a\", \"hypothesis\": \"b\"}\n");
    write("val.jsonl", "{\"premise\": \"a\"\n");
    malformed("cb", "train.jsonl, line 1: there is no 'label' among [premise, hypothesis]");
    write("train.jsonl", "{\"premise\": \"a\", \"hypothesis\": \"b\", \"label\": \"neutral\"}\n");
    malformed("cb", "val.jsonl, line 1: this is not JSON");
    write("val.jsonl", "[1]\n");
    malformed("cb", "val.jsonl, line 1: expected a JSON object");

    write("MultiArith.json", "{\"rows\": 1");
    malformed("multiarith", "MultiArith.json: this is not JSON");
    write("MultiArith.json", "7");
    malformed("multiarith", "MultiArith.json: there is no list of rows;");
    write(
        "MultiArith.json",
        "[{\"sQuestion\": \"a\", \"lEquations\": [\"x\"], \"lSolutions\": [\"y\"]}]");
    malformed("multiarith", "MultiArith.json, row 1: the answer is no number");

    write("bbh/navigate.json", "{\"examples\": {}, \"canary\": \"c\"}");
    write("bbh/navigate.json", "{\"canary\": \"c\"}");
    malformed("bbh", "there is no list of rows at /examples");
    write("bbh/cot-prompts/navigate.txt", "no mark\n");
    malformed("bbh-cot", "has no line '-----' before its text");

    write("SICK_train.txt", "pair_ID\tsentence_A\tsentence_B\trelatedness_score\n1\ta\tb\t3\n");
    write("SICK_trial.txt", "x\n");
    write("SICK_test_annotated.txt", "x\n");
    malformed("sick-e", "SICK_train.txt, row 1: there is no 'entailment_judgment' among");
    write(
        "SICK_train.txt",
        "sentence_A\tsentence_B\trelatedness_score\tentailment_judgment\na\tb\t3\tMAYBE\n");
    malformed(
        "sick-e", "the label is 'MAYBE', which is none of [ENTAILMENT, NEUTRAL, CONTRADICTION]");

    write("gsm8k/train.jsonl", "{\"question\": \"a\", \"answer\": \"7\"}\n");
    write("gsm8k/test.jsonl", "{\"question\": \"a\", \"answer\": \"#### 7\"}\n");
    malformed("gsm8k", "the answer has no '#### ' before its final answer");

    write("google_re/place_of_birth/train.jsonl", "{\"sub\": \"100%\", \"obj\": \"Rome\"}\n");
    write("google_re/place_of_birth/dev.jsonl", "{\"sub\": \"Ada\"}\n");
    write("google_re/place_of_birth/test.jsonl", "{\"sub\": \"Ada\", \"obj\": \"Rome\"}\n");
    malformed("lama-google-re", "the sub_label '100%' is not percent-encoded text");
    write("google_re/place_of_birth/train.jsonl", "{\"sub\": \"Ada\", \"obj\": \"Rome\"}\n");
    malformed("lama-google-re", "dev.jsonl, line 1: a fact needs the text 'obj_label' or 'obj'");
    write("google_re/place_of_birth/dev.jsonl", "{\"sub\": \"A+B\", \"obj\": \"Rome\"}\n");
    write("prompts/google_re/place_of_birth.jsonl", "{\"weight\": 1}\n");
    malformed("lama-google-re", "a relation needs the text 'template'");

    write("instruction_induction/induce/sum.json", "{\"examples\": {\"1\": {\"input\": \"1 2\"}}}");
    write("instruction_induction/execute/sum.json", "{\"examples\": {}}");
    malformed("instruction-induction", "expected input and output, cause and effect");
  }

  @Test
  void write_openedAgain_isTheSame() throws IOException {
    Path tiny = LayoutsTest.folder();
    Dataset lama = Import.read(CATALOGUE.get("lama-trex"), tiny, "here", true);
    Path target = folder.resolve("lama-trex");
    lama.write(target, Instant.parse("2026-01-02T03:04:05.678Z"));
    lama.write(target, Instant.parse("2026-01-02T03:04:05.678Z")); // again, over it

    Dataset opened = Dataset.open(target);
    assertThat(opened.info())
        .isEqualTo(lama.info().importedAt(Instant.parse("2026-01-02T03:04:05Z")));
    assertThat(opened.parts()).containsExactly("P19", "P36");
    assertThat(opened.splits("P36")).extracting(Dataset.Split::name).containsExactly("train");
    assertThat(opened.examples("P19", "test")).isEqualTo(lama.examples("P19", "test"));
    assertThat(opened.leaks().get("P19").counts()).isEqualTo(Map.of("train/test", 1));
    assertThat(target.resolve("leaks.jsonl"))
        .hasContent(
            "{\"part\":\"P19\",\"splits\":\"train/test\",\"first\":\"train:1\",\"second\":\"test:1\","
                + "\"text\":\"ada hill Rome\"}");
    assertThat(Json.parse(Files.readString(target.resolve("dataset.json"))).path("leaks"))
        .hasToString("{\"P19\":{\"train/test\":1}}");
    try (var left = Files.list(folder)) {
      assertThat(left).containsExactly(target);
    }
  }

  @Test
  void write_overSomethingElse_isRefused() throws IOException {
    write("mine/notes.txt", "precious");
    Dataset trec = Import.read(CATALOGUE.get("trec"), LayoutsTest.folder(), "here", true);
    assertThatThrownBy(() -> trec.write(folder.resolve("mine"), Instant.EPOCH))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("mine exists and is no imported data set");
    assertThat(folder.resolve("mine/notes.txt")).hasContent("precious");
  }

  @Test
  void open_damaged_isRefused() throws IOException {
    Dataset trec = Import.read(CATALOGUE.get("trec"), LayoutsTest.folder(), "here", true);
    Path target = folder.resolve("trec");
    trec.write(target, Instant.EPOCH);
    Files.writeString(target.resolve("train.jsonl"), "{\"question\":\"a\",\"coarse\":\"NUM\"}\n");
    assertThatThrownBy(() -> Dataset.open(target).examples("", "train"))
        .hasMessage("trec/train.jsonl has 1 rows, but 2 were imported; import it again.");
    Files.writeString(target.resolve("dataset.json"), "{}");
    assertThatThrownBy(() -> Dataset.open(target)).hasMessageContaining("describes no data set");
    Files.writeString(target.resolve("dataset.json"), "{");
    assertThatThrownBy(() -> Dataset.open(target)).hasMessageContaining("is not JSON");
  }

  @Test
  void facts_ofTheTinyLayouts_haveTemplateAndSentences() {
    Dataset evidence =
        Import.read(CATALOGUE.get("lama-trex-evidence"), LayoutsTest.folder(), "here", true);
    assertThat(Fact.of(evidence.examples("P36", "test").get(0)))
        .isEqualTo(
            new Fact(
                "P36",
                Optional.of("[X] is ruled from [Y] ."),
                "Sudland",
                "Bern",
                List.of(
                    new Fact.Evidence(
                        "Sudland", "the city of Bern", "Sudland is governed from [MASK] ."),
                    new Fact.Evidence("It", "Bern", "Its seat is [MASK] ."))));
    assertThatThrownBy(() -> Fact.of(new Example("a:1", Map.of("x", "y"), "")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("Example a:1 is no fact");
  }

  /** Whatever a file holds, a reader reads it or says what is wrong with it. */
  @Property(tries = 500)
  void read_anyBytes_readsOrRefuses(@ForAll("shreds") String text, @ForAll byte[] junk) {
    for (CatalogueEntry entry : CATALOGUE.entries()) {
      for (byte[] bytes : List.of(text.getBytes(StandardCharsets.UTF_8), junk)) {
        try {
          entry.reader().read(bytes, "x.tsv");
        } catch (InvalidInputException e) {
          assertThat(e.getMessage()).contains("x.tsv");
        }
      }
    }
  }

  @Provide
  Arbitrary<String> shreds() {
    return Arbitraries.of(
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\n",
            "\t",
            "a",
            "1",
            "-----",
            "null",
            "\"sub\":\"a\"",
            "\"obj\":\"b\"",
            "\"evidences\":[1,{}]",
            "\"examples\":{\"1\":{}}",
            "\"annotations\":[\"a\"]",
            "NUM:dist ",
            "{\"input\":\"a\",\"output\":\"b\"}",
            "{\"concept\":1,\"items\":2}",
            "\u0000",
            "\uFEFF",
            "\\")
        .list()
        .ofMaxSize(16)
        .map(pieces -> String.join("", pieces));
  }
}
