package io.promptgrad.lm.jinja;

import static java.util.Map.entry;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The methods of texts, lists and mappings, as far as they change nothing. */
final class Methods {

  private interface Method<T> {
    Object call(Rendering in, T self, Arguments arguments);
  }

  private static final Set<String> CHANGING =
      Set.of(
          "append",
          "extend",
          "insert",
          "remove",
          "sort",
          "reverse",
          "pop",
          "clear",
          "update",
          "setdefault",
          "popitem");

  /** Where {@code splitlines} ends a line. */
  private static final Pattern LINE_END =
      Pattern.compile("\r\n|[\n\r\u000b\f\u001c-\u001e\u0085\u2028\u2029]");

  private static final Pattern FIELD = Pattern.compile("\\{\\{|\\}\\}|\\{(\\w*)\\}");

  private static final Map<String, Method<String>> TEXT =
      Map.ofEntries(
          entry("strip", (in, s, a) -> strip(s, a, true, true)),
          entry("lstrip", (in, s, a) -> strip(s, a, true, false)),
          entry("rstrip", (in, s, a) -> strip(s, a, false, true)),
          entry("startswith", (in, s, a) -> affix(s, a, true)),
          entry("endswith", (in, s, a) -> affix(s, a, false)),
          entry("removeprefix", (in, s, a) -> withoutPrefix(s, a.bind("prefix").text("prefix"))),
          entry("removesuffix", (in, s, a) -> withoutSuffix(s, a.bind("suffix").text("suffix"))),
          entry("split", (in, s, a) -> split(in.work(), s, a, true)),
          entry("rsplit", (in, s, a) -> split(in.work(), s, a, false)),
          entry("splitlines", (in, s, a) -> splitLines(in.work(), s, a)),
          entry("partition", (in, s, a) -> partition(s, a, true)),
          entry("rpartition", (in, s, a) -> partition(s, a, false)),
          entry("replace", Methods::replace),
          entry("join", Methods::join),
          entry("format", Methods::format),
          entry("find", (in, s, a) -> find(s, a, true)),
          entry("rfind", (in, s, a) -> find(s, a, false)),
          entry("index", (in, s, a) -> found(find(s, a, true))),
          entry("rindex", (in, s, a) -> found(find(s, a, false))),
          entry("count", (in, s, a) -> count(s, a.bind("sub").text("sub"))),
          entry("upper", (in, s, a) -> plain(a, s.toUpperCase(Locale.ROOT))),
          entry("lower", (in, s, a) -> plain(a, s.toLowerCase(Locale.ROOT))),
          entry("capitalize", (in, s, a) -> plain(a, capitalized(s))),
          entry("title", (in, s, a) -> plain(a, title(s))),
          entry("swapcase", (in, s, a) -> plain(a, swapped(s))),
          entry("isdigit", (in, s, a) -> plain(a, all(s, Character::isDigit))),
          entry("isalpha", (in, s, a) -> plain(a, all(s, Character::isLetter))),
          entry("isalnum", (in, s, a) -> plain(a, all(s, Character::isLetterOrDigit))),
          entry("isspace", (in, s, a) -> plain(a, all(s, Python::isSpace))),
          entry("isupper", (in, s, a) -> plain(a, isUpper(s))),
          entry("islower", (in, s, a) -> plain(a, isLower(s))),
          entry("zfill", (in, s, a) -> zeros(in.work(), s, a.bind("width").whole("width", 0))));

  private static final Map<String, Method<Sequence>> LIST =
      Map.of(
          "index",
          (in, list, a) -> place(in.work(), list, a.bind("value").get("value")),
          "count",
          (in, list, a) -> occurrences(in.work(), list, a.bind("value").get("value")));

  private static final Map<String, Method<Map<?, ?>>> MAPPING =
      Map.of(
          "get", (in, map, a) -> get(map, a.bind("key", "default?")),
          "items", (in, map, a) -> plain(a, items(map)),
          "keys", (in, map, a) -> plain(a, view(new ArrayList<>(map.keySet()))),
          "values", (in, map, a) -> plain(a, view(new ArrayList<>(map.values()))),
          "copy", (in, map, a) -> plain(a, map));

  private Methods() {}

