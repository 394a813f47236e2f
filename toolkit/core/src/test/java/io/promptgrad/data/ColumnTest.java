package io.promptgrad.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ColumnTest {

  private static final Column NUMBER =
      new Column("answer", "answer", Column.Reading.NUMBER, Map.of(), false);

  private static RowReader.Row row(String number) throws Exception {
    return new RowReader.Row(
        "f.json, row 3", (ObjectNode) Json.parse("{\"answer\": " + number + "}"));
  }

  @Test
  void number_asPeopleWriteIt() throws Exception {
    assertThat(NUMBER.read(row("39.0"))).get().hasToString("\"39\"");
    assertThat(NUMBER.read(row("0.0"))).get().hasToString("\"0\"");
    assertThat(NUMBER.read(row("1e3"))).get().hasToString("\"1000\"");
    assertThat(NUMBER.read(row("-2.50"))).get().hasToString("\"-2.5\"");
  }

  /** A number beyond all doubles ended in a NumberFormatException. */
  @Test
  void number_beyondAllDoubles_isRefused() {
    assertThatThrownBy(() -> NUMBER.read(row("1e999999999")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessage("f.json, row 3: the answer is no number.");
    assertThatThrownBy(() -> NUMBER.read(row("9".repeat(400))))
        .isInstanceOf(InvalidInputException.class);
  }
}
