package io.promptgrad.lm.jinja;

import io.promptgrad.lm.jinja.Token.Kind;
import java.util.List;

/** A place in a row of tokens, which ends with one of its own kind. */
final class TokenCursor {

  private final List<Token> tokens;
  private int at;

  TokenCursor(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token peek() {
    return tokens.get(at);
  }

  Token next() {
    return tokens.get(at++);
  }

  boolean skipOperator(String operator) {
    boolean there = peek().isOperator(operator);
    at += there ? 1 : 0;
    return there;
  }

  boolean skipName(String name) {
    boolean there = peek().isName(name);
    at += there ? 1 : 0;
    return there;
  }

  void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  Token expect(Kind kind, String wanted) {
    if (!peek().is(kind)) {
      throw unexpected(wanted);
    }
    return next();
  }

  TemplateProblem unexpected(String wanted) {
    return new TemplateProblem(
        peek().line(), "%s is expected, not %s".formatted(wanted, peek().shown()));
  }

  /** The token behind the next one. */
  Token second() {
    return tokens.get(at + 1);
  }
}
