package io.promptgrad.download;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class DownloadPropertiesTest {

  /** Whatever is cut, in however many parts, over one run or two: the bytes are the right ones. */
  @Property(tries = 60)
  void run_anyCuts_makesTheFile(
      @ForAll @IntRange(max = 200_000) int size,
      @ForAll @IntRange(min = 1, max = 6) int parts,
      @ForAll @IntRange(min = 1, max = 80_000) int leastPart,
      @ForAll @Size(max = 5) List<@IntRange(max = 90_000) Integer> cuts,
      @ForAll @IntRange(min = 1, max = 9) int attempts)
      throws IOException {
    Path folder = Files.createTempDirectory("download");
    Path target = folder.resolve("x");
    try (FileServer server = new FileServer(DownloadTest.content(size, size))) {
      cuts.forEach(server::thenCut);
      Patience patience =
          new Patience(
              attempts, Duration.ofMillis(1), Duration.ofMillis(2), Duration.ofSeconds(20));
      boolean whole = false;
      for (int run = 0; run < 8 && !whole; run++) {
        try {
          Download.of(server.address()).to(target).parts(parts, leastPart).patience(patience).run();
          whole = true;
        } catch (InvalidInputException e) {
          assertThat(target).doesNotExist();
        }
      }
      assertThat(target).hasBinaryContent(server.content);
    } finally {
      try (var files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }
}
