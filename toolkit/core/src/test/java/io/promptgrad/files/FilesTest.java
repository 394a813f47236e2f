package io.promptgrad.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FilesTest {

  @TempDir Path folder;

  @Test
  void write_existingFile_isReplacedAndNothingElseIsLeft() throws IOException {
    Path file = folder.resolve("a/b.json");
    AtomicFiles.write(file, "old and long");
    // What a kill left of an earlier attempt must not get in.
    Files.writeString(folder.resolve("a/.b.json.part"), "torn, and longer than what comes");
    AtomicFiles.write(file, "néw");
    assertThat(Files.readString(file)).isEqualTo("néw");
    try (var content = Files.list(folder.resolve("a"))) {
      assertThat(content).containsExactly(file);
    }
  }

  @Test
  void write_fails_oldContentStays() throws IOException {
    Path file = folder.resolve("b.json");
    AtomicFiles.write(file, "old");
    Files.createDirectory(folder.resolve(".b.json.part")); // no file can be opened there
    assertThatThrownBy(() -> AtomicFiles.write(file, "new")).isInstanceOf(IOException.class);
    assertThat(Files.readString(file)).isEqualTo("old");
  }

  @Property
  void number_anyDouble_roundTrips(@ForAll double value) throws JsonProcessingException {
    double read = Json.toDouble(Json.parse(Json.line(Json.number(value))));
    assertThat(Double.compare(read, value)).isZero();
  }

  @Test
  void number_notFinite_roundTrips() throws JsonProcessingException {
    for (double value : List.of(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY)) {
      double read = Json.toDouble(Json.parse(Json.line(Json.number(value))));
      assertThat(Double.compare(read, value)).isZero();
    }
    assertThat(Json.toDouble(Json.parse("null"))).isNaN();
  }

  @Test
  void parse_looseJson_isRefused() {
    for (String text : List.of("{\"a\":1,\"a\":2}", "1 2", "{} x", "{'a':1}", "NaN", "")) {
      assertThatThrownBy(() -> refuseMissing(Json.parse(text)))
          .as(text)
          .isInstanceOf(JsonProcessingException.class);
    }
  }

  private static void refuseMissing(com.fasterxml.jackson.databind.JsonNode node) {
    throw new AssertionError("was read as " + node.getNodeType());
  }

  @Test
  void value_ofTree_isPlainJava() throws JsonProcessingException {
    assertThat(Json.value(Json.tree(Map.of("a", List.of(1, "x", true)))))
        .isEqualTo(Map.of("a", List.of(1, "x", true)));
    assertThat(Json.ints(Json.parse("[1,-2]"))).containsExactly(1, -2);
  }
}
