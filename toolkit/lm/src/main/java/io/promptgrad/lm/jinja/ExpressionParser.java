package io.promptgrad.lm.jinja;

import io.promptgrad.lm.jinja.Expression.CallArguments;
import io.promptgrad.lm.jinja.Expression.FilterCall;
import io.promptgrad.lm.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Reads expressions by recursive descent, with one method for each level of precedence, which are
 * those of Jinja2: {@code if else}, {@code or}, {@code and}, {@code not}, comparisons, {@code + -},
 * {@code ~}, {@code * / // %}, {@code **}, signs, then what stands behind a value.
 */
final class ExpressionParser {

  /** Names that are values. */
  static final Set<String> CONSTANTS = Set.of("true", "false", "none", "True", "False", "None");

  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  private final TokenCursor tokens;
  private final Consumer<String> reads;

  /**
   * @param tokens shared with whoever reads what is around expressions
   * @param reads told each variable that is read
   */
  ExpressionParser(TokenCursor tokens, Consumer<String> reads) {
    this.tokens = tokens;
    this.reads = reads;
  }

  /** Values with commas between them are a tuple. */
  Expression tuple(boolean conditional) {
    int line = tokens.peek().line();
    List<Expression> items = new ArrayList<>();
    items.add(conditional ? expression() : or());
    boolean several = false;
    while (tokens.skipOperator(",")) {
      several = true;
      if (tokens.peek().is(Kind.PRINT_END)
          || tokens.peek().is(Kind.BLOCK_END)
          || tokens.peek().isOperator(")")) {
        break;
      }
      items.add(conditional ? expression() : or());
    }
    return several ? new Expression.Items(line, Sequence.Kind.TUPLE, items) : items.get(0);
  }

  Expression expression() {
    Expression value = or();
    while (tokens.peek().isName("if")) {
      int line = tokens.next().line();
      Expression condition = or();
      Expression otherwise = tokens.skipName("else") ? expression() : null;
      value = new Expression.Conditional(line, condition, value, otherwise);
    }
    return value;
  }

  private Expression or() {
    Expression left = and();
    while (tokens.peek().isName("or")) {
      int line = tokens.next().line();
      left = new Expression.Logic(line, false, left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.peek().isName("and")) {
      int line = tokens.next().line();
      left = new Expression.Logic(line, true, left, not());
    }
    return left;
  }

  private Expression not() {
    if (tokens.peek().isName("not")) {
      int line = tokens.next().line();
      return new Expression.Not(line, not());
    }
    return comparison();
  }

  private Expression comparison() {
    Expression first = sum();
    int line = tokens.peek().line();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      if (token.is(Kind.OPERATOR) && COMPARISONS.contains(token.text())) {
        operators.add(tokens.next().text());
      } else if (tokens.skipName("in")) {
        operators.add("in");
      } else if (token.isName("not") && tokens.second().isName("in")) {
        tokens.next();
        tokens.next();
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
    while (tokens.peek().isOperator("+") || tokens.peek().isOperator("-")) {
      Token operator = tokens.next();
      left = new Expression.Arithmetic(operator.line(), operator.text(), left, concatenation());
    }
    return left;
  }

  private Expression concatenation() {
    Expression first = product();
    if (!tokens.peek().isOperator("~")) {
      return first;
    }
    int line = tokens.peek().line();
    List<Expression> parts = new ArrayList<>(List.of(first));
    while (tokens.skipOperator("~")) {
      parts.add(product());
    }
    return new Expression.Concatenation(line, parts);
  }

  private Expression product() {
    Expression left = power();
    while (tokens.peek().isOperator("*")
        || tokens.peek().isOperator("/")
        || tokens.peek().isOperator("//")
        || tokens.peek().isOperator("%")) {
      Token operator = tokens.next();
      left = new Expression.Arithmetic(operator.line(), operator.text(), left, power());
    }
    return left;
  }

  private Expression power() {
    Expression left = signed(true);
    while (tokens.peek().isOperator("**")) {
      Token operator = tokens.next();
      left = new Expression.Arithmetic(operator.line(), "**", left, signed(true));
    }
    return left;
  }

  /** A sign belongs to the value before filters do: -3|abs is (-3)|abs. */
  private Expression signed(boolean filters) {
    Expression value;
    if (tokens.peek().isOperator("-") || tokens.peek().isOperator("+")) {
      Token sign = tokens.next();
      value = new Expression.Sign(sign.line(), sign.isOperator("-"), signed(false));
    } else {
      value = primary();
    }
    value = behind(value);
    return filters ? filtered(value) : value;
  }

  private Expression primary() {
    if (!beginsPrimary(tokens.peek())) {
      throw tokens.unexpected("a value");
    }
    Token token = tokens.next();
    int line = token.line();
    switch (token.kind()) {
      case NAME -> {
        if (CONSTANTS.contains(token.text())) {
          return new Expression.Constant(line, constant(token.text()));
        }
        reads.accept(token.text());
        return new Expression.Name(line, token.text());
      }
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (tokens.peek().is(Kind.STRING)) {
          text.append(tokens.next().text());
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
        return mapping(line);
      }
    }
  }

  private static boolean beginsPrimary(Token token) {
    return switch (token.kind()) {
      case NAME, STRING, INTEGER, FLOAT -> true;
      default -> token.isOperator("(") || token.isOperator("[") || token.isOperator("{");
    };
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
    if (tokens.skipOperator(")")) {
      return new Expression.Items(line, Sequence.Kind.TUPLE, List.of());
    }
    Expression inner = tuple(true);
    tokens.expectOperator(")");
    return inner;
  }

  private List<Expression> items(String close) {
    List<Expression> items = new ArrayList<>();
    while (!tokens.skipOperator(close)) {
      if (!items.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(close)) {
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
    while (!tokens.skipOperator("}")) {
      if (!keys.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator("}")) {
          break;
        }
      }
      keys.add(expression());
      tokens.expectOperator(":");
      values.add(expression());
    }
    return new Expression.Mapping(line, keys, values);
  }

  /** Attributes, items, slices and calls. */
  private Expression behind(Expression value) {
    Expression result = value;
    while (true) {
      Token token = tokens.peek();
      if (tokens.skipOperator(".")) {
        if (tokens.peek().is(Kind.INTEGER)) {
          Expression index = new Expression.Constant(token.line(), integer(tokens.next()));
          result = new Expression.Item(token.line(), result, index);
        } else {
          String name = tokens.expect(Kind.NAME, "a name").text();
          result = new Expression.Attribute(token.line(), result, name);
        }
      } else if (tokens.skipOperator("[")) {
        result = subscript(token.line(), result);
        tokens.expectOperator("]");
      } else if (tokens.peek().isOperator("(")) {
        result = new Expression.Call(token.line(), result, callArguments());
      } else {
        return result;
      }
    }
  }

  private Expression subscript(int line, Expression object) {
    Expression start = tokens.peek().isOperator(":") ? null : expression();
    if (!tokens.skipOperator(":")) {
      return new Expression.Item(line, object, start);
    }
    Expression stop =
        tokens.peek().isOperator(":") || tokens.peek().isOperator("]") ? null : expression();
    boolean third = tokens.skipOperator(":");
    Expression step = !third || tokens.peek().isOperator("]") ? null : expression();
    return new Expression.Slice(line, object, start, stop, step);
  }

  private Expression filtered(Expression value) {
    Expression result = value;
    while (true) {
      Token token = tokens.peek();
      if (tokens.skipOperator("|")) {
        result = new Expression.Filtered(token.line(), result, filterCall());
      } else if (tokens.skipName("is")) {
        result = tested(token.line(), result);
      } else if (tokens.peek().isOperator("(")) { // of what a filter or test gave
        result = new Expression.Call(token.line(), result, callArguments());
      } else {
        return result;
      }
    }
  }

  FilterCall filterCall() {
    Token name = tokens.expect(Kind.NAME, "the name of a filter");
    return new FilterCall(
        name.line(),
        name.text(),
        tokens.peek().isOperator("(") ? callArguments() : CallArguments.NONE);
  }

  private Expression tested(int line, Expression value) {
    boolean negated = tokens.skipName("not");
    String name = tokens.expect(Kind.NAME, "the name of a test").text();
    CallArguments arguments = CallArguments.NONE;
    if (tokens.peek().isOperator("(")) {
      arguments = callArguments();
    } else if (beginsValue(tokens.peek())) {
      if (tokens.peek().isName("is")) {
        throw new TemplateProblem(tokens.peek().line(), "tests cannot be chained with 'is'");
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
    tokens.expectOperator("(");
    boolean first = true;
    while (!tokens.skipOperator(")")) {
      if (!first) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(")")) {
          break;
        }
      }
      first = false;
      Token token = tokens.peek();
      if (token.isOperator("*") || token.isOperator("**")) {
        throw new TemplateProblem(token.line(), "'*' and '**' in a call are not supported");
      }
      if (token.is(Kind.NAME) && tokens.second().isOperator("=")) {
        tokens.next();
        tokens.next();
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
