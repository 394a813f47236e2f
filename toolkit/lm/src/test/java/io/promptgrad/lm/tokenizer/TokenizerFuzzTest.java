package io.promptgrad.lm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.fuzz.Damaged;
import io.promptgrad.fuzz.Fuzz;
import io.promptgrad.fuzz.ReadingProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * Tokenizers of every kind, damaged, read by our checks and by the native library in a JVM of their
 * own with a small heap.
 */
class TokenizerFuzzTest {

  /** Of all memory of that JVM, in bytes; an undamaged one takes about half of it. */
  private static final long MOST_MEMORY = 512L << 20;

  private static final Fuzz FUZZ =
      Fuzz.of(
          "tokenizer.json",
          List.of(text("byte-level"), text("sentencepiece"), text("unigram"), text("wordpiece")),
          List.of(
              "\"type\": \"BPE\",",
              "\"type\": \"Unigram\",",
              "\"type\": \"WordPiece\",",
              "\"type\": \"ByteLevel\"",
              "\"type\": \"Metaspace\"",
              "\"type\": \"Sequence\"",
              "\"unk_id\": 7,",
              "\"merges\": [\"a b\"],",
              "\"pattern\": {\"Regex\": \"(?<=x*)\"}",
              "\"max_input_chars_per_word\": 0,",
              "\"dropout\": 0.5,",
              "\"special\": true",
              "\"id\": 49999999",
              "50000000"));

  private static final Path FOLDER = folder();
  private static final ReadingProcess PROCESS =
      new ReadingProcess(TokenizerReader.class, List.of("-Xmx64m"), FOLDER);
  private static long peak;

  private static String text(String kind) {
    try (var in = TokenizerFuzzTest.class.getResourceAsStream(kind + "/tokenizer.json")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path folder() {
    try {
      return Files.createTempDirectory("tokenizer-fuzz");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Provide
  Arbitrary<Damaged> damaged() {
    return FUZZ.damaged();
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void open_damagedTokenizer_isReadOrRefused(@ForAll("damaged") Damaged tokenizer) {
    PROCESS.read(tokenizer.bytes()).ifPresentOrElse(FUZZ::refused, FUZZ::read);
    PROCESS.peakMemory().ifPresent(bytes -> peak = Math.max(peak, bytes));
    assertThat(peak).as("memory of the process").isLessThan(MOST_MEMORY);
  }

  @AfterContainer
  static void printAndDelete() throws IOException {
    FUZZ.print();
    System.out.printf("Fuzz tokenizer.json: process of at most %,d MB%n", peak >> 20);
    PROCESS.close();
    try (var files = Files.walk(FOLDER)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
