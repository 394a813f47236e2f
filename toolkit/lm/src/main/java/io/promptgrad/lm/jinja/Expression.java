package io.promptgrad.lm.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What has a value. */
sealed interface Expression {

  /** Where it is written in the template, from 1. */
  int line();

  /** Its value; call it through {@link Rendering#value}. */
  Object evaluate(Rendering in, Scope scope);

  /** A string, number, truth value or none. */
  record Constant(int line, Object value) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      return value;
    }
  }

  record Name(int line, String name) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      return scope.get(name);
    }
  }

  /** {@code [a, b]} or {@code (a, b)}. */
  record Items(int line, Sequence.Kind kind, List<Expression> items) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      return new Sequence(kind, values(items, in, scope));
    }
  }

  /** {@code {"a": 1}}. */
  record Mapping(int line, List<Expression> keys, List<Expression> values) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      Map<Object, Object> map = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        Object key = in.value(keys.get(i), scope);
        if (!(key instanceof String || key instanceof Long)) {
          throw new TemplateProblem("a key of a mapping must be a text or a whole number");
        }
        map.put(key, in.value(values.get(i), scope));
      }
      return map;
    }
  }

  /** {@code then if condition else otherwise}; without else the value is undefined. */
  record Conditional(int line, Expression condition, Expression then, Expression otherwise)
      implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      if (Python.truth(in.value(condition, scope))) {
        return in.value(then, scope);
      }
      return otherwise == null
          ? new Undefined("the condition was false and there is no else")
          : in.value(otherwise, scope);
    }
  }

  /** {@code and}, {@code or}: the value of the side that decides. */
  record Logic(int line, boolean and, Expression left, Expression right) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      Object value = in.value(left, scope);
      return Python.truth(value) == and ? in.value(right, scope) : value;
    }
  }

  record Not(int line, Expression operand) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      return !Python.truth(in.value(operand, scope));
    }
  }

  /** A minus or plus in front. */
  record Sign(int line, boolean minus, Expression operand) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      return Operators.sign(minus, in.value(operand, scope));
    }
  }

  /** {@code + - * / // % **}. */
  record Arithmetic(int line, String operator, Expression left, Expression right)
      implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      Object a = in.value(left, scope);
      return Operators.apply(in.work(), operator, a, in.value(right, scope));
    }
  }

  /** {@code a ~ b}: the texts of both, one after the other. */
  record Concatenation(int line, List<Expression> parts) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      StringBuilder text = new StringBuilder();
      for (Expression part : parts) {
        text.append(in.work().made(Python.text(in.work(), in.value(part, scope))));
      }
      return text.toString();
    }
  }

  /** {@code a < b <= c}: each with its neighbour, up to the first that does not hold. */
  record Comparison(int line, Expression first, List<String> operators, List<Expression> others)
      implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      Object left = in.value(first, scope);
      for (int i = 0; i < operators.size(); i++) {
        Object right = in.value(others.get(i), scope);
        if (!Operators.holds(in.work(), operators.get(i), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    }
  }

  /** {@code object.name}: a method or attribute if there is one, else the item of that name. */
  record Attribute(int line, Expression object, String name) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      return Access.attribute(in.value(object, scope), name);
    }
  }

  /** {@code object[key]}: the item if there is one, else the method or attribute of that name. */
  record Item(int line, Expression object, Expression key) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      Object owner = in.value(object, scope);
      return Access.item(owner, in.value(key, scope));
    }
  }

  /** {@code object[start:stop:step]}; what is left out is null. */
  record Slice(int line, Expression object, Expression start, Expression stop, Expression step)
      implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      Object owner = in.value(object, scope);
      return Access.slice(
          in.work(),
          owner,
          bound(start, in, scope),
          bound(stop, in, scope),
          bound(step, in, scope));
    }

    private static Object bound(Expression bound, Rendering in, Scope scope) {
      return bound == null ? null : in.value(bound, scope);
    }
  }

  record Call(int line, Expression callee, CallArguments arguments) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      Object function = in.value(callee, scope);
      if (function instanceof Callable callable) {
        return callable.call(in, arguments.evaluate(name(), in, scope));
      }
      if (function instanceof Undefined undefined) {
        throw new TemplateProblem(undefined.why() + " and cannot be called");
      }
      throw new TemplateProblem(Python.typeOf(function) + " cannot be called");
    }

    private String name() {
      if (callee instanceof Name name) {
        return name.name() + "()";
      }
      return callee instanceof Attribute attribute ? attribute.name() + "()" : "the function";
    }
  }

  /** {@code value | name(arguments)}. */
  record Filtered(int line, Expression value, FilterCall filter) implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      return filter.apply(in.value(value, scope), in, scope);
    }
  }

  /** {@code value is name(arguments)}. */
  record Tested(int line, Expression value, String name, CallArguments arguments)
      implements Expression {
    @Override
    public Object evaluate(Rendering in, Scope scope) {
      Object subject = in.value(value, scope);
      String of = "the test '" + name + "'";
      return Tests.named(name).holds(in, subject, arguments.evaluate(of, in, scope));
    }
  }

  /** A filter's name and what stands in the parentheses behind it. */
  record FilterCall(int line, String name, CallArguments arguments) {

    Object apply(Object value, Rendering in, Scope scope) {
      try {
        String of = "the filter '" + name + "'";
        return Filters.named(name).apply(in, value, arguments.evaluate(of, in, scope));
      } catch (TemplateProblem problem) {
        throw problem.at(line);
      }
    }
  }

  /** What stands in the parentheses of a call. */
  record CallArguments(List<Expression> positional, Map<String, Expression> named) {

    static final CallArguments NONE = new CallArguments(List.of(), Map.of());

    Arguments evaluate(String of, Rendering in, Scope scope) {
      if (positional.isEmpty() && named.isEmpty()) {
        return Arguments.none(of);
      }
      Map<String, Object> values = new LinkedHashMap<>();
      List<Object> ordered = Expression.values(positional, in, scope);
      named.forEach((name, value) -> values.put(name, in.value(value, scope)));
      return new Arguments(of, ordered, values);
    }
  }

  private static List<Object> values(List<Expression> expressions, Rendering in, Scope scope) {
    List<Object> values = new ArrayList<>(expressions.size());
    for (Expression expression : expressions) {
      values.add(in.value(expression, scope));
    }
    return values;
  }
}
