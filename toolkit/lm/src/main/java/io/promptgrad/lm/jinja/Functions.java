package io.promptgrad.lm.jinja;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The functions that every template sees. */
final class Functions {

  private static final int LONGEST_RANGE = 100_000;

  private Functions() {}

  static void define(Scope scope) {
    scope.set("range", (Callable) Functions::range);
    scope.set("dict", (Callable) (in, arguments) -> dict(arguments));
    scope.set("namespace", (Callable) (in, arguments) -> namespace(arguments));
    scope.set("raise_exception", (Callable) Functions::raiseException);
    scope.set("strftime_now", (Callable) Functions::now);
  }

  private static Object raiseException(Rendering in, Arguments arguments) {
    String message = Python.text(in.work(), arguments.bind("message").get("message"));
    throw new TemplateProblem("the template says: " + message);
  }

  private static Object range(Rendering in, Arguments arguments) {
    long[] bounds = new long[3];
    int given = arguments.positional().size();
    if (given < 1 || given > 3 || !arguments.named().isEmpty()) {
      throw new TemplateProblem("range() takes one to three whole numbers");
    }
    for (int i = 0; i < given; i++) {
      Long bound = Python.index(arguments.positional().get(i));
      if (bound == null || Math.abs(bound) > Integer.MAX_VALUE) {
        throw new TemplateProblem("range() takes one to three whole numbers");
      }
      bounds[i] = bound;
    }
    long start = given == 1 ? 0 : bounds[0];
    long stop = given == 1 ? bounds[0] : bounds[1];
    long step = given == 3 ? bounds[2] : 1;
    if (step == 0) {
      throw new TemplateProblem("the step of range() is 0");
    }
    List<Object> items = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      if (items.size() == LONGEST_RANGE) {
        throw new TemplateProblem("a range has more than " + LONGEST_RANGE + " numbers");
      }
      items.add(i);
    }
    in.work().spend(items.size());
    return new Sequence(Sequence.Kind.RANGE, items);
  }

  /** Pairs or a mapping, then names with values. */
  private static Map<Object, Object> dict(Arguments arguments) {
    Map<Object, Object> map = new LinkedHashMap<>();
    if (arguments.positional().size() > 1) {
      throw new TemplateProblem(arguments.of() + " takes at most one value without a name");
    }
    for (Object from : arguments.positional()) {
      if (from instanceof Map<?, ?> other) {
        map.putAll(other);
        continue;
      }
      for (Iterator<Object> pairs = Python.iterate(from); pairs.hasNext(); ) {
        Iterator<Object> pair = Python.iterate(pairs.next());
        Object key = pair.hasNext() ? Python.key(pair.next()) : null;
        if (!(key instanceof String || key instanceof Long) || !pair.hasNext()) {
          throw new TemplateProblem(arguments.of() + " takes pairs of a name and a value");
        }
        map.put(key, pair.next());
        if (pair.hasNext()) {
          throw new TemplateProblem(arguments.of() + " takes pairs of a name and a value");
        }
      }
    }
    map.putAll(arguments.named());
    return map;
  }

  private static Namespace namespace(Arguments arguments) {
    Namespace namespace = new Namespace();
    dict(arguments).forEach((name, value) -> namespace.set(String.valueOf(name), value));
    return namespace;
  }

  // ------------------------------------------------------------------ strftime_now

  private static Object now(Rendering in, Arguments arguments) {
    String format = arguments.bind("format").text("format");
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%') {
        text.append(c);
        continue;
      }
      boolean bare = format.startsWith("-", i + 1); // no leading zero
      i += bare ? 2 : 1;
      text.append(field(in.now(), i < format.length() ? format.charAt(i) : ' ', bare));
    }
    return in.work().made(text.toString());
  }

  private static String field(LocalDateTime now, char field, boolean bare) {
    String pattern =
        switch (field) {
          case 'Y' -> "uuuu";
          case 'y' -> "uu";
          case 'm' -> bare ? "M" : "MM";
          case 'd' -> bare ? "d" : "dd";
          case 'H' -> bare ? "H" : "HH";
          case 'I' -> bare ? "h" : "hh";
          case 'M' -> bare ? "m" : "mm";
          case 'S' -> bare ? "s" : "ss";
          case 'j' -> bare ? "D" : "DDD";
          case 'b' -> "MMM";
          case 'B' -> "MMMM";
          case 'a' -> "EEE";
          case 'A' -> "EEEE";
          case 'p' -> "a";
          case '%' -> "'%'";
          default -> throw new TemplateProblem("strftime_now() does not support '%" + field + "'");
        };
    return now.format(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH));
  }
}