  /** A method bound to its value; null if the value has none of that name. */
  static Callable of(Object owner, String name) {
    if (owner instanceof String text) {
      return bound(TEXT.get(name), text);
    }
    if (owner instanceof Sequence sequence && sequence.hasIndex()) {
      return sequence.is(Sequence.Kind.LIST) && CHANGING.contains(name)
          ? refused(name)
          : bound(LIST.get(name), sequence);
    }
    if (owner instanceof Map<?, ?> map) {
      return CHANGING.contains(name) && !map.containsKey(name)
          ? refused(name)
          : bound(MAPPING.get(name), map);
    }
    return null;
  }

  private static <T> Callable bound(Method<T> method, T self) {
    return method == null ? null : (in, arguments) -> method.call(in, self, arguments);
  }

  private static Callable refused(String name) {
    return (in, arguments) -> {
      throw new TemplateProblem("'" + name + "' would change a value, which no template may");
    };
  }

  /** The result of a method that takes no arguments. */
  private static Object plain(Arguments arguments, Object result) {
    arguments.bind();
    return result;
  }

  // ------------------------------------------------------------------ texts

  private static Object strip(String text, Arguments arguments, boolean left, boolean right) {
    Arguments bound = arguments.bind("chars?");
    return bound.get("chars") == null
        ? strip(text, Python::isSpace, left, right)
        : strip(text, any(bound.text("chars")), left, right);
  }

  static String strip(String text) {
    return strip(text, Python::isSpace, true, true);
  }

  static String strip(String text, String characters) {
    return strip(text, any(characters), true, true);
  }

  private static IntPredicate any(String characters) {
    return c -> characters.indexOf(c) >= 0;
  }

  private static String strip(String text, IntPredicate goes, boolean left, boolean right) {
    int start = 0;
    int end = text.length();
    while (left && start < end && goes.test(text.codePointAt(start))) {
      start += Character.charCount(text.codePointAt(start));
    }
    while (right && start < end && goes.test(text.codePointBefore(end))) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(start, end);
  }

  private static Object affix(String text, Arguments arguments, boolean front) {
    Object given = arguments.bind("prefix").get("prefix");
    List<Object> affixes =
        given instanceof Sequence several && several.is(Sequence.Kind.TUPLE)
            ? several.items()
            : Collections.singletonList(given);
    for (Object affix : affixes) {
      if (!(affix instanceof String part)) {
        throw new TemplateProblem("%s needs a text or a tuple of texts".formatted(arguments.of()));
      }
      if (front ? text.startsWith(part) : text.endsWith(part)) {
        return true;
      }
    }
    return false;
  }

  private static String withoutPrefix(String text, String prefix) {
    return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
  }

  private static String withoutSuffix(String text, String suffix) {
    return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
  }

  private static Object split(Work work, String text, Arguments arguments, boolean fromLeft) {
    Arguments bound = arguments.bind("sep?", "maxsplit?");
    int most = bound.whole("maxsplit", -1);
    long limit = most < 0 ? Long.MAX_VALUE : most;
    List<Object> parts = new ArrayList<>();
    if (bound.get("sep") == null) {
      splitAtBlanks(text, limit, fromLeft, parts);
    } else {
      String separator = bound.text("sep");
      if (separator.isEmpty()) {
        throw new TemplateProblem(arguments.of() + " needs a separator that is not empty");
      }
      splitAt(text, separator, limit, fromLeft, parts);
    }
    if (!fromLeft) {
      Collections.reverse(parts);
    }
    work.spend(text.length() + (long) parts.size());
    return Sequence.list(parts);
  }

  private static void splitAt(
      String text, String separator, long limit, boolean fromLeft, List<Object> parts) {
    int start = 0;
    int end = text.length();
    while (parts.size() < limit) {
      int cut =
          fromLeft
              ? text.indexOf(separator, start)
              : text.lastIndexOf(separator, end - separator.length());
      if (cut < start || (!fromLeft && cut > end - separator.length())) {
        break;
      }
      if (fromLeft) {
        parts.add(text.substring(start, cut));
        start = cut + separator.length();
      } else {
        parts.add(text.substring(cut + separator.length(), end));
        end = cut;
      }
    }
    parts.add(text.substring(start, end));
  }

