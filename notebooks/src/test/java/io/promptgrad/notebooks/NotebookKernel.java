package io.promptgrad.notebooks;

import io.promptgrad.notebooks.Notebook.Cell;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import jdk.jshell.EvalException;
import jdk.jshell.JShell;
import jdk.jshell.JShellException;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;

/**
 * A Java kernel without Jupyter: cells are cut into statements and evaluated in order by JShell, in
 * this JVM and with its class path. Nothing is imported but the display functions, so a notebook
 * must import what it uses.
 */
final class NotebookKernel implements AutoCloseable {

  private final JShell shell;
  private final ClassLoader before = Thread.currentThread().getContextClassLoader();

  NotebookKernel() {
    this.shell = JShell.builder().executionEngine(PooledExecution.provider(), Map.of()).build();
    // Surefire starts the JVM with a jar that only refers to the class path.
    shell.addToClasspath(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    evaluate("import static io.promptgrad.notebooks.Displayed.*;");
  }

  /**
   * Runs a cell.
   *
   * @return the value of its last statement as text, "" if it has none
   * @throws AssertionError naming the cell and showing its source if a statement does not compile,
   *     throws or is unfinished
   */
  String run(Cell cell) {
    try {
      return evaluate(cell.java());
    } catch (Failure e) {
      throw new AssertionError(
          "Cell %d failed at%n%s%n%s%n%nThe whole cell:%n%s"
              .formatted(cell.number(), e.statement, e.getMessage(), cell.source()),
          e.getCause());
    }
  }

  /** A statement that did not work. */
  private static final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1;

    final String statement;

    Failure(String statement, String why, Throwable cause) {
      super(why, cause);
      this.statement = statement.strip();
    }
  }

  private String evaluate(String source) {
    String value = "";
    String rest = source;
    SourceCodeAnalysis analysis = shell.sourceCodeAnalysis();
    while (true) {
      SourceCodeAnalysis.CompletionInfo next = analysis.analyzeCompletion(rest);
      if (next.completeness() == SourceCodeAnalysis.Completeness.EMPTY) {
        return value;
      }
      if (!next.completeness().isComplete()) {
        throw new Failure(rest, "The statement has no end.", null);
      }
      value = "";
      for (SnippetEvent event : shell.eval(next.source())) {
        check(next.source(), event);
        if (event.causeSnippet() == null && event.value() != null) {
          value = event.value();
        }
      }
      rest = next.remaining();
    }
  }

  private void check(String statement, SnippetEvent event) {
    JShellException thrown = event.exception();
    if (thrown instanceof EvalException e) {
      throw new Failure(statement, e.getExceptionClassName() + ": " + e.getMessage(), e);
    }
    if (thrown != null) {
      throw new Failure(statement, thrown.toString(), thrown);
    }
    // Later statements could still define what is missing, but a kernel refuses this one.
    if (event.status() != Snippet.Status.VALID && event.status() != Snippet.Status.OVERWRITTEN) {
      List<String> problems = new ArrayList<>();
      shell
          .diagnostics(event.snippet())
          .forEach(problem -> problems.add(problem.getMessage(Locale.ROOT)));
      throw new Failure(statement, String.join(System.lineSeparator(), problems), null);
    }
  }

  /** Names of the variables that the cells declared with this type. */
  List<String> variables(String type) {
    return shell
        .variables()
        .filter(variable -> variable.typeName().equals(type))
        .map(variable -> variable.name())
        .toList();
  }

  @Override
  public void close() {
    shell.close();
    Thread.currentThread().setContextClassLoader(before); // JShell puts its own there
  }
}
