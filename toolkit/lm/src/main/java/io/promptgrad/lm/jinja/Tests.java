package io.promptgrad.lm.jinja;

import static java.util.Map.entry;

import java.util.Map;

/** What can stand behind {@code is}. */
final class Tests {

  interface Test {
    boolean holds(Rendering in, Object value, Arguments arguments);
  }

  private interface Property {
    boolean holds(Object value);
  }

  private static final Map<String, Test> ALL =
      Map.ofEntries(
          property("defined", value -> !(value instanceof Undefined)),
          property("undefined", value -> value instanceof Undefined),
          property("none", value -> value == null),
          property("boolean", value -> value instanceof Boolean),
          property("true", value -> value instanceof Boolean truth && truth),
          property("false", value -> value instanceof Boolean truth && !truth),
          property("integer", value -> value instanceof Long),
          property("float", value -> value instanceof Double),
          property("number", Python::isNumber),
          property("string", value -> value instanceof String),
          property("mapping", value -> value instanceof Map),
          property("iterable", Python::isIterable),
          property("sequence", Tests::isSequence),
          property("callable", value -> value instanceof Callable || value instanceof Undefined),
          property("odd", value -> whole(value) % 2 != 0),
          property("even", value -> whole(value) % 2 == 0),
          entry("lower", (in, value, a) -> Methods.isLower(text(in, value, a))),
          entry("upper", (in, value, a) -> Methods.isUpper(text(in, value, a))),
          entry("divisibleby", (in, value, a) -> divisible(value, a.bind("num").get("num"))),
          entry("sameas", (in, value, a) -> same(value, a.bind("other").get("other"))),
          entry("in", comparison("in")),
          entry("eq", comparison("==")),
          entry("equalto", comparison("==")),
          entry("==", comparison("==")),
          entry("ne", comparison("!=")),
          entry("!=", comparison("!=")),
          entry("lt", comparison("<")),
          entry("lessthan", comparison("<")),
          entry("<", comparison("<")),
          entry("le", comparison("<=")),
          entry("<=", comparison("<=")),
          entry("gt", comparison(">")),
          entry("greaterthan", comparison(">")),
          entry(">", comparison(">")),
          entry("ge", comparison(">=")),
          entry(">=", comparison(">=")));

  private Tests() {}

  static Test named(String name) {
    Test test = ALL.get(name);
    if (test == null) {
      throw new TemplateProblem("the test '" + name + "' is not supported");
    }
    return test;
  }

  private static Map.Entry<String, Test> property(String name, Property property) {
    return entry(
        name,
        (in, value, arguments) -> {
          arguments.bind();
          return property.holds(value);
        });
  }

  private static Test comparison(String operator) {
    return (in, value, arguments) ->
        Operators.holds(in.work(), operator, value, arguments.bind("other").get("other"));
  }

  private static boolean isSequence(Object value) {
    return value instanceof Sequence sequence
        ? sequence.hasIndex()
        : Python.knownLength(value) >= 0;
  }

  private static String text(Rendering in, Object value, Arguments arguments) {
    arguments.bind();
    return Python.text(in.work(), value);
  }

  private static long whole(Object value) {
    Long whole = Python.index(value);
    if (whole == null) {
      throw new TemplateProblem(
          "a test for whole numbers does not work on " + Python.typeOf(value));
    }
    return whole;
  }

  private static boolean divisible(Object value, Object divisor) {
    if (whole(divisor) == 0) {
      throw new TemplateProblem("a number is divided by 0");
    }
    return whole(value) % whole(divisor) == 0;
  }

  /** Which numbers and texts are the same object is a matter of Python's memory. */
  private static boolean same(Object value, Object other) {
    if (value instanceof Number || value instanceof String) {
      throw new TemplateProblem("the test 'sameas' is not supported for numbers and texts");
    }
    return value instanceof Boolean ? value.equals(other) : value == other;
  }
}