  private static void splitAtBlanks(String text, long limit, boolean fromLeft, List<Object> parts) {
    String rest = strip(text, Python::isSpace, fromLeft, !fromLeft);
    while (!rest.isEmpty()) {
      int cut = parts.size() < limit ? blank(rest, fromLeft) : -1;
      if (cut < 0) {
        parts.add(rest);
        return;
      }
      parts.add(fromLeft ? rest.substring(0, cut) : rest.substring(cut + 1));
      rest = fromLeft ? rest.substring(cut) : rest.substring(0, cut + 1);
      rest = strip(rest, Python::isSpace, fromLeft, !fromLeft);
    }
  }

  /** The first or last white space; -1 if there is none. No such character takes two chars. */
  private static int blank(String text, boolean first) {
    for (int i = 0; i < text.length(); i++) {
      int at = first ? i : text.length() - 1 - i;
      if (Python.isSpace(text.charAt(at))) {
        return at;
      }
    }
    return -1;
  }

  private static Object splitLines(Work work, String text, Arguments arguments) {
    boolean keep = arguments.bind("keepends?").truth("keepends", false);
    List<Object> lines = new ArrayList<>(lines(text, keep));
    work.spend(text.length() + (long) lines.size());
    return Sequence.list(lines);
  }

  static List<String> lines(String text, boolean keepEnds) {
    List<String> lines = new ArrayList<>();
    Matcher end = LINE_END.matcher(text);
    int start = 0;
    while (end.find()) {
      lines.add(text.substring(start, keepEnds ? end.end() : end.start()));
      start = end.end();
    }
    if (start < text.length()) {
      lines.add(text.substring(start));
    }
    return lines;
  }

  private static Object partition(String text, Arguments arguments, boolean first) {
    String separator = arguments.bind("sep").text("sep");
    if (separator.isEmpty()) {
      throw new TemplateProblem(arguments.of() + " needs a separator that is not empty");
    }
    int cut = first ? text.indexOf(separator) : text.lastIndexOf(separator);
    if (cut < 0) {
      return first ? Sequence.tuple(text, "", "") : Sequence.tuple("", "", text);
    }
    return Sequence.tuple(
        text.substring(0, cut), separator, text.substring(cut + separator.length()));
  }

  private static Object replace(Rendering in, String text, Arguments arguments) {
    Arguments bound = arguments.bind("old", "new", "count?");
    return replaced(
        in.work(), text, bound.text("old"), bound.text("new"), bound.whole("count", -1));
  }

  /** With at most {@code count} replacements; all if it is negative. */
  static String replaced(Work work, String text, String old, String by, int count) {
    long limit = count < 0 ? Long.MAX_VALUE : count;
    long times = Math.min(limit, old.isEmpty() ? text.length() + 1L : (long) count(text, old));
    work.spend(text.length() + Operators.product(times, by.length()));
    StringBuilder result = new StringBuilder();
    int at = 0;
    for (long i = 0; i < times; i++) {
      if (old.isEmpty()) {
        int next = at == text.length() ? at : text.offsetByCodePoints(at, 1);
        if (i > 0 && at == text.length()) {
          result.append(by); // behind the last character
          break;
        }
        result.append(by).append(text, at, next);
        at = next;
      } else {
        int found = text.indexOf(old, at);
        result.append(text, at, found).append(by);
        at = found + old.length();
      }
    }
    return result.append(text, at, text.length()).toString();
  }

  private static Object join(Rendering in, String separator, Arguments arguments) {
    StringBuilder text = new StringBuilder();
    String before = "";
    Iterator<Object> items = Python.iterate(arguments.bind("iterable").get("iterable"));
    while (items.hasNext()) {
      Object item = items.next();
      if (!(item instanceof String part)) {
        throw new TemplateProblem(
            "join() needs texts, not %s; the filter 'join' takes anything"
                .formatted(Python.typeOf(item)));
      }
      in.work().spend(before.length() + part.length() + 1L);
      text.append(before).append(part);
      before = separator;
    }
    return text.toString();
  }

