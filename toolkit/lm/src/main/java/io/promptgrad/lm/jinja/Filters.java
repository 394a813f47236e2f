package io.promptgrad.lm.jinja;

import static java.util.Map.entry;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** What can stand behind {@code |}. */
final class Filters {

  interface Filter {
    Object apply(Rendering in, Object value, Arguments arguments);
  }

  private static final Pattern WORD_BEGINNING =
      Pattern.compile("[-\\s\u001c-\u001f({\\[<]+", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern WHOLE = Pattern.compile("[+-]?\\d+(?:_\\d+)*");
  private static final Pattern REAL =
      Pattern.compile("[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?");

  private static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("trim", Filters::trim),
          entry("upper", (in, v, a) -> plain(a, text(in, v).toUpperCase(Locale.ROOT))),
          entry("lower", (in, v, a) -> plain(a, text(in, v).toLowerCase(Locale.ROOT))),
          entry("title", (in, v, a) -> plain(a, title(text(in, v)))),
          entry("capitalize", (in, v, a) -> plain(a, Methods.capitalized(text(in, v)))),
          entry("string", (in, v, a) -> plain(a, text(in, v))),
          entry("replace", Filters::replace),
          entry("indent", Filters::indent),
          entry("format", Filters::format),
          entry("tojson", JsonText::filter),
          entry("length", (in, v, a) -> plain(a, Python.length(v))),
          entry("count", (in, v, a) -> plain(a, Python.length(v))),
          entry("default", (in, v, a) -> otherwise(v, a)),
          entry("d", (in, v, a) -> otherwise(v, a)),
          entry("first", (in, v, a) -> plain(a, first(Python.iterate(v)))),
          entry("last", (in, v, a) -> plain(a, first(backwards(in, v)))),
          entry("reverse", (in, v, a) -> plain(a, reverse(in, v))),
          entry("list", (in, v, a) -> plain(a, Sequence.list(Python.items(in.work(), v)))),
          entry("join", Filters::join),
          entry("map", Filters::map),
          entry("select", (in, v, a) -> select(in, v, a, false, true)),
          entry("reject", (in, v, a) -> select(in, v, a, false, false)),
          entry("selectattr", (in, v, a) -> select(in, v, a, true, true)),
          entry("rejectattr", (in, v, a) -> select(in, v, a, true, false)),
          entry("sort", Filters::sort),
          entry("unique", Filters::unique),
          entry("min", (in, v, a) -> extreme(in, v, a, -1)),
          entry("max", (in, v, a) -> extreme(in, v, a, 1)),
          entry("sum", Filters::sum),
          entry("items", (in, v, a) -> plain(a, items(v))),
          entry("dictsort", Filters::sortMapping),
          entry("abs", (in, v, a) -> plain(a, absolute(v))),
          entry("round", (in, v, a) -> round(v, a)),
          entry("int", (in, v, a) -> whole(v, a)),
          entry("float", (in, v, a) -> real(v, a)));

  private Filters() {}

  static Filter named(String name) {
    Filter filter = ALL.get(name);
    if (filter == null) {
      throw new TemplateProblem("the filter '" + name + "' is not supported");
    }
    return filter;
  }

  /** The result of a filter that takes no arguments. */
  private static Object plain(Arguments arguments, Object result) {
    arguments.bind();
    return result;
  }

  private static String text(Rendering in, Object value) {
    return Python.text(in.work(), value);
  }

  // ------------------------------------------------------------------ texts

  private static Object trim(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("chars?");
    String text = text(in, value);
    return bound.get("chars") == null
        ? Methods.strip(text)
        : Methods.strip(text, bound.text("chars"));
  }

  private static String title(String text) {
    StringBuilder result = new StringBuilder();
    Matcher gap = WORD_BEGINNING.matcher(text);
    int start = 0;
    while (gap.find()) {
      result.append(upperFirst(text.substring(start, gap.start()))).append(gap.group());
      start = gap.end();
    }
    return result.append(upperFirst(text.substring(start))).toString();
  }

  private static String upperFirst(String word) {
    if (word.isEmpty()) {
      return word;
    }
    int first = word.offsetByCodePoints(0, 1);
    return word.substring(0, first).toUpperCase(Locale.ROOT)
        + word.substring(first).toLowerCase(Locale.ROOT);
  }

  private static Object replace(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("old", "new", "count?");
    int count = bound.get("count") == null ? -1 : bound.whole("count", -1);
    return Methods.replaced(
        in.work(), text(in, value), text(in, bound.get("old")), text(in, bound.get("new")), count);
  }

