package io.promptgrad.lm.jinja;

import java.time.LocalDateTime;
import java.util.List;

/** One rendering: where its text goes, what it may cost, and what time it is. */
final class Rendering {

  /** Where to go on after a statement. */
  enum Flow {
    NEXT,
    BREAK,
    CONTINUE
  }

  private final Work work = new Work();
  private final LocalDateTime now;
  private StringBuilder out = new StringBuilder();

  Rendering(LocalDateTime now) {
    this.now = now;
  }

  Work work() {
    return work;
  }

  LocalDateTime now() {
    return now;
  }

  Flow run(List<Statement> body, Scope scope) {
    for (Statement statement : body) {
      work.spend(1);
      try {
        Flow flow = statement.execute(this, scope);
        if (flow != Flow.NEXT) {
          return flow;
        }
      } catch (TemplateProblem problem) {
        throw problem.at(statement.line());
      }
    }
    return Flow.NEXT;
  }

  Object value(Expression expression, Scope scope) {
    work.spend(1);
    try {
      return expression.evaluate(this, scope);
    } catch (TemplateProblem problem) {
      throw problem.at(expression.line());
    }
  }

  void write(String text) {
    out.append(work.made(text));
  }

  /** The text that a body writes. */
  String captured(List<Statement> body, Scope scope) {
    StringBuilder outer = out;
    out = new StringBuilder();
    try {
      run(body, scope);
      return out.toString();
    } finally {
      out = outer;
    }
  }
}
