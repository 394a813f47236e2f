package io.promptgrad.lm.jinja;

import io.promptgrad.lm.jinja.Expression.CallArguments;
import io.promptgrad.lm.jinja.Expression.FilterCall;
import io.promptgrad.lm.jinja.Rendering.Flow;
import io.promptgrad.lm.jinja.Statement.Target;
import io.promptgrad.lm.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Makes a tree of tokens: the statements, around the expressions of {@link ExpressionParser}. */
final class Parser {

  private final TokenCursor tokens;
  private final ExpressionParser expressions;
  private int loops; // that break and continue can end
  private Frame frame = new Frame(null);

  Parser(List<Token> tokens) {
    this.tokens = new TokenCursor(tokens);
    this.expressions = new ExpressionParser(this.tokens, name -> frame.read(name));
  }

  List<Statement> template() {
    return scoped(body("the template", 0, Set.of()));
  }

  // ------------------------------------------------------------------ statements

  /** Statements up to a block that ends them, whose name is left to be read. */
  private List<Statement> body(String what, int line, Set<String> ends) {
    List<Statement> body = new ArrayList<>();
    while (true) {
      Token token = tokens.next();
      switch (token.kind()) {
        case TEXT -> body.add(new Statement.Text(token.line(), token.text()));
        case PRINT_BEGIN -> {
          body.add(new Statement.Print(token.line(), printed(expressions.tuple(true))));
          tokens.expect(Kind.PRINT_END, "'}}'");
        }
        case BLOCK_BEGIN -> {
          Token name = tokens.peek();
          if (name.is(Kind.NAME) && ends.contains(name.text())) {
            return body;
          }
          body.add(statement());
          tokens.expect(Kind.BLOCK_END, "'%}'");
        }
        default -> { // END, since the lexer pairs the rest
          if (ends.isEmpty()) {
            return body;
          }
          throw new TemplateProblem(line, "the block '" + what + "' that begins here does not end");
        }
      }
    }
  }

  /**
   * {@code safe} changes nothing without HTML escapes where it comes last; anywhere else it would
   * make Python escape what follows, and is not supported.
   */
  private static Expression printed(Expression value) {
    return value instanceof Expression.Filtered filtered
            && filtered.filter().name().equals("safe")
            && filtered.filter().arguments().equals(CallArguments.NONE)
        ? filtered.value()
        : value;
  }

  /** A body that is the whole of the frame under way. */
  private List<Statement> scoped(List<Statement> body) {
    List<Statement> all = new ArrayList<>();
    if (!frame.undefined().isEmpty()) {
      all.add(new Statement.Forget(1, frame));
    }
    all.addAll(body);
    return all;
  }

  private void enterFrame() {
    frame = new Frame(frame);
  }

  private void leaveFrame() {
    frame = frame.around();
  }

  private Statement statement() {
    Token tag = tokens.expect(Kind.NAME, "the name of a block");
    int line = tag.line();
    return switch (tag.text()) {
      case "if" -> condition(line);
      case "for" -> loop(line);
      case "set" -> assignment(line);
      case "macro" -> macro(line);
      case "filter" -> filterBlock(line);
      case "with" -> with(line);
      case "generation" -> {
        enterFrame();
        List<Statement> body = captured("generation", line, "endgeneration");
        yield new Statement.With(line, List.of(), List.of(), body);
      }
      case "break" -> jump(line, Flow.BREAK);
      case "continue" -> jump(line, Flow.CONTINUE);
      default -> {
        String name = tag.text();
        throw new TemplateProblem(
            line,
            name.startsWith("end") || name.equals("else") || name.equals("elif")
                ? "'" + name + "' ends nothing that is open here"
                : "the block '" + name + "' is not supported");
      }
    };
  }

  private Statement jump(int line, Flow flow) {
    if (loops == 0) {
      throw new TemplateProblem(line, "'break' and 'continue' belong directly into a for block");
    }
    return new Statement.Jump(line, flow);
  }

  /** Behind the name of a tag: its end, a body, and the tag that ends the body. */
  private List<Statement> block(String what, int line, String end) {
    tokens.expect(Kind.BLOCK_END, "'%}'");
    List<Statement> body = body(what, line, Set.of(end));
    tokens.next();
    return body;
  }

  /**
   * The same for a body that is computed apart, so that no loop around it can be left. It is the
   * whole of the frame under way, which ends here.
   */
  private List<Statement> captured(String what, int line, String end) {
    int outer = loops;
    loops = 0;
    List<Statement> body = scoped(block(what, line, end));
    loops = outer;
    leaveFrame();
    return body;
  }

  private Statement condition(int line) {
    Expression condition = expressions.tuple(false);
    tokens.expect(Kind.BLOCK_END, "'%}'");
    frame.enterCondition();
    List<Statement> then = body("if", line, Set.of("elif", "else", "endif"));
    List<Statement> otherwise = List.of();
    Token end = tokens.next();
    if (end.isName("elif")) {
      otherwise = List.of(condition(end.line()));
    } else if (end.isName("else")) {
      otherwise = block("if", line, "endif");
    }
    frame.leaveCondition();
    return new Statement.If(line, condition, then, otherwise);
  }

