package io.promptgrad.lm.jinja;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What values mean in Python: which count as true, how they are written, when they are equal, which
 * is less, what their items are.
 *
 * <p>Values are null (None), Boolean, Long, Double, String, {@link Sequence}, Map, {@link
 * Generator}, {@link Undefined}, {@link Namespace}, {@link Loop} and {@link Callable}. Texts count
 * in code points, as in Python.
 */
final class Python {

  private Python() {}

  /** A JSON value. */
  static Object of(JsonNode json) {
    if (json.isObject()) {
      Map<Object, Object> map = new LinkedHashMap<>();
      json.properties().forEach(entry -> map.put(entry.getKey(), of(entry.getValue())));
      return map;
    }
    if (json.isArray()) {
      List<Object> items = new ArrayList<>(json.size());
      json.forEach(item -> items.add(of(item)));
      return Sequence.list(items);
    }
    if (json.isTextual()) {
      return json.textValue();
    }
    if (json.isBoolean()) {
      return json.booleanValue();
    }
    if (json.isIntegralNumber() && json.canConvertToLong()) {
      return json.longValue();
    }
    return json.isNumber() ? (Object) json.doubleValue() : null;
  }

  /** What kind of value it is, for messages. */
  static String typeOf(Object value) {
    if (value == null) {
      return "none";
    }
    if (value instanceof Boolean) {
      return "a truth value";
    }
    if (value instanceof Long) {
      return "a whole number";
    }
    if (value instanceof Double) {
      return "a number";
    }
    if (value instanceof String) {
      return "a text";
    }
    if (value instanceof Map) {
      return "a mapping";
    }
    if (value instanceof Sequence sequence) {
      return switch (sequence.kind()) {
        case LIST -> "a list";
        case TUPLE -> "a tuple";
        case RANGE -> "a range";
        case VIEW -> "a view of a mapping";
      };
    }
    if (value instanceof Generator) {
      return "the result of a filter that gives items one by one";
    }
    if (value instanceof Undefined) {
      return "an undefined value";
    }
    if (value instanceof Namespace) {
      return "a namespace";
    }
    return value instanceof Loop ? "a loop" : "a function";
  }

  // ------------------------------------------------------------------ truth, numbers, order

  static boolean truth(Object value) {
    if (value == null || value instanceof Undefined) {
      return false;
    }
    if (value instanceof Boolean truth) {
      return truth;
    }
    if (value instanceof Long number) {
      return number != 0;
    }
    if (value instanceof Double number) {
      return number != 0;
    }
    int length = knownLength(value);
    return length != 0; // -1: what has no length counts as true
  }

  static boolean isNumber(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
  }

  /** A whole number, truth values among them; null if it is something else. */
  static Long index(Object value) {
    if (value instanceof Boolean truth) {
      return truth ? 1L : 0L;
    }
    return value instanceof Long number ? number : null;
  }

  static double number(Object value) {
    Long whole = index(value);
    return whole == null ? (Double) value : whole;
  }

  static boolean equal(Work work, Object a, Object b) {
    work.spend(1);
    if (isNumber(a) && isNumber(b)) {
      Long left = index(a);
      Long right = index(b);
      return left != null && right != null ? left.equals(right) : number(a) == number(b);
    }
    if (a instanceof Sequence left && b instanceof Sequence right) {
      if (left.kind() != right.kind() || left.items().size() != right.items().size()) {
        return false;
      }
      return IntStream.range(0, left.items().size())
          .allMatch(i -> equal(work, left.items().get(i), right.items().get(i)));
    }
    if (a instanceof Map<?, ?> left && b instanceof Map<?, ?> right) {
      return left.size() == right.size()
          && left.entrySet().stream()
              .allMatch(
                  entry ->
                      right.containsKey(entry.getKey())
                          && equal(work, entry.getValue(), right.get(entry.getKey())));
    }
    if (a instanceof Undefined && b instanceof Undefined) {
      return true;
    }
    return a == null || a instanceof Generator ? a == b : a.equals(b);
  }

