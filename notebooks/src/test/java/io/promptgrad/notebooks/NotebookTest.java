package io.promptgrad.notebooks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.notebooks.Notebook.Cell;
import io.promptgrad.report.html.Html;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Executes every code cell of every notebook, and holds the files to the house's style. */
class NotebookTest {

  /** What must be among the things that a notebook displays. */
  private static final Map<String, List<String>> PIECES =
      Map.of(
          "autoprompt.ipynb",
          List.of("<svg class=\"plot\"", "class=\"confusion\"", "class=\"chip\"", "step 8, best"),
          "gcg.ipynb",
          List.of("<svg class=\"plot\"", "class=\"chip\"", "gcg, step 60", "fluent, step 60"),
          "gradients.ipynb",
          List.of("<th>probability</th>", "style=\"background:rgba("),
          "soft.ipynb",
          List.of(
              "Losses over the steps",
              "Nearest tokens",
              "update 200, best",
              "class=\"confusion\""));

  static List<Notebook> notebooks() throws IOException {
    return Notebook.all();
  }

  @BeforeEach
  void forgetDisplays() {
    Displayed.take();
  }

  // ------------------------------------------------------------------ the notebooks

  @ParameterizedTest
  @MethodSource("notebooks")
  void notebook_cellsRunInOrder_allWorkAndTheModelIsClosed(Notebook notebook) throws IOException {
    try (NotebookKernel kernel = new NotebookKernel()) {
      for (Cell cell : notebook.codeCells()) {
        kernel.run(cell);
      }

      String shown = String.join("\n", Displayed.take());
      Files.writeString(
          Path.of("target", notebook.name().replace(".ipynb", ".html")),
          Html.page(notebook.name(), shown));
      assertThat(shown).contains(PIECES.getOrDefault(notebook.name(), List.of()));
      for (String name :
          List.of("OPT_OUT_TRACKING", "RUST_FLAVOR")) { // no telemetry, no CUDA build
        String set = System.getenv().getOrDefault(name, System.getProperty(name, ""));
        assertThat(set).as(name).isIn("true", "cpu");
      }
      List<String> models = kernel.variables("LanguageModel");
      assertThat(models).as("models").isNotEmpty();
      for (String model : models) {
        Cell use = cell(model + ".tokenizer().encode(\"a\")");
        assertThatThrownBy(() -> kernel.run(use))
            .as("%s after the last cell", model)
            .hasMessageContaining("IllegalStateException");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("notebooks")
  void notebook_asCommitted_hasNoOutputsAndMinimalMetadata(Notebook notebook) {
    JsonNode json = notebook.json();

    assertThat(json.path("nbformat").asInt()).isEqualTo(4);
    assertThat(json.path("nbformat_minor").asInt()).isEqualTo(5);
    assertThat(json.path("metadata"))
        .isEqualTo(
            parse(
                """
                {"kernelspec": {"display_name": "Java", "language": "java", "name": "java"},
                 "language_info": {"name": "java"}}
                """));
    Set<String> ids = new HashSet<>();
    for (Cell cell : notebook.cells()) {
      assertThat(cell.json().path("metadata")).as("metadata of cell %s", cell).isEmpty();
      assertThat(ids.add(cell.json().path("id").asText())).as("own id of cell %s", cell).isTrue();
      if (cell.isCode()) {
        assertThat(cell.json().path("outputs").isArray()).isTrue();
        assertThat(cell.json().path("outputs")).as("outputs of cell %s", cell).isEmpty();
        assertThat(cell.json().path("execution_count").isNull()).as("count of %s", cell).isTrue();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("notebooks")
  void notebook_cells_areShortAndExplained(Notebook notebook) {
    assertThat(notebook.cells().get(0).source()).startsWith("# ");
    int codeInARow = 0;
    for (Cell cell : notebook.cells()) {
      codeInARow = cell.isCode() ? codeInARow + 1 : 0;
      assertThat(codeInARow).as("code cells without a word before cell %s", cell).isLessThan(3);
      List<String> lines = cell.source().lines().toList();
      assertThat(lines).as("lines of cell %s", cell).hasSizeLessThanOrEqualTo(20);
      assertThat(lines).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100));
    }
  }

  // ------------------------------------------------------------------ the kernel that tests them

  @Test
  void kernel_consecutiveStatements_runOnDifferentThreads() {
    try (NotebookKernel kernel = new NotebookKernel()) {
      List<String> threads = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        threads.add(kernel.run(cell("Thread.currentThread().getId()")));
      }
      for (int i = 1; i < threads.size(); i++) {
        assertThat(threads.get(i)).isNotEqualTo(threads.get(i - 1));
      }
    }
  }

  @Test
  void kernel_cellOfSeveralStatements_runsAllAndReturnsTheLastValue() {
    try (NotebookKernel kernel = new NotebookKernel()) {
      String value =
          kernel.run(
              cell("%jars *.jar\nint a = 2;\nint twice(int x) {\n return 2 * x;\n}\ntwice(a) + 1"));

      assertThat(value).isEqualTo("5");
    }
  }

  @Test
  void kernel_cellThatThrows_failsWithNumberStatementAndCause() {
    try (NotebookKernel kernel = new NotebookKernel()) {
      assertThatThrownBy(() -> kernel.run(cell("int a = 1;\nInteger.parseInt(\"x\" + a);")))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("Cell 7 failed at")
          .hasMessageContaining("Integer.parseInt(\"x\" + a)")
          .hasMessageContaining("java.lang.NumberFormatException");
    }
  }

  @Test
  void kernel_cellThatDoesNotCompileOrEnd_fails() {
    try (NotebookKernel kernel = new NotebookKernel()) {
      assertThatThrownBy(() -> kernel.run(cell("int a = \"text\";")))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("incompatible types");
      assertThatThrownBy(() -> kernel.run(cell("int f() { return missing(); }")))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("missing");
      assertThatThrownBy(() -> kernel.run(cell("for (int i = 0; i < 3; i++) {")))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("has no end");
    }
  }

  @Test
  void display_htmlWithoutContentOrMalformed_isRefused() {
    assertThat(Displayed.display("<p>1 &lt; 2</p>", "text/html")).isEqualTo("0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Displayed.display("<p>1 < 2</p>", "text/html"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Displayed.display("<div><style>p{}</style></div>", "text/html"));
    assertThatIllegalArgumentException().isThrownBy(() -> Displayed.updateDisplay("0", " "));
    assertThat(Displayed.take()).containsExactly("<p>1 &lt; 2</p>");
  }

  private static Cell cell(String source) {
    return new Cell(7, "code", source, Json.object());
  }

  private static JsonNode parse(String json) {
    try {
      return Json.parse(json);
    } catch (IOException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
