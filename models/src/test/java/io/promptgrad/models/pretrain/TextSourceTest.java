package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.models.pretrain.TextSource.Format;
import io.promptgrad.models.pretrain.TextSource.HeldOut;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextSourceTest {

  @TempDir private Path root;

  private List<Document> read(Format format, int column, HeldOut heldOut) {
    List<Document> documents = new ArrayList<>();
    new TextSource("s", "*.txt", format, column, "public domain", null, heldOut)
        .read(root, documents::add);
    return documents;
  }

  private void file(String name, String text) throws IOException {
    Files.writeString(root.resolve(name), text);
  }

  @Test
  void read_rows_takesTheColumn() throws IOException {
    file("a.txt", "1\tgood film .\r\n0\tbad film .\n");

    assertThat(read(Format.ROWS, 2, null))
        .containsExactly(
            new Document(List.of("good film ."), false),
            new Document(List.of("bad film ."), false));
  }

  @Test
  void read_rowsWithoutTheColumn_namesFileAndLine() throws IOException {
    file("a.txt", "1\tgood\nbad\n");

    assertThatThrownBy(() -> read(Format.ROWS, 2, null))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("a.txt, line 2 has 1 fields");
  }

  @Test
  void read_blocks_separatesAtEmptyLines() throws IOException {
    file("a.txt", "Title\nOne.\nTwo.\n\n\nOther\nThree.\n");

    assertThat(read(Format.BLOCKS, 0, null))
        .containsExactly(
            new Document(List.of("Title", "One.", "Two."), false),
            new Document(List.of("Other", "Three."), false));
  }

  @Test
  void read_book_joinsWrappedLinesAndGroupsChapters() throws IOException {
    String chapter = ("So it goes on and on,\nfor _many_ words.\n\n").repeat(60);
    file("a.txt", "TITLE\n\n\n\nCHAPTER I\n\n\n" + chapter + "\n\nCHAPTER II\n\n\nEnd\nof it.\n");

    List<Document> documents = read(Format.BOOK, 0, null);

    assertThat(documents).hasSize(2);
    assertThat(documents.get(0).lines()).startsWith("TITLE", "CHAPTER I");
    assertThat(documents.get(0).lines()).contains("So it goes on and on, for many words.");
    assertThat(documents.get(1).lines()).containsExactly("CHAPTER II", "End of it.");
  }

  @Test
  void read_heldOutFile_isMarked() throws IOException {
    file("a.txt", "One.\n");
    file("b.txt", "Two.\n");

    assertThat(read(Format.FILE, 0, new HeldOut("b.txt", 0)))
        .extracting(Document::heldOut)
        .containsExactly(false, true);
  }

  @Test
  void read_heldOutTail_marksTheLastDocuments() throws IOException {
    file("a.txt", "One.\nTwo.\nThree.\n");

    assertThat(read(Format.ROWS, 0, new HeldOut("a.txt", 2)))
        .extracting(Document::heldOut)
        .containsExactly(false, true, true);
  }

  @Test
  void read_heldOutFileAbsent_isRefused() throws IOException {
    file("a.txt", "One.\n");

    assertThatThrownBy(() -> read(Format.FILE, 0, new HeldOut("z.txt", 0)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("z.txt");
  }

  @Test
  void read_noFile_namesGlobAndRoot() {
    assertThatThrownBy(() -> read(Format.FILE, 0, null))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("*.txt")
        .hasMessageContaining(root.toString());
  }

  @Test
  void read_notUtf8_isRefused() throws IOException {
    Files.write(root.resolve("a.txt"), new byte[] {'a', (byte) 0xF0, 'b', '\n'});

    assertThatThrownBy(() -> read(Format.FILE, 0, null))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("not UTF-8");
  }

  @Test
  void source_withoutLicence_isRefused() {
    assertThatThrownBy(() -> new TextSource("s", "*.txt", Format.FILE, 0, " ", null, null))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("'s' has no 'licence'");
  }

  @Test
  void clean_typography_becomesPlain() {
    assertThat(TextCleaner.clean("  “Don’t” _go_—now…\u00a0please –  _she_ said "))
        .isEqualTo("\"Don't\" go -- now... please - she said");
  }

  @Test
  void clean_doubleEncodedQuotes_areRepaired() {
    assertThat(TextCleaner.clean("â€œCome in,â€\u009d it said. â€œItâ€™s late.â€"))
        .isEqualTo("\"Come in,\" it said. \"It's late.\"");
  }

  @Test
  void clean_gapsInBrackets_areClosed() {
    assertThat(TextCleaner.clean("Klau ( , ; ) mine (; born 1950) is ( ) old"))
        .isEqualTo("Klau mine (born 1950) is old");
  }
}