  /** Less than 0 if a is less than b; fails for what has no order. */
  static int compare(Work work, Object a, Object b) {
    work.spend(1);
    if (isNumber(a) && isNumber(b)) {
      Long left = index(a);
      Long right = index(b);
      if (left != null && right != null) {
        return Long.compare(left, right);
      }
      if (Double.isNaN(number(a)) || Double.isNaN(number(b))) {
        throw new TemplateProblem("what is not a number has no order");
      }
      return number(a) < number(b) ? -1 : number(a) > number(b) ? 1 : 0;
    }
    if (a instanceof String left && b instanceof String right) {
      return compare(left, right);
    }
    if (a instanceof Sequence left
        && b instanceof Sequence right
        && left.kind() == right.kind()
        && (left.is(Sequence.Kind.LIST) || left.is(Sequence.Kind.TUPLE))) {
      int shorter = Math.min(left.items().size(), right.items().size());
      for (int i = 0; i < shorter; i++) {
        if (!equal(work, left.items().get(i), right.items().get(i))) {
          return compare(work, left.items().get(i), right.items().get(i));
        }
      }
      return Integer.compare(left.items().size(), right.items().size());
    }
    for (Object side : new Object[] {a, b}) {
      if (side instanceof Undefined undefined) {
        throw new TemplateProblem(undefined.why());
      }
    }
    throw new TemplateProblem("%s and %s have no order".formatted(typeOf(a), typeOf(b)));
  }

  private static int compare(String a, String b) {
    int i = 0;
    while (i < a.length() && i < b.length()) {
      int left = a.codePointAt(i);
      int right = b.codePointAt(i);
      if (left != right) {
        return Integer.compare(left, right);
      }
      i += Character.charCount(left);
    }
    return Integer.compare(a.length(), b.length());
  }

  static boolean contains(Work work, Object container, Object item) {
    if (container instanceof String text) {
      if (item instanceof String part) {
        work.spend(text.length());
        return text.contains(part);
      }
      throw new TemplateProblem("a text cannot contain " + typeOf(item));
    }
    if (container instanceof Map<?, ?> map) {
      if (item instanceof Sequence || item instanceof Map) {
        throw new TemplateProblem(typeOf(item) + " cannot be a key of a mapping");
      }
      return map.containsKey(key(item));
    }
    for (Iterator<Object> items = iterate(container); items.hasNext(); ) {
      if (equal(work, items.next(), item)) {
        return true;
      }
    }
    return false;
  }

  /** A value as the keys of mappings are: 1, 1.0 and true are the same key. */
  static Object key(Object value) {
    if (value instanceof Double number && number == Math.rint(number) && Math.abs(number) < 1e18) {
      return number.longValue();
    }
    Long whole = index(value);
    return whole == null ? value : whole;
  }

  // ------------------------------------------------------------------ items

  /** The number of items; -1 if the value has none. */
  static int knownLength(Object value) {
    if (value instanceof String text) {
      return text.codePointCount(0, text.length());
    }
    if (value instanceof Sequence sequence) {
      return sequence.items().size();
    }
    if (value instanceof Map<?, ?> map) {
      return map.size();
    }
    return value instanceof Undefined ? 0 : -1;
  }

  static long length(Object value) {
    int length = knownLength(value);
    if (length < 0) {
      throw new TemplateProblem(typeOf(value) + " has no length");
    }
    return length;
  }

  static boolean isIterable(Object value) {
    return value instanceof Generator || knownLength(value) >= 0;
  }

  /** Characters of a text, keys of a mapping, items of the rest. */
  static Iterator<Object> iterate(Object value) {
    if (value instanceof Sequence sequence) {
      return sequence.items().iterator();
    }
    if (value instanceof String text) {
      return text.codePoints().<Object>mapToObj(Character::toString).iterator();
    }
    if (value instanceof Map<?, ?> map) {
      return Collections.<Object>unmodifiableSet(map.keySet()).iterator();
    }
    if (value instanceof Generator generator) {
      return generator.items();
    }
    if (value instanceof Undefined) {
      return Collections.emptyIterator();
    }
    throw new TemplateProblem(typeOf(value) + " has no items");
  }

