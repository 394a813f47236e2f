package io.promptgrad.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextFilesTest {

  @Test
  void lines_onlyLineFeeds_endThem() {
    assertThat(TextFiles.lines("a\r\nb\u2028c\rd\n")).containsExactly("a", "b\u2028c\rd", "");
    assertThat(TextFiles.lines("")).containsExactly("");
  }

  @Test
  void utf8_markAndBadBytes_areSeen() {
    assertThat(TextFiles.utf8("\uFEFFé".getBytes(StandardCharsets.UTF_8), "x")).isEqualTo("é");
    byte[] latin1 = "ok\ncafé".getBytes(StandardCharsets.ISO_8859_1);
    assertThatThrownBy(() -> TextFiles.utf8(latin1, "x.txt"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessage("x.txt, line 2: this is not UTF-8; convert the file to UTF-8.");
  }

  @Test
  void read_folderOrNothing_isRefused(@TempDir Path folder) throws IOException {
    assertThatThrownBy(() -> TextFiles.read(folder)).hasMessageContaining("is a folder");
    assertThatThrownBy(() -> TextFiles.read(folder.resolve("no")))
        .hasMessageContaining("There is no file");
    Files.writeString(folder.resolve("yes"), "text");
    assertThat(TextFiles.read(folder.resolve("yes"))).asString().isEqualTo("text");
  }
}
