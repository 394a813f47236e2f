package io.promptgrad.lm.jinja;

import io.promptgrad.lm.jinja.Expression.CallArguments;
import io.promptgrad.lm.jinja.Expression.FilterCall;
import io.promptgrad.lm.jinja.Rendering.Flow;
import io.promptgrad.lm.jinja.Statement.Target;
import io.promptgrad.lm.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Makes a tree of tokens, by recursive descent with one method for each level of precedence, which
 * are those of Jinja2: {@code if else}, {@code or}, {@code and}, {@code not}, comparisons, {@code +
 * -}, {@code ~}, {@code * / // %}, {@code **}, signs, then what stands behind a value.
 */
final class Parser {

  private static final Set<String> CONSTANTS =
      Set.of("true", "false", "none", "True", "False", "None");
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  private final List<Token> tokens;
  private int at;
  private int loops; // that break and continue can end
  private Frame frame = new Frame(null);

  Parser(List<Token> tokens) {
    this.tokens = tokens;
  }

  List<Statement> template() {
    return scoped(body("the template", 0, Set.of()));
  }

  // ------------------------------------------------------------------ tokens

  private Token peek() {
    return tokens.get(at);
  }

  private Token next() {
    return tokens.get(at++);
  }

  private boolean skipOperator(String operator) {
    boolean there = peek().isOperator(operator);
    at += there ? 1 : 0;
    return there;
  }

  private boolean skipName(String name) {
    boolean there = peek().isName(name);
    at += there ? 1 : 0;
    return there;
  }

  private void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  private Token expect(Kind kind, String wanted) {
    if (!peek().is(kind)) {
      throw unexpected(wanted);
    }
    return next();
  }

  private TemplateProblem unexpected(String wanted) {
    return new TemplateProblem(
        peek().line(), "%s is expected, not %s".formatted(wanted, peek().shown()));
  }

  // ------------------------------------------------------------------ statements

  /** Statements up to a block that ends them, whose name is left to be read. */
  private List<Statement> body(String what, int line, Set<String> ends) {
    List<Statement> body = new ArrayList<>();
    while (true) {
      Token token = next();
      switch (token.kind()) {
        case TEXT -> body.add(new Statement.Text(token.line(), token.text()));
        case PRINT_BEGIN -> {
          body.add(new Statement.Print(token.line(), printed(tuple(true))));
          expect(Kind.PRINT_END, "'}}'");
        }
        case BLOCK_BEGIN -> {
          Token name = peek();
          if (name.is(Kind.NAME) && ends.contains(name.text())) {
            return body;
          }
          body.add(statement());
          expect(Kind.BLOCK_END, "'%}'");
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
    Token tag = expect(Kind.NAME, "the name of a block");
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
    expect(Kind.BLOCK_END, "'%}'");
    List<Statement> body = body(what, line, Set.of(end));
    next();
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
    Expression condition = tuple(false);
    expect(Kind.BLOCK_END, "'%}'");
    frame.enterCondition();
    List<Statement> then = body("if", line, Set.of("elif", "else", "endif"));
    List<Statement> otherwise = List.of();
    Token end = next();
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
    if (!skipName("in")) {
      throw unexpected("'in'");
    }
    Expression items = tuple(false);
    enterFrame();
    declare(target);
    Expression condition = skipName("if") ? expression() : null;
    leaveFrame();
    if (peek().isName("recursive")) {
      throw new TemplateProblem(line, "a recursive for block is not supported");
    }
    expect(Kind.BLOCK_END, "'%}'");
    enterFrame();
    declare(target);
    frame.declare("loop");
    loops++;
    List<Statement> body = scoped(body("for", line, Set.of("else", "endfor")));
    loops--;
    leaveFrame();
    List<Statement> otherwise = List.of();
    if (next().isName("else")) {
      enterFrame();
      otherwise = scoped(block("for", line, "endfor"));
      leaveFrame();
    }
    return new Statement.For(line, target, items, condition, body, otherwise);
  }

  private Statement assignment(int line) {
    Target target = target(true);
    if (skipOperator("=")) {
      Expression value = tuple(true);
      set(target);
      return new Statement.Assignment(line, target, value);
    }
    List<FilterCall> filters = new ArrayList<>();
    while (skipOperator("|")) {
      filters.add(filterCall());
    }
    enterFrame();
    List<Statement> body = captured("set", line, "endset");
    set(target);
    return new Statement.TextAssignment(line, target, filters, body);
  }

  private Statement macro(int line) {
    Token name = expect(Kind.NAME, "the name of the macro");
    List<String> parameters = new ArrayList<>();
    List<Expression> defaults = new ArrayList<>();
    enterFrame();
    expectOperator("(");
    while (!skipOperator(")")) {
      if (!parameters.isEmpty()) {
        expectOperator(",");
      }
      Token parameter = expect(Kind.NAME, "the name of a parameter");
      Expression otherwise = skipOperator("=") ? expression() : null;
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
      filters.add(filterCall());
    } while (skipOperator("|"));
    enterFrame();
    return new Statement.FilterBlock(line, filters, captured("filter", line, "endfilter"));
  }

  private Statement with(int line) {
    List<Target> targets = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!peek().is(Kind.BLOCK_END)) {
      if (!targets.isEmpty()) {
        expectOperator(",");
      }
      targets.add(singleTarget(false));
      expectOperator("=");
      values.add(expression());
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
    while (skipOperator(",")) {
      several = true;
      if (!peek().is(Kind.NAME) && !peek().isOperator("(") || peek().isName("in")) {
        break;
      }
      targets.add(singleTarget(attributes));
    }
    return several ? new Target.ToSeveral(targets) : targets.get(0);
  }

  private Target singleTarget(boolean attributes) {
    if (skipOperator("(")) {
      Target inner = target(attributes);
      expectOperator(")");
      return inner;
    }
    Token name = expect(Kind.NAME, "a name");
    if (CONSTANTS.contains(name.text())) {
      throw new TemplateProblem(name.line(), "'" + name.text() + "' cannot be set");
    }
    if (attributes && skipOperator(".")) {
      frame.read(name.text());
      return new Target.ToAttribute(name.text(), expect(Kind.NAME, "a name").text());
    }
    return new Target.ToName(name.text());
  }

  private void declare(Target target) {
    target.names().forEach(frame::declare);
  }

  private void set(Target target) {
    target.names().forEach(frame::set);
  }

  // ------------------------------------------------------------------ expressions

  /** Values with commas between them are a tuple. */
  private Expression tuple(boolean conditional) {
    int line = peek().line();
    List<Expression> items = new ArrayList<>();
    items.add(conditional ? expression() : or());
    boolean several = false;
    while (skipOperator(",")) {
      several = true;
      if (peek().is(Kind.PRINT_END) || peek().is(Kind.BLOCK_END) || peek().isOperator(")")) {
        break;
      }
      items.add(conditional ? expression() : or());
    }
    return several ? new Expression.Items(line, Sequence.Kind.TUPLE, items) : items.get(0);
  }

  private Expression expression() {
    Expression value = or();
    while (peek().isName("if")) {
      int line = next().line();
      Expression condition = or();
      Expression otherwise = skipName("else") ? expression() : null;
      value = new Expression.Conditional(line, condition, value, otherwise);
    }
    return value;
  }

  private Expression or() {
    Expression left = and();
    while (peek().isName("or")) {
      int line = next().line();
      left = new Expression.Logic(line, false, left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (peek().isName("and")) {
      int line = next().line();
      left = new Expression.Logic(line, true, left, not());
    }
    return left;
  }

  private Expression not() {
    if (peek().isName("not")) {
      int line = next().line();
      return new Expression.Not(line, not());
    }
    return comparison();
  }

  private Expression comparison() {
    Expression first = sum();
    int line = peek().line();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    while (true) {
      Token token = peek();
      if (token.is(Kind.OPERATOR) && COMPARISONS.contains(token.text())) {
        operators.add(next().text());
      } else if (skipName("in")) {
        operators.add("in");
      } else if (token.isName("not") && tokens.get(at + 1).isName("in")) {
        at += 2;
        operators.add("not in");
      } else {
        break;
      }
      others.add(sum());
    }
    return operators.isEmpty() ? first : new Expression.Comparison(line, first, operators, others);
  }

  private Expression sum() {
    Expression left = concatenation();
    while (peek().isOperator("+") || peek().isOperator("-")) {
      Token operator = next();
      left = new Expression.Arithmetic(operator.line(), operator.text(), left, concatenation());
    }
    return left;
  }

  private Expression concatenation() {
    Expression first = product();
    if (!peek().isOperator("~")) {
      return first;
    }
    int line = peek().line();
    List<Expression> parts = new ArrayList<>(List.of(first));
    while (skipOperator("~")) {
      parts.add(product());
    }
    return new Expression.Concatenation(line, parts);
  }

  private Expression product() {
    Expression left = power();
    while (peek().isOperator("*")
        || peek().isOperator("/")
        || peek().isOperator("//")
        || peek().isOperator("%")) {
      Token operator = next();
      left = new Expression.Arithmetic(operator.line(), operator.text(), left, power());
    }
    return left;
  }

  private Expression power() {
    Expression left = signed(true);
    while (peek().isOperator("**")) {
      Token operator = next();
      left = new Expression.Arithmetic(operator.line(), "**", left, signed(true));
    }
    return left;
  }

  /** A sign belongs to the value before filters do: -3|abs is (-3)|abs. */
  private Expression signed(boolean filters) {
    Expression value;
    if (peek().isOperator("-") || peek().isOperator("+")) {
      Token sign = next();
      value = new Expression.Sign(sign.line(), sign.isOperator("-"), signed(false));
    } else {
      value = primary();
    }
    value = behind(value);
    return filters ? filtered(value) : value;
  }

  private Expression primary() {
    Token token = next();
    int line = token.line();
    switch (token.kind()) {
      case NAME -> {
        if (CONSTANTS.contains(token.text())) {
          return new Expression.Constant(line, constant(token.text()));
        }
        frame.read(token.text());
        return new Expression.Name(line, token.text());
      }
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (peek().is(Kind.STRING)) {
          text.append(next().text());
        }
        return new Expression.Constant(line, text.toString());
      }
      case INTEGER -> {
        return new Expression.Constant(line, integer(token));
      }
      case FLOAT -> {
        return new Expression.Constant(line, Double.valueOf(token.text().replace("_", "")));
      }
      default -> {
        if (token.isOperator("(")) {
          return parenthesised(line);
        }
        if (token.isOperator("[")) {
          return new Expression.Items(line, Sequence.Kind.LIST, items("]"));
        }
        if (token.isOperator("{")) {
          return mapping(line);
        }
        at--;
        throw unexpected("a value");
      }
    }
  }

  private static Object constant(String name) {
    return switch (name) {
      case "true", "True" -> true;
      case "false", "False" -> false;
      default -> null;
    };
  }

  private static long integer(Token token) {
    String digits = token.text().replace("_", "").toLowerCase(Locale.ROOT);
    int radix =
        digits.startsWith("0x")
            ? 16
            : digits.startsWith("0o") ? 8 : digits.startsWith("0b") ? 2 : 10;
    try {
      return Long.parseLong(radix == 10 ? digits : digits.substring(2), radix);
    } catch (NumberFormatException e) {
      throw new TemplateProblem(token.line(), "a number does not fit into 64 bits");
    }
  }

  private Expression parenthesised(int line) {
    if (skipOperator(")")) {
      return new Expression.Items(line, Sequence.Kind.TUPLE, List.of());
    }
    Expression inner = tuple(true);
    expectOperator(")");
    return inner;
  }

  private List<Expression> items(String close) {
    List<Expression> items = new ArrayList<>();
    while (!skipOperator(close)) {
      if (!items.isEmpty()) {
        expectOperator(",");
        if (skipOperator(close)) {
          break;
        }
      }
      items.add(expression());
    }
    return items;
  }

  private Expression mapping(int line) {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!skipOperator("}")) {
      if (!keys.isEmpty()) {
        expectOperator(",");
        if (skipOperator("}")) {
          break;
        }
      }
      keys.add(expression());
      expectOperator(":");
      values.add(expression());
    }
    return new Expression.Mapping(line, keys, values);
  }

  /** Attributes, items, slices and calls. */
  private Expression behind(Expression value) {
    Expression result = value;
    while (true) {
      Token token = peek();
      if (skipOperator(".")) {
        if (peek().is(Kind.INTEGER)) {
          Expression index = new Expression.Constant(token.line(), integer(next()));
          result = new Expression.Item(token.line(), result, index);
        } else {
          String name = expect(Kind.NAME, "a name").text();
          result = new Expression.Attribute(token.line(), result, name);
        }
      } else if (skipOperator("[")) {
        result = subscript(token.line(), result);
        expectOperator("]");
      } else if (peek().isOperator("(")) {
        result = new Expression.Call(token.line(), result, callArguments());
      } else {
        return result;
      }
    }
  }

  private Expression subscript(int line, Expression object) {
    Expression start = peek().isOperator(":") ? null : expression();
    if (!skipOperator(":")) {
      return new Expression.Item(line, object, start);
    }
    Expression stop = peek().isOperator(":") || peek().isOperator("]") ? null : expression();
    boolean third = skipOperator(":");
    Expression step = !third || peek().isOperator("]") ? null : expression();
    return new Expression.Slice(line, object, start, stop, step);
  }

  private Expression filtered(Expression value) {
    Expression result = value;
    while (true) {
      Token token = peek();
      if (skipOperator("|")) {
        result = new Expression.Filtered(token.line(), result, filterCall());
      } else if (skipName("is")) {
        result = tested(token.line(), result);
      } else if (peek().isOperator("(")) { // of what a filter or test gave
        result = new Expression.Call(token.line(), result, callArguments());
      } else {
        return result;
      }
    }
  }

  private FilterCall filterCall() {
    Token name = expect(Kind.NAME, "the name of a filter");
    return new FilterCall(
        name.line(), name.text(), peek().isOperator("(") ? callArguments() : CallArguments.NONE);
  }

  private Expression tested(int line, Expression value) {
    boolean negated = skipName("not");
    String name = expect(Kind.NAME, "the name of a test").text();
    CallArguments arguments = CallArguments.NONE;
    if (peek().isOperator("(")) {
      arguments = callArguments();
    } else if (beginsValue(peek())) {
      if (peek().isName("is")) {
        throw new TemplateProblem(peek().line(), "tests cannot be chained with 'is'");
      }
      arguments = new CallArguments(List.of(behind(primary())), Map.of());
    }
    Expression test = new Expression.Tested(line, value, name, arguments);
    return negated ? new Expression.Not(line, test) : test;
  }

  /** Whether an argument of a test without parentheses begins here. */
  private static boolean beginsValue(Token token) {
    return switch (token.kind()) {
      case STRING, INTEGER, FLOAT -> true;
      case NAME -> !(token.isName("else") || token.isName("or") || token.isName("and"));
      case OPERATOR -> token.isOperator("[") || token.isOperator("{");
      default -> false;
    };
  }

  private CallArguments callArguments() {
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    expectOperator("(");
    boolean first = true;
    while (!skipOperator(")")) {
      if (!first) {
        expectOperator(",");
        if (skipOperator(")")) {
          break;
        }
      }
      first = false;
      Token token = peek();
      if (token.isOperator("*") || token.isOperator("**")) {
        throw new TemplateProblem(token.line(), "'*' and '**' in a call are not supported");
      }
      if (token.is(Kind.NAME) && tokens.get(at + 1).isOperator("=")) {
        at += 2;
        if (named.put(token.text(), expression()) != null) {
          throw new TemplateProblem(token.line(), "'" + token.text() + "' is given twice");
        }
      } else if (named.isEmpty()) {
        positional.add(expression());
      } else {
        throw new TemplateProblem(token.line(), "a value without name stands behind one with name");
      }
    }
    return new CallArguments(positional, named);
  }
}