  private static Object indent(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("width?", "first?", "blank?");
    String by =
        bound.get("width") instanceof String given
            ? given
            : " ".repeat(Math.max(0, Math.min(1000, bound.whole("width", 4))));
    boolean blank = bound.truth("blank", false);
    if (!(value instanceof String source)) {
      throw new TemplateProblem("the filter 'indent' does not work on " + Python.typeOf(value));
    }
    List<String> lines = Methods.lines(source + "\n", false);
    StringBuilder text = new StringBuilder(bound.truth("first", false) ? by : "");
    for (int i = 0; i < lines.size(); i++) {
      boolean indented = i > 0 && (blank || !lines.get(i).isEmpty());
      text.append(i > 0 ? "\n" : "").append(indented ? by : "").append(lines.get(i));
      in.work().spend(1L + by.length() + lines.get(i).length());
    }
    return text.toString();
  }

  private static Object format(Rendering in, Object value, Arguments arguments) {
    Object values =
        arguments.named().isEmpty()
            ? new Sequence(Sequence.Kind.TUPLE, arguments.positional())
            : arguments.named();
    if (!arguments.named().isEmpty() && !arguments.positional().isEmpty()) {
      throw new TemplateProblem("the filter 'format' takes values with or without names, not both");
    }
    return Operators.format(in.work(), text(in, value), values);
  }

  // ------------------------------------------------------------------ items

  private static Object otherwise(Object value, Arguments arguments) {
    Arguments bound = arguments.bind("default_value?", "boolean?");
    boolean replaced =
        value instanceof Undefined || (bound.truth("boolean", false) && !Python.truth(value));
    return replaced ? bound.get("default_value", "") : value;
  }

  private static Object first(Iterator<Object> items) {
    return items.hasNext() ? items.next() : new Undefined("there is no first or last of no items");
  }

  private static Iterator<Object> backwards(Rendering in, Object value) {
    if (value instanceof Generator) {
      throw new TemplateProblem(Python.typeOf(value) + " has no last item");
    }
    List<Object> items = new ArrayList<>(Python.items(in.work(), value));
    Collections.reverse(items);
    return items.iterator();
  }

  private static Object reverse(Rendering in, Object value) {
    if (value instanceof String text) {
      return in.work().made(new StringBuilder(text).reverse().toString());
    }
    List<Object> items = Python.items(in.work(), value);
    Collections.reverse(items);
    return new Generator(items.iterator());
  }

  private static Object join(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("d?", "attribute?");
    String separator = text(in, bound.get("d", ""));
    UnaryOperator<Object> part =
        bound.has("attribute") ? getter(bound.get("attribute"), null) : UnaryOperator.identity();
    StringBuilder text = new StringBuilder();
    String before = "";
    for (Iterator<Object> items = Python.iterate(value); items.hasNext(); ) {
      String next = text(in, part.apply(items.next()));
      in.work().spend(1L + before.length() + next.length());
      text.append(before).append(next);
      before = separator;
    }
    return text.toString();
  }

  /** By attribute, or by the name of a filter and its arguments. */
  private static Object map(Rendering in, Object value, Arguments arguments) {
    UnaryOperator<Object> mapping;
    if (arguments.positional().isEmpty()) {
      Arguments bound = arguments.bind("attribute", "default?");
      mapping = getter(bound.get("attribute"), bound.get("default"));
    } else if (arguments.positional().get(0) instanceof String name) {
      Filter filter = named(name);
      Arguments rest = arguments.rest("the filter '" + name + "'");
      mapping = item -> filter.apply(in, item, rest);
    } else {
      throw new TemplateProblem("the filter 'map' needs the name of a filter");
    }
    return lazy(in, value, items -> items.map(mapping));
  }

  /** By truth, or by the name of a test and its arguments; of items or of an attribute of them. */
  private static Object select(
      Rendering in, Object value, Arguments arguments, boolean ofAttribute, boolean wanted) {
    List<Object> given = arguments.positional();
    UnaryOperator<Object> subject = UnaryOperator.identity();
    Arguments rest = arguments;
    if (ofAttribute) {
      if (given.isEmpty()) {
        throw new TemplateProblem(arguments.of() + " needs the name of an attribute");
      }
      subject = getter(given.get(0), null);
      rest = arguments.rest(arguments.of());
    }
    Predicate<Object> test = Python::truth;
    if (!rest.positional().isEmpty()) {
      if (!(rest.positional().get(0) instanceof String name)) {
        throw new TemplateProblem(arguments.of() + " needs the name of a test");
      }
      Tests.Test named = Tests.named(name);
      Arguments more = rest.rest("the test '" + name + "'");
      test = item -> named.holds(in, item, more);
    }
    UnaryOperator<Object> of = subject;
    Predicate<Object> chosen = test;
    return lazy(in, value, items -> items.filter(item -> chosen.test(of.apply(item)) == wanted));
  }

