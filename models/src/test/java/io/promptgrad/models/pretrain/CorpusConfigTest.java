package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.models.pretrain.TokenizerSettings.Objective;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusConfigTest {

  @TempDir private Path folder;

  private static final String GOOD =
      """
      tokenizer: {objective: masked, lower_case: true, add_prefix_space: true, vocab: 512}
      line_break: " "
      sources:
        - name: books
          files: "*.txt"
          format: book
          licence: public domain
          held_out: {file: b.txt}
      evaluation:
        include: ["**/*test*"]
      """;

  private CorpusConfig load(String yaml) throws IOException {
    return CorpusConfig.load(Files.writeString(folder.resolve("corpus.yaml"), yaml));
  }

  @Test
  void load_good_readsEverything() throws IOException {
    CorpusConfig config = load(GOOD);

    assertThat(config.tokenizer())
        .isEqualTo(new TokenizerSettings(Objective.MASKED, true, true, 512));
    assertThat(config.sources().get(0).weight()).isEqualTo(1.0);
    assertThat(config.sources().get(0).heldOut().file()).isEqualTo("b.txt");
    assertThat(config.evaluation().exclude()).isEmpty();
    assertThat(config.withVocab(600).tokenizer().vocab()).isEqualTo(600);
  }

  @Test
  void load_extends_takesTheRestFromTheBase() throws IOException {
    Files.writeString(folder.resolve("base.yaml"), GOOD);
    CorpusConfig config =
        load(
            """
            extends: base.yaml
            tokenizer: {objective: causal, vocab: 700}
            line_break: "\\n"
            """);

    assertThat(config.tokenizer().objective()).isEqualTo(Objective.CAUSAL);
    assertThat(config.lineBreak()).isEqualTo("\n");
    assertThat(config.sources()).hasSize(1);
  }

  @Test
  void load_unknownKey_namesFileLineAndKey() {
    assertThatThrownBy(() -> load(GOOD.replace("    licence:", "    colour: red\n    licence:")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("corpus.yaml, line 7")
        .hasMessageContaining("colour");
  }

  @Test
  void load_unknownFormat_namesLineAndKey() {
    assertThatThrownBy(() -> load(GOOD.replace("format: book", "format: boook")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("line 6")
        .hasMessageContaining("format");
  }

  @Test
  void load_noLicence_isRefused() {
    assertThatThrownBy(() -> load(GOOD.replace("    licence: public domain\n", "")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("'books' has no 'licence'");
  }

  @Test
  void load_tooSmallVocabulary_saysTheLeast() {
    assertThatThrownBy(() -> load(GOOD.replace("vocab: 512", "vocab: 100")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("261");
  }

  @Test
  void load_malformedYaml_namesTheLine() {
    assertThatThrownBy(() -> load("tokenizer: {objective: masked, vocab: 300}\nsources: }\n"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("corpus.yaml, line 2");
  }

  @Test
  void load_missingSection_isNamed() {
    assertThatThrownBy(() -> load("line_break: \" \"\n"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("has no 'tokenizer'");
  }

  @Test
  void load_empty_isRefused() {
    assertThatThrownBy(() -> load("")).isInstanceOf(InvalidInputException.class);
  }

  @Test
  void load_noFile_saysWhichOption() {
    assertThatThrownBy(() -> CorpusConfig.load(folder.resolve("none.yaml")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("--corpus");
  }

  @Test
  void load_committedFiles_areGood() {
    for (String name : new String[] {"mlm-corpus.yaml", "clm-corpus.yaml"}) {
      CorpusConfig config = CorpusConfig.load(Path.of("pretrain", name));
      assertThat(config.sources()).extracting(TextSource::licence).doesNotContainNull();
      assertThat(config.sources())
          .extracting(TextSource::files)
          .noneMatch(f -> f.contains("imdb") || f.contains("news-abc") || f.contains("wikitext"));
      assertThat(config.tokenizer().vocab()).isEqualTo(8192);
    }
  }
}
