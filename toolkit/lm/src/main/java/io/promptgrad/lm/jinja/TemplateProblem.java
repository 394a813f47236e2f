package io.promptgrad.lm.jinja;

/** What is wrong with a template, or with what it was given; becomes a sentence with its line. */
final class TemplateProblem extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Of the template, from 1; 0 while it is not known. */
  private final int line;

  TemplateProblem(String what) {
    this(0, what, null);
  }

  TemplateProblem(int line, String what) {
    this(line, what, null);
  }

  private TemplateProblem(int line, String what, TemplateProblem cause) {
    super(what, cause);
    this.line = line;
  }

  int line() {
    return line;
  }

  /** The same with a line, unless it has one: the innermost node that fails knows best. */
  TemplateProblem at(int where) {
    return line > 0 ? this : new TemplateProblem(where, getMessage(), this);
  }
}