  static List<Object> items(Work work, Object value) {
    List<Object> items = new ArrayList<>();
    iterate(value)
        .forEachRemaining(
            item -> {
              work.spend(1);
              items.add(item);
            });
    return items;
  }

  // ------------------------------------------------------------------ text

  static boolean isSpace(int c) {
    return Character.isWhitespace(c) || c == 0x85 || c == 0xa0 || c == 0x2007 || c == 0x202f;
  }

  static boolean isBlank(String text, int start, int end) {
    return text.substring(start, end).codePoints().allMatch(Python::isSpace);
  }

  /** As {@code str()} writes it. */
  static String text(Work work, Object value) {
    if (value instanceof String text) {
      return text;
    }
    if (value instanceof Undefined) {
      return "";
    }
    StringBuilder text = new StringBuilder();
    write(work, value, text);
    return text.toString();
  }

  /** As {@code repr()} writes it. */
  private static void write(Work work, Object value, StringBuilder into) {
    work.spend(1);
    if (value == null) {
      into.append("None");
    } else if (value instanceof Boolean truth) {
      into.append(truth ? "True" : "False");
    } else if (value instanceof Long) {
      into.append(value);
    } else if (value instanceof Double number) {
      into.append(digits(number));
    } else if (value instanceof String text) {
      work.spend(text.length());
      quote(text, into);
    } else if (value instanceof Undefined) {
      into.append("Undefined");
    } else if (value instanceof Map<?, ?> map) {
      into.append('{');
      String before = "";
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        into.append(before);
        write(work, entry.getKey(), into);
        into.append(": ");
        write(work, entry.getValue(), into);
        before = ", ";
      }
      into.append('}');
    } else if (value instanceof Sequence sequence
        && (sequence.is(Sequence.Kind.LIST) || sequence.is(Sequence.Kind.TUPLE))) {
      boolean list = sequence.is(Sequence.Kind.LIST);
      into.append(list ? '[' : '(');
      String before = "";
      for (Object item : sequence.items()) {
        into.append(before);
        write(work, item, into);
        before = ", ";
      }
      into.append(list ? "]" : sequence.items().size() == 1 ? ",)" : ")");
    } else {
      throw new TemplateProblem(typeOf(value) + " cannot be written as text");
    }
  }

  private static void quote(String text, StringBuilder into) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    into.append(quote);
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '\\' -> into.append("\\\\");
                case '\n' -> into.append("\\n");
                case '\r' -> into.append("\\r");
                case '\t' -> into.append("\\t");
                default -> {
                  if (c == quote) {
                    into.append('\\').append(quote);
                  } else if (c == ' ' || isPrintable(c)) {
                    into.appendCodePoint(c);
                  } else {
                    String form = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
                    into.append(form.formatted(c));
                  }
                }
              }
            });
    into.append(quote);
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SPACE_SEPARATOR ->
          false;
      default -> true;
    };
  }

  /** The shortest digits that give the number back. */
  static String digits(double number) {
    if (Double.isNaN(number) || Double.isInfinite(number)) {
      return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
    }
    if (number == 0) {
      return 1 / number < 0 ? "-0.0" : "0.0";
    }
    BigDecimal exact = new BigDecimal(number);
    BigDecimal shortest = exact;
    for (int digits = 1; digits <= 17; digits++) {
      shortest = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
      if (shortest.doubleValue() == number) {
        break;
      }
    }
    shortest = shortest.stripTrailingZeros();
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = shortest.toPlainString();
      return plain.indexOf('.') < 0 ? plain + ".0" : plain;
    }
    String digits = shortest.unscaledValue().abs().toString();
    return "%s%s%se%s%02d"
        .formatted(
            number < 0 ? "-" : "",
            digits.charAt(0),
            digits.length() > 1 ? "." + digits.substring(1) : "",
            exponent < 0 ? "-" : "+",
            Math.abs(exponent));
  }
}
