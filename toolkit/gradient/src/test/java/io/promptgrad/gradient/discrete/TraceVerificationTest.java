package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.verify.Comparison;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TraceVerificationTest {

  static Path trace(String name) {
    try {
      return Path.of(
              TraceVerificationTest.class
                  .getResource("/io/promptgrad/gradient/autoprompt/" + name + "/trace.json")
                  .toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"classification_bert", "lama_roberta", "lama_bert_no_mask_left"})
  void run_traceOfTheOriginal_everythingWithinTolerance(String name) {
    List<Comparison> comparisons = TraceVerification.run(trace(name), Device.cpu());

    assertThat(comparisons).hasSizeGreaterThan(12).allMatch(Comparison::ok);
  }

  @Test
  void run_malformedTrace_isRefused(@TempDir Path folder) throws IOException {
    replaceInTrace(folder, "\"flipped_position\": 0", "\"flipped_position\": 99");

    assertThatThrownBy(() -> TraceVerification.run(folder, Device.cpu()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("malformed");
  }

  @Test
  void run_alteredTrace_isNoticed(@TempDir Path folder) throws IOException {
    replaceInTrace(folder, "\"flipped_position\": 0", "\"flipped_position\": 1");

    List<Comparison> comparisons = TraceVerification.run(folder, Device.cpu());

    assertThat(comparisons).anyMatch(c -> !c.ok());
  }

  /** A copy of a recorded search with one change. */
  private static void replaceInTrace(Path folder, String what, String by) throws IOException {
    try (Stream<Path> files = Files.list(trace("classification_bert"))) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Path json = folder.resolve("trace.json");
    String text = Files.readString(json);
    String altered = text.replaceFirst(what, by);
    assertThat(altered).isNotEqualTo(text);
    Files.writeString(json, altered);
  }
}