  private static Generator lazy(
      Rendering in, Object value, UnaryOperator<Stream<Object>> transformation) {
    Iterator<Object> items = Python.iterate(value);
    Iterable<Object> once = () -> items;
    Stream<Object> stream =
        StreamSupport.stream(once.spliterator(), false).peek(item -> in.work().spend(1));
    return new Generator(transformation.apply(stream).iterator());
  }

  /** The item at a path such as "function.name" or 0; the default where it is undefined. */
  private static UnaryOperator<Object> getter(Object path, Object otherwise) {
    List<Object> keys = new ArrayList<>();
    if (path instanceof String names) {
      for (String name : names.split("\\.", -1)) {
        keys.add(name.matches("\\d{1,9}") ? (Object) Long.valueOf(name) : name);
      }
    } else {
      keys.add(path);
    }
    return item -> {
      Object value = item;
      for (Object key : keys) {
        value = Access.item(value, key);
        value = value instanceof Undefined && otherwise != null ? otherwise : value;
      }
      return value;
    };
  }

  private static Object lowered(Object value) {
    return value instanceof String text ? text.toLowerCase(Locale.ROOT) : value;
  }

  private static Object sort(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("reverse?", "case_sensitive?", "attribute?");
    boolean exact = bound.truth("case_sensitive", false);
    List<UnaryOperator<Object>> getters = new ArrayList<>();
    if (bound.get("attribute") instanceof String names) {
      Arrays.stream(names.split(",", -1)).forEach(name -> getters.add(getter(name, null)));
    } else if (bound.get("attribute") != null) {
      getters.add(getter(bound.get("attribute"), null));
    } else {
      getters.add(UnaryOperator.identity());
    }
    Comparator<Object> order =
        comparator(
            in,
            item ->
                Sequence.list(
                    getters.stream()
                        .map(getter -> getter.apply(item))
                        .map(key -> exact ? key : lowered(key))
                        .collect(Collectors.toCollection(ArrayList::new))));
    return sorted(in, value, bound.truth("reverse", false) ? order.reversed() : order);
  }

  private static Comparator<Object> comparator(Rendering in, UnaryOperator<Object> key) {
    return (a, b) -> Python.compare(in.work(), key.apply(a), key.apply(b));
  }

  private static Sequence sorted(Rendering in, Object value, Comparator<Object> order) {
    List<Object> items = Python.items(in.work(), value);
    items.sort(order);
    return Sequence.list(items);
  }

  private static Object sortMapping(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("case_sensitive?", "by?", "reverse?");
    boolean exact = bound.truth("case_sensitive", false);
    Object by = bound.get("by", "key");
    if (!"key".equals(by) && !"value".equals(by)) {
      throw new TemplateProblem("the filter 'dictsort' sorts by 'key' or 'value'");
    }
    if (!(value instanceof Map<?, ?> map)) {
      throw new TemplateProblem(Python.typeOf(value) + " is no mapping");
    }
    long place = "key".equals(by) ? 0 : 1;
    Comparator<Object> order =
        comparator(
            in,
            pair -> {
              Object key = Access.item(pair, place);
              return exact ? key : lowered(key);
            });
    return sorted(in, Methods.items(map), bound.truth("reverse", false) ? order.reversed() : order);
  }

  private static Object unique(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("case_sensitive?", "attribute?");
    boolean exact = bound.truth("case_sensitive", false);
    UnaryOperator<Object> getter =
        bound.get("attribute") == null
            ? UnaryOperator.identity()
            : getter(bound.get("attribute"), null);
    List<Object> seen = new ArrayList<>();
    return lazy(
        in,
        value,
        items ->
            items.filter(
                item -> {
                  Object key = exact ? getter.apply(item) : lowered(getter.apply(item));
                  boolean fresh = !Python.contains(in.work(), Sequence.list(seen), key);
                  seen.add(key);
                  return fresh;
                }));
  }

  private static Object extreme(Rendering in, Object value, Arguments arguments, int direction) {
    Arguments bound = arguments.bind("case_sensitive?", "attribute?");
    boolean exact = bound.truth("case_sensitive", false);
    UnaryOperator<Object> getter =
        bound.get("attribute") == null
            ? UnaryOperator.identity()
            : getter(bound.get("attribute"), null);
    Comparator<Object> order =
        comparator(in, item -> exact ? getter.apply(item) : lowered(getter.apply(item)));
    Iterator<Object> items = Python.iterate(value);
    Object best = first(items);
    while (items.hasNext()) {
      Object item = items.next();
      best = order.compare(item, best) * direction > 0 ? item : best;
    }
    return best;
  }

  private static Object sum(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("attribute?", "start?");
    UnaryOperator<Object> getter =
        bound.get("attribute") == null
            ? UnaryOperator.identity()
            : getter(bound.get("attribute"), null);
    Object sum = bound.get("start", 0L);
    for (Iterator<Object> items = Python.iterate(value); items.hasNext(); ) {
      sum = Operators.apply(in.work(), "+", sum, getter.apply(items.next()));
    }
    return sum;
  }