  private Statement loop(int line) {
    Target target = target(false);
    if (!tokens.skipName("in")) {
      throw tokens.unexpected("'in'");
    }
    Expression items = expressions.tuple(false);
    enterFrame();
    declare(target);
    Expression condition = tokens.skipName("if") ? expressions.expression() : null;
    leaveFrame();
    if (tokens.peek().isName("recursive")) {
      throw new TemplateProblem(line, "a recursive for block is not supported");
    }
    tokens.expect(Kind.BLOCK_END, "'%}'");
    enterFrame();
    declare(target);
    frame.declare("loop");
    loops++;
    List<Statement> body = scoped(body("for", line, Set.of("else", "endfor")));
    loops--;
    leaveFrame();
    List<Statement> otherwise = List.of();
    if (tokens.next().isName("else")) {
      enterFrame();
      otherwise = scoped(block("for", line, "endfor"));
      leaveFrame();
    }
    return new Statement.For(line, target, items, condition, body, otherwise);
  }

  private Statement assignment(int line) {
    Target target = target(true);
    if (tokens.skipOperator("=")) {
      Expression value = expressions.tuple(true);
      set(target);
      return new Statement.Assignment(line, target, value);
    }
    List<FilterCall> filters = new ArrayList<>();
    while (tokens.skipOperator("|")) {
      filters.add(expressions.filterCall());
    }
    enterFrame();
    List<Statement> body = captured("set", line, "endset");
    set(target);
    return new Statement.TextAssignment(line, target, filters, body);
  }

  private Statement macro(int line) {
    Token name = tokens.expect(Kind.NAME, "the name of the macro");
    List<String> parameters = new ArrayList<>();
    List<Expression> defaults = new ArrayList<>();
    enterFrame();
    tokens.expectOperator("(");
    while (!tokens.skipOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
      }
      Token parameter = tokens.expect(Kind.NAME, "the name of a parameter");
      Expression otherwise = tokens.skipOperator("=") ? expressions.expression() : null;
      if (otherwise == null && !defaults.isEmpty() && defaults.get(defaults.size() - 1) != null) {
        throw new TemplateProblem(
            parameter.line(), "a parameter without default stands behind one with default");
      }
      parameters.add(parameter.text());
      frame.declare(parameter.text());
      defaults.add(otherwise);
    }
    List<Statement> body = captured("macro", line, "endmacro");
    frame.set(name.text());
    return new Statement.Macro(line, name.text(), parameters, defaults, body);
  }

  private Statement filterBlock(int line) {
    List<FilterCall> filters = new ArrayList<>();
    do {
      filters.add(expressions.filterCall());
    } while (tokens.skipOperator("|"));
    enterFrame();
    return new Statement.FilterBlock(line, filters, captured("filter", line, "endfilter"));
  }

  private Statement with(int line) {
    List<Target> targets = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!tokens.peek().is(Kind.BLOCK_END)) {
      if (!targets.isEmpty()) {
        tokens.expectOperator(",");
      }
      targets.add(singleTarget(false));
      tokens.expectOperator("=");
      values.add(expressions.expression());
    }
    enterFrame();
    targets.forEach(this::declare);
    List<Statement> body = scoped(block("with", line, "endwith"));
    leaveFrame();
    return new Statement.With(line, targets, values, body);
  }

  // ------------------------------------------------------------------ targets

  /** One target, or several with commas between them. */
  private Target target(boolean attributes) {
    List<Target> targets = new ArrayList<>();
    targets.add(singleTarget(attributes));
    boolean several = false;
    while (tokens.skipOperator(",")) {
      several = true;
      if (!tokens.peek().is(Kind.NAME) && !tokens.peek().isOperator("(")
          || tokens.peek().isName("in")) {
        break;
      }
      targets.add(singleTarget(attributes));
    }
    return several ? new Target.ToSeveral(targets) : targets.get(0);
  }

  private Target singleTarget(boolean attributes) {
    if (tokens.skipOperator("(")) {
      Target inner = target(attributes);
      tokens.expectOperator(")");
      return inner;
    }
    Token name = tokens.expect(Kind.NAME, "a name");
    if (ExpressionParser.CONSTANTS.contains(name.text())) {
      throw new TemplateProblem(name.line(), "'" + name.text() + "' cannot be set");
    }
    if (attributes && tokens.skipOperator(".")) {
      frame.read(name.text());
      return new Target.ToAttribute(name.text(), tokens.expect(Kind.NAME, "a name").text());
    }
    return new Target.ToName(name.text());
  }

  private void declare(Target target) {
    target.names().forEach(frame::declare);
  }

  private void set(Target target) {
    target.names().forEach(frame::set);
  }
}