  private static Object format(Rendering in, String text, Arguments arguments) {
    StringBuilder result = new StringBuilder();
    Matcher field = FIELD.matcher(text);
    int at = 0;
    int automatic = 0;
    while (field.find()) {
      requireNoBrace(text.substring(at, field.start()));
      result.append(text, at, field.start());
      at = field.end();
      String name = field.group(1);
      if (name == null) {
        result.append(field.group().charAt(0)); // a doubled brace
        continue;
      }
      Object value = new Undefined("");
      boolean known;
      if (name.isEmpty() || name.chars().allMatch(Character::isDigit)) {
        int index = name.isEmpty() ? automatic++ : name.length() > 3 ? 999 : Integer.parseInt(name);
        known = index < arguments.positional().size();
        value = known ? arguments.positional().get(index) : value;
      } else {
        known = arguments.has(name);
        value = arguments.get(name);
      }
      if (!known) {
        throw new TemplateProblem("format() was given nothing for '" + field.group() + "'");
      }
      result.append(in.work().made(Python.text(in.work(), value)));
    }
    requireNoBrace(text.substring(at));
    return in.work().made(result.append(text, at, text.length()).toString());
  }

  private static void requireNoBrace(String text) {
    if (text.indexOf('{') >= 0 || text.indexOf('}') >= 0) {
      throw new TemplateProblem("format() supports only fields such as {}, {0} and {name}");
    }
  }

  private static long find(String text, Arguments arguments, boolean first) {
    String part = arguments.bind("sub").text("sub");
    int at = first ? text.indexOf(part) : text.lastIndexOf(part);
    return at < 0 ? -1 : text.codePointCount(0, at);
  }

  private static Object found(long at) {
    if (at < 0) {
      throw new TemplateProblem("index() found no such text");
    }
    return at;
  }

  private static Object count(String text, String part) {
    if (part.isEmpty()) {
      return text.codePointCount(0, text.length()) + 1L;
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  static String capitalized(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.offsetByCodePoints(0, 1);
    return initial(text.codePointAt(0)) + text.substring(first).toLowerCase(Locale.ROOT);
  }

  private static String initial(int letter) {
    String upper = Character.toString(letter).toUpperCase(Locale.ROOT);
    return upper.codePointCount(0, upper.length()) == 1
        ? Character.toString(Character.toTitleCase(letter))
        : upper.substring(0, 1) + upper.substring(1).toLowerCase(Locale.ROOT);
  }

  private static String title(String text) {
    StringBuilder result = new StringBuilder();
    boolean[] inWord = {false};
    text.codePoints()
        .forEach(
            c -> {
              String letter = Character.toString(c);
              result.append(inWord[0] ? letter.toLowerCase(Locale.ROOT) : initial(c));
              inWord[0] = isCased(c);
            });
    return result.toString();
  }

  private static boolean isCased(int c) {
    return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
  }

  private static String swapped(String text) {
    StringBuilder result = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              String letter = Character.toString(c);
              result.append(
                  Character.isUpperCase(c)
                      ? letter.toLowerCase(Locale.ROOT)
                      : letter.toUpperCase(Locale.ROOT));
            });
    return result.toString();
  }

  private static boolean all(String text, IntPredicate predicate) {
    return !text.isEmpty() && text.codePoints().allMatch(predicate);
  }

  static boolean isUpper(String text) {
    return text.codePoints().anyMatch(Character::isUpperCase)
        && text.codePoints().noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
  }

  static boolean isLower(String text) {
    return text.codePoints().anyMatch(Character::isLowerCase)
        && text.codePoints().noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
  }

  private static Object zeros(Work work, String text, int width) {
    int missing = Math.max(0, width - text.codePointCount(0, text.length()));
    work.spend(missing);
    int sign = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    return text.substring(0, sign) + "0".repeat(missing) + text.substring(sign);
  }

  // ------------------------------------------------------------------ lists and mappings

  private static Object place(Work work, Sequence list, Object value) {
    for (int i = 0; i < list.items().size(); i++) {
      if (Python.equal(work, list.items().get(i), value)) {
        return (long) i;
      }
    }
    throw new TemplateProblem("index() found no such item");
  }

  private static Object occurrences(Work work, Sequence list, Object value) {
    return list.items().stream().filter(item -> Python.equal(work, item, value)).count();
  }

  private static Object get(Map<?, ?> map, Arguments arguments) {
    Object key = Python.key(arguments.get("key"));
    return map.containsKey(key) ? map.get(key) : arguments.get("default", null);
  }

  static Sequence items(Map<?, ?> map) {
    List<Object> items = new ArrayList<>(map.size());
    map.forEach(
        (key, value) -> items.add(new Sequence(Sequence.Kind.TUPLE, Arrays.asList(key, value))));
    return view(items);
  }

  private static Sequence view(List<Object> items) {
    return new Sequence(Sequence.Kind.VIEW, items);
  }
}
