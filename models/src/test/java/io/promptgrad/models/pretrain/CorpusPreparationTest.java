package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The whole way from text files to windows, on a small corpus made here. */
class CorpusPreparationTest {

  private static final String CORPUS =
      """
      tokenizer: {objective: masked, lower_case: true, add_prefix_space: true, vocab: 300}
      line_break: " "
      sources:
        - {name: reviews, files: text/r*.tsv, format: rows, column: 2, licence: CC0, weight: 3,
           held_out: {file: r.tsv, last_documents: 1}}
        - {name: talk, files: text/talk.txt, format: blocks, licence: CC0}
      evaluation:
        include: ["**/*test*"]
        exclude: ["text/**"]
      """;

  @TempDir private Path folder;
  private Path out;

  @BeforeEach
  void write() throws IOException {
    out = folder.resolve("out");
    Files.createDirectories(folder.resolve("data/text"));
    Files.createDirectories(folder.resolve("data/task"));
    Files.writeString(folder.resolve("corpus.yaml"), CORPUS);
    StringBuilder reviews = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      reviews.append("1\tfilm ").append(i).append(" is a warm and funny film . see it soon .\n");
    }
    reviews.append("0\tthe last one is dull .\n");
    Files.writeString(folder.resolve("data/text/r.tsv"), reviews);
    Files.writeString(
        folder.resolve("data/text/talk.txt"),
        "Hello there!\nA dull and lifeless sequel.\nI think so too.\n\n"
            + "Where do we go now?\nHome, of course.\n".repeat(30));
    Files.writeString(
        folder.resolve("data/task/test.tsv"), "sentence\tlabel\na dull and lifeless sequel .\t0\n");
  }

  private EncodedCorpus prepare(List<String> progress) {
    return new CorpusPreparation(
            CorpusConfig.load(folder.resolve("corpus.yaml")),
            folder.resolve("data"),
            List.of(),
            out,
            progress::add)
        .run();
  }

  @Test
  void run_smallCorpus_encodesEveryDocumentOnce() throws IOException {
    EncodedCorpus corpus = prepare(new ArrayList<>());

    BpeTokenizer tokenizer = BpeTokenizer.load(out.resolve("tokenizer.json"));
    EncodedCorpus.Part train = corpus.description().train();
    assertThat(train.sources())
        .extracting(EncodedCorpus.Range::source)
        .containsExactly("reviews", "talk");
    EncodedCorpus.Range reviews = train.sources().get(0);
    EncodedCorpus.Range talk = train.sources().get(1);
    assertThat(reviews.documents()).isEqualTo(40);
    assertThat(reviews.weight()).isEqualTo(3.0);
    assertThat(reviews.first()).isZero();
    assertThat(talk.first()).isEqualTo(reviews.tokens());
    assertThat(train.tokens()).isEqualTo(reviews.tokens() + talk.tokens());
    assertThat(Files.size(out.resolve("train.u16"))).isEqualTo(train.tokens() * 2);
    assertThat(train.sha256()).isEqualTo(EncodedCorpus.sha256(out.resolve("train.u16")));

    // The contaminated line of the dialogue is gone, its neighbours stay.
    List<Integer> dialogue = new ArrayList<>();
    for (long i = talk.first(); corpus.trainToken(i) != 2; i++) {
      dialogue.add(corpus.trainToken(i));
    }
    assertThat(tokenizer.decode(dialogue.stream().mapToInt(Integer::intValue).toArray()))
        .isEqualTo(" hello there! i think so too.");
    assertThat(corpus.trainToken(train.tokens() - 1)).isEqualTo(2);
    assertThat(corpus.description().tokenizerSha256())
        .isEqualTo(EncodedCorpus.sha256(out.resolve("tokenizer.json")));

    // The last review is held out.
    EncodedCorpus.Part heldOut = corpus.description().heldOut();
    assertThat(heldOut.sources()).hasSize(1);
    int[] last = new int[(int) heldOut.tokens()];
    Arrays.setAll(last, corpus::heldOutToken);
    assertThat(tokenizer.decode(last)).isEqualTo(" the last one is dull .");
  }

  @Test
  void run_report_countsWhatWasDropped() throws IOException {
    prepare(new ArrayList<>());

    JsonNode report = new ObjectMapper().readTree(out.resolve("decontamination.json").toFile());
    assertThat(report.at("/evaluation_files/0").asText()).isEqualTo("task/test.tsv");
    assertThat(report.at("/sources/0/lines").asInt()).isEqualTo(81);
    assertThat(report.at("/sources/0/dropped_equal").asInt()).isZero();
    assertThat(report.at("/sources/1/lines").asInt()).isEqualTo(63);
    assertThat(report.at("/sources/1/dropped_equal").asInt()).isEqualTo(1);
    assertThat(report.at("/total/dropped_equal").asInt()).isEqualTo(1);
    assertThat(report.at("/total/dropped_run").asInt()).isZero();
  }

  @Test
  void run_again_skipsFinishedStages() throws IOException {
    prepare(new ArrayList<>());
    byte[] before = Files.readAllBytes(out.resolve("train.u16"));
    List<String> progress = new ArrayList<>();

    prepare(progress);

    assertThat(progress)
        .containsExactly(
            "text: finished before", "tokenizer: finished before", "ids: finished before");

    Files.delete(out.resolve("train.u16")); // only what is missing is made again
    progress.clear();
    prepare(progress);
    assertThat(progress)
        .startsWith("text: finished before", "tokenizer: finished before")
        .doesNotContain("ids: finished before");
    assertThat(Files.readAllBytes(out.resolve("train.u16"))).isEqualTo(before);
  }

  @Test
  void run_sourceChanged_startsOver() throws IOException {
    prepare(new ArrayList<>());
    Files.writeString(folder.resolve("data/text/talk.txt"), "Quite another talk.\n");
    List<String> progress = new ArrayList<>();

    EncodedCorpus corpus = prepare(progress);

    assertThat(progress).doesNotContain("text: finished before", "ids: finished before");
    assertThat(corpus.description().train().sources().get(1).documents()).isEqualTo(1);
  }

  @Test
  void open_truncatedIds_isRefused() throws IOException {
    prepare(new ArrayList<>());
    Path ids = out.resolve("train.u16");
    Files.write(ids, Arrays.copyOf(Files.readAllBytes(ids), 10));

    assertThatThrownBy(() -> EncodedCorpus.open(out))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("10 bytes");
  }

  @Test
  void command_prepare_printsCounts() throws IOException {
    StringWriter printed = new StringWriter();
    Path ownSet =
        Files.writeString(folder.resolve("own.tsv"), "positive\tsport\tI think so too !\n");

    int code =
        command(printed, new StringWriter())
            .execute(
                "prepare",
                "--corpus=" + folder.resolve("corpus.yaml"),
                "--data=" + folder.resolve("data"),
                "--out=" + out,
                "--vocab=280",
                "--against=" + ownSet);

    assertThat(code).isZero();
    assertThat(printed.toString())
        .contains("train.u16: ")
        .contains("40 documents, weight 3.0 (CC0)");
    assertThat(BpeTokenizer.load(out.resolve("tokenizer.json")).size()).isEqualTo(280);
    assertThat(Files.readString(out.resolve("text/talk.train.txt")))
        .startsWith("Hello there!\n\nWhere");
  }

  @Test
  void command_badDataRoot_isOneSentenceAndCode2() {
    StringWriter errors = new StringWriter();

    int code =
        command(new StringWriter(), errors)
            .execute(
                "prepare",
                "--corpus=" + folder.resolve("corpus.yaml"),
                "--data=" + folder.resolve("nowhere"),
                "--out=" + out);

    assertThat(code).isEqualTo(2);
    assertThat(errors.toString().lines()).hasSize(1);
    assertThat(errors.toString()).contains("nowhere").contains("--data");
  }

  @Test
  void command_unwritableOut_isOneSentenceAndCode2() throws IOException {
    StringWriter errors = new StringWriter();
    Path file = Files.writeString(folder.resolve("file"), "in the way");

    int code =
        command(new StringWriter(), errors)
            .execute(
                "prepare",
                "--corpus=" + folder.resolve("corpus.yaml"),
                "--data=" + folder.resolve("data"),
                "--out=" + file);

    assertThat(code).isEqualTo(2);
    assertThat(errors.toString().lines()).hasSize(1);
    assertThat(errors.toString()).contains("--out");
  }

  private static CommandLine command(StringWriter out, StringWriter errors) {
    return PretrainCommand.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(errors, true));
  }
}