  private static Object items(Object value) {
    if (value instanceof Undefined) {
      return new Generator(Collections.emptyIterator());
    }
    if (value instanceof Map<?, ?> map) {
      return new Generator(Methods.items(map).items().iterator());
    }
    throw new TemplateProblem(Python.typeOf(value) + " is no mapping");
  }

  // ------------------------------------------------------------------ numbers

  private static Object absolute(Object value) {
    if (value instanceof Double number) {
      return Math.abs(number);
    }
    Long whole = Python.index(value);
    if (whole == null || whole == Long.MIN_VALUE) {
      throw new TemplateProblem("the filter 'abs' does not work on " + Python.typeOf(value));
    }
    return Math.abs(whole);
  }

  private static Object round(Object value, Arguments arguments) {
    Arguments bound = arguments.bind("precision?", "method?");
    int places = bound.whole("precision", 0);
    Object method = bound.get("method", "common");
    if (!Python.isNumber(value) || Math.abs(places) > 300) {
      throw new TemplateProblem("the filter 'round' does not work on " + Python.typeOf(value));
    }
    double number = Python.number(value);
    if (!Double.isFinite(number)) {
      throw new TemplateProblem("the filter 'round' needs a finite number");
    }
    Long whole = Python.index(value);
    if ("common".equals(method)) {
      if (whole != null) {
        return BigDecimal.valueOf(whole).setScale(places, RoundingMode.HALF_EVEN).longValue();
      }
      double rounded =
          new BigDecimal(number).setScale(places, RoundingMode.HALF_EVEN).doubleValue();
      return Math.copySign(rounded, number); // -0.4 gives -0.0
    }
    double scale = Math.pow(10, places);
    if ("ceil".equals(method)) {
      return (Math.ceil(number * scale) + 0.0) / scale; // + 0.0: no negative zero
    }
    if ("floor".equals(method)) {
      return (Math.floor(number * scale) + 0.0) / scale;
    }
    throw new TemplateProblem("the filter 'round' knows the methods common, ceil and floor");
  }

  private static Object whole(Object value, Arguments arguments) {
    Arguments bound = arguments.bind("default?", "base?");
    Object otherwise = bound.get("default", 0L);
    int base = bound.whole("base", 10);
    if (value instanceof Undefined undefined) {
      throw new TemplateProblem(undefined.why());
    }
    if (value instanceof String text) {
      String digits = number(text);
      try {
        if (base == 10 && WHOLE.matcher(digits).matches()) {
          return Long.valueOf(digits.replace("_", ""));
        }
        if (base == 16 && digits.matches("[+-]?(0[xX]_?)?[0-9a-fA-F]+(_[0-9a-fA-F]+)*")) {
          return Long.valueOf(digits.replaceFirst("0[xX]", "").replace("_", ""), 16);
        }
        if (base != 10 && base != 16) {
          throw new TemplateProblem("the filter 'int' supports the bases 10 and 16");
        }
      } catch (NumberFormatException e) {
        throw new TemplateProblem("a number does not fit into 64 bits");
      }
    }
    Object number = Python.isNumber(value) ? value : real(value, Arguments.none("float"), null);
    if (number == null) {
      return otherwise;
    }
    Long whole = Python.index(number);
    if (whole != null) {
      return whole;
    }
    double real = (Double) number;
    if (!(Math.abs(real) < 9e18)) {
      throw new TemplateProblem("a number does not fit into 64 bits");
    }
    return (long) real;
  }

  /** Without white space around it, which for numbers is that of ASCII only. */
  private static String number(String text) {
    if (text.chars().anyMatch(c -> c > '~')) {
      throw new TemplateProblem("a number is not written in ASCII");
    }
    return Methods.strip(text, " \t\n\u000b\f\r");
  }

  private static Object real(Object value, Arguments arguments) {
    Arguments bound = arguments.bind("default?");
    return real(value, bound, bound.get("default", 0.0));
  }

  private static Object real(Object value, Arguments arguments, Object otherwise) {
    if (value instanceof Undefined undefined) {
      throw new TemplateProblem(undefined.why());
    }
    if (value instanceof String text) {
      String digits = number(text);
      if (digits.toLowerCase(Locale.ROOT).matches("[+-]?(nan|inf|infinity)|.*\\d_\\d.*")) {
        throw new TemplateProblem(arguments.of() + " does not support '" + digits + "'");
      }
      return REAL.matcher(digits).matches() ? (Object) Double.valueOf(digits) : otherwise;
    }
    return Python.isNumber(value) ? (Object) Python.number(value) : otherwise;
  }
}
