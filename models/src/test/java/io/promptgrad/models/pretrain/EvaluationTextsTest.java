package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.models.pretrain.CorpusConfig.EvaluationFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluationTextsTest {

  @TempDir private Path folder;

  private List<String> read(String name, byte[] content) throws IOException {
    List<String> texts = new ArrayList<>();
    EvaluationTexts.read(Files.write(folder.resolve(name), content), texts::add);
    return texts;
  }

  private List<String> read(String name, String content) throws IOException {
    return read(name, content.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void read_json_takesEveryString() throws IOException {
    assertThat(read("a.json", "{\"examples\": [{\"input\": \"Two\\nlines\", \"n\": 3}]}"))
        .containsExactly("Two\nlines");
    assertThat(read("a.jsonl", "{\"q\": \"one\"}\n{\"q\": [\"two\", \"three\"]}\n"))
        .containsExactly("one", "two", "three");
  }

  @Test
  void read_csv_takesQuotedCells() throws IOException {
    assertThat(read("a_test.csv", "\"What, then?\",yes,\"a \"\"quoted\"\" word\"\n"))
        .containsExactly("What, then?", "yes", "a \"quoted\" word");
  }

  @Test
  void read_tsv_takesLinesAndFields() throws IOException {
    assertThat(read("dev.tsv", "so it \"goes\t0\r\n"))
        .containsExactly("so it \"goes\t0", "so it \"goes", "0");
  }

  @Test
  void read_latin1_doesNotFail() throws IOException {
    assertThat(read("test.txt", new byte[] {'a', ' ', (byte) 0xF0, ' ', 'b'})).hasSize(1);
  }

  @Test
  void read_malformedJson_namesTheFile() {
    assertThatThrownBy(() -> read("bad.json", "{\"a\": "))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("bad.json");
  }

  @Test
  void files_globs_includeAndExclude() throws IOException {
    for (String name : List.of("x/dev.tsv", "x/train.tsv", "text/t/valid.txt", "mr/pos")) {
      Files.createDirectories(folder.resolve(name).getParent());
      Files.writeString(folder.resolve(name), "");
    }

    assertThat(
            EvaluationTexts.files(
                folder,
                new EvaluationFiles(
                    List.of("**/*dev*", "**/*valid*", "mr/*"), List.of("text/t/**"))))
        .extracting(p -> folder.relativize(p).toString())
        .containsExactly("mr/pos", "x/dev.tsv");
  }
}
