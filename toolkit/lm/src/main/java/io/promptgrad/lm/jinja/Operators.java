package io.promptgrad.lm.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's arithmetic and comparisons, for whole numbers that fit into 64 bits. */
final class Operators {

  private static final Pattern FORMAT =
      Pattern.compile("%(?:\\((\\w+)\\))?([-0 +]*)(\\d{0,3})(?:\\.(\\d{1,3}))?(.)", Pattern.DOTALL);

  private Operators() {}

  static boolean holds(Work work, String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> Python.equal(work, a, b);
      case "!=" -> !Python.equal(work, a, b);
      case "in" -> Python.contains(work, b, a);
      case "not in" -> !Python.contains(work, b, a);
      case "<" -> Python.compare(work, a, b) < 0;
      case "<=" -> Python.compare(work, a, b) <= 0;
      case ">" -> Python.compare(work, a, b) > 0;
      default -> Python.compare(work, a, b) >= 0; // ">="
    };
  }

  static Object sign(boolean minus, Object value) {
    if (value instanceof Double number) {
      return minus ? -number : number;
    }
    Long whole = Python.index(value);
    if (whole == null) {
      throw wrongFor(minus ? "-" : "+", value);
    }
    return exact(() -> minus ? Math.negateExact(whole) : whole);
  }

  /** {@code + - * / // % **} */
  static Object apply(Work work, String operator, Object a, Object b) {
    if (Python.isNumber(a) && Python.isNumber(b)) {
      Long left = Python.index(a);
      Long right = Python.index(b);
      return left != null && right != null
          ? whole(operator, left, right)
          : real(operator, Python.number(a), Python.number(b));
    }
    if (operator.equals("%") && a instanceof String format) {
      return format(work, format, b);
    }
    for (Object side : new Object[] {a, b}) {
      if (side instanceof Undefined undefined) {
        throw new TemplateProblem(undefined.why());
      }
    }
    if (operator.equals("+") && a instanceof String left && b instanceof String right) {
      return work.made(left + right);
    }
    if (operator.equals("+")
        && a instanceof Sequence left
        && b instanceof Sequence right
        && left.kind() == right.kind()
        && (left.is(Sequence.Kind.LIST) || left.is(Sequence.Kind.TUPLE))) {
      List<Object> both = new ArrayList<>(left.items());
      both.addAll(right.items());
      work.spend(both.size());
      return new Sequence(left.kind(), both);
    }
    if (operator.equals("*")) {
      Long times = Python.index(b) == null ? Python.index(a) : Python.index(b);
      Object what = Python.index(b) == null ? b : a;
      if (times != null) {
        return repeat(work, what, Math.max(0, times));
      }
    }
    throw new TemplateProblem(
        "'%s' does not work on %s and %s".formatted(operator, Python.typeOf(a), Python.typeOf(b)));
  }

  private static Object repeat(Work work, Object what, long times) {
    if (what instanceof String text) {
      work.spend(product(times, text.length()));
      return text.repeat((int) (text.isEmpty() ? 0 : times));
    }
    if (what instanceof Sequence sequence
        && (sequence.is(Sequence.Kind.LIST) || sequence.is(Sequence.Kind.TUPLE))) {
      work.spend(product(times, sequence.items().size()));
      List<Object> items = new ArrayList<>();
      for (long i = 0; i < times && !sequence.items().isEmpty(); i++) {
        items.addAll(sequence.items());
      }
      return new Sequence(sequence.kind(), items);
    }
    throw wrongFor("*", what);
  }

  /** Their product, or more than anybody can spend. */
  static long product(long a, long b) {
    return b != 0 && a > (1L << 40) / b ? 1L << 40 : a * b;
  }

  private static Object whole(String operator, long a, long b) {
    if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
      throw new TemplateProblem("a number is divided by 0");
    }
    return exact(
        () ->
            switch (operator) {
              case "+" -> Math.addExact(a, b);
              case "-" -> Math.subtractExact(a, b);
              case "*" -> Math.multiplyExact(a, b);
              case "/" -> (double) a / b;
              case "//" ->
                  a == Long.MIN_VALUE && b == -1 ? Math.negateExact(a) : Math.floorDiv(a, b);
              case "%" -> Math.floorMod(a, b);
              default -> b < 0 ? (Object) real(operator, a, b) : (Object) power(a, b);
            });
  }

  private static long power(long base, long exponent) {
    long result = 1;
    long square = base;
    for (long left = exponent; left > 0; left >>= 1) {
      if ((left & 1) == 1) {
        result = Math.multiplyExact(result, square);
      }
      if (left > 1) {
        square = Math.multiplyExact(square, square);
      }
    }
    return result;
  }

  private static double real(String operator, double a, double b) {
    boolean divides = operator.equals("/") || operator.equals("//") || operator.equals("%");
    if (b == 0 && divides || operator.equals("**") && a == 0 && b < 0) {
      throw new TemplateProblem("a number is divided by 0");
    }
    if (operator.equals("**") && a < 0 && b != Math.rint(b)) {
      throw new TemplateProblem("a root of a negative number is no number");
    }
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / b;
      case "//" -> floorDivision(a, b);
      case "%" -> modulo(a, b);
      default -> Math.pow(a, b);
    };
  }

  private static double floorDivision(double a, double b) {
    double rest = a % b;
    double quotient = (a - rest) / b;
    quotient = rest != 0 && (rest < 0) != (b < 0) ? quotient - 1 : quotient;
    double floor = Math.floor(quotient);
    floor = quotient - floor > 0.5 ? floor + 1 : floor;
    return quotient == 0 ? Math.copySign(0, a / b) : floor;
  }

  /** With the sign of the divisor, 0 as well. */
  private static double modulo(double a, double b) {
    double rest = a % b;
    if (rest == 0) {
      return Math.copySign(0, b);
    }
    return (rest < 0) != (b < 0) ? rest + b : rest;
  }

  private interface WholeNumbers {
    Object compute();
  }

  private static Object exact(WholeNumbers computation) {
    try {
      return computation.compute();
    } catch (ArithmeticException e) {
      throw new TemplateProblem("a number does not fit into 64 bits");
    }
  }

  private static TemplateProblem wrongFor(String operator, Object value) {
    if (value instanceof Undefined undefined) {
      return new TemplateProblem(undefined.why());
    }
    return new TemplateProblem(
        "'%s' does not work on %s".formatted(operator, Python.typeOf(value)));
  }

  // ------------------------------------------------------------------ "%s" % value

  /** {@code %s}, {@code %d}, {@code %f} and {@code %%}, with width, zeros and digits. */
  static String format(Work work, String format, Object values) {
    boolean several = values instanceof Sequence sequence && sequence.is(Sequence.Kind.TUPLE);
    Iterator<Object> next =
        several ? Python.iterate(values) : Collections.singletonList(values).iterator();
    StringBuilder text = new StringBuilder();
    Matcher conversion = FORMAT.matcher(format);
    int at = 0;
    for (int i = format.indexOf('%'); i >= 0; i = format.indexOf('%', at)) {
      text.append(format, at, i);
      if (!conversion.region(i, format.length()).lookingAt()) {
        throw new TemplateProblem("a text with '%' has a conversion that is not supported");
      }
      at = conversion.end();
      if (conversion.group(5).equals("%")) {
        text.append('%');
        continue;
      }
      Object value;
      if (conversion.group(1) != null) {
        if (!(values instanceof Map<?, ?> map && map.containsKey(conversion.group(1)))) {
          throw new TemplateProblem("a text with '%' has no value for its conversion");
        }
        value = map.get(conversion.group(1));
      } else if (next.hasNext()) {
        value = next.next();
      } else {
        throw new TemplateProblem("a text with '%' has more conversions than there are values");
      }
      text.append(work.made(convert(work, conversion, value)));
    }
    if (next.hasNext() && !(values instanceof Map)) {
      throw new TemplateProblem("a text with '%' has fewer conversions than there are values");
    }
    return work.made(text.append(format, at, format.length()).toString());
  }

  private static String convert(Work work, Matcher conversion, Object value) {
    String flags = conversion.group(2);
    String digits = conversion.group(4);
    String text;
    switch (conversion.group(5)) {
      case "s" -> {
        text = Python.text(work, value);
        if (digits != null) {
          throw new TemplateProblem("'%.s' is not supported");
        }
      }
      case "d", "i" -> {
        if (!Python.isNumber(value) || digits != null) {
          throw new TemplateProblem("'%d' does not work on " + Python.typeOf(value));
        }
        Long whole = Python.index(value);
        if (whole == null && !Double.isFinite(Python.number(value))) {
          throw new TemplateProblem("'%d' needs a finite number");
        }
        text =
            whole == null
                ? new BigDecimal(Python.number(value)).toBigInteger().toString()
                : whole.toString();
      }
      case "f" -> {
        if (!Python.isNumber(value) || !Double.isFinite(Python.number(value))) {
          throw new TemplateProblem("'%f' does not work on " + Python.typeOf(value));
        }
        double number = Python.number(value);
        int places = digits == null ? 6 : Integer.parseInt(digits);
        text =
            new BigDecimal(Math.abs(number))
                .setScale(places, RoundingMode.HALF_EVEN)
                .toPlainString();
        text = number < 0 || 1 / number < 0 ? "-" + text : text;
      }
      default -> throw new TemplateProblem("'%" + conversion.group(5) + "' is not supported");
    }
    if (flags.contains(" ") || flags.contains("+")) {
      throw new TemplateProblem("flags of '%' other than '-' and '0' are not supported");
    }
    int width = conversion.group(3).isEmpty() ? 0 : Integer.parseInt(conversion.group(3));
    int missing = Math.max(0, width - text.codePointCount(0, text.length()));
    if (flags.contains("-")) {
      return text + " ".repeat(missing);
    }
    if (flags.contains("0") && !conversion.group(5).equals("s")) {
      int sign = text.startsWith("-") ? 1 : 0;
      return text.substring(0, sign) + "0".repeat(missing) + text.substring(sign);
    }
    return " ".repeat(missing) + text;
  }
}
