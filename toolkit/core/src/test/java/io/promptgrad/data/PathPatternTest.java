package io.promptgrad.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PathPatternTest {

  @TempDir private Path folder;

  private List<String> matches(String pattern) {
    return PathPattern.parse(pattern).matches(folder).stream()
        .map(match -> match.path() + " " + match.values())
        .toList();
  }

  @Test
  void matches_placeholders_bindNames() throws IOException {
    for (String path : List.of("P2/dev.jsonl", "P10/dev.jsonl", "P2/test.jsonl", ".x/dev.jsonl")) {
      Files.createDirectories(folder.resolve(path).getParent());
      Files.createFile(folder.resolve(path));
    }
    Files.createFile(folder.resolve("rt.pos"));
    Files.createFile(folder.resolve("rt.all"));
    assertThat(matches("{part}/dev.jsonl"))
        .containsExactly("P10/dev.jsonl {part=P10}", "P2/dev.jsonl {part=P2}");
    assertThat(matches("{part:P2|P3}/{split}.jsonl"))
        .containsExactly(
            "P2/dev.jsonl {part=P2, split=dev}", "P2/test.jsonl {part=P2, split=test}");
    assertThat(matches("rt.{class:pos|neg}")).containsExactly("rt.pos {class=pos}");
    assertThat(matches("P2/dev.jsonl")).containsExactly("P2/dev.jsonl {}");
    assertThat(matches("P{n}/{n}.jsonl")).isEmpty(); // the same name stands for the same text
    assertThat(matches("{part}")).containsExactly("rt.all {part=rt.all}", "rt.pos {part=rt.pos}");
    assertThat(matches("no/{part}")).isEmpty();
  }

  @Test
  void combinations_lists_areMultiplied() {
    PathPattern url = PathPattern.parse("https://example.org/{part}/{split:train|dev}.tsv");
    assertThat(url.combinations(List.of("a", "b")).stream().map(url::fill))
        .containsExactly(
            "https://example.org/a/train.tsv",
            "https://example.org/a/dev.tsv",
            "https://example.org/b/train.tsv",
            "https://example.org/b/dev.tsv");
    assertThat(PathPattern.parse("plain").combinations(List.of())).containsExactly(Map.of());
    assertThat(url).hasToString("https://example.org/{part}/{split}.tsv");
  }
}
