package io.promptgrad.lm.jinja;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a function, filter, test or method is called with.
 *
 * @param of its name, for messages
 */
record Arguments(String of, List<Object> positional, Map<String, Object> named) {

  static Arguments none(String of) {
    return new Arguments(of, List.of(), Map.of());
  }

  /**
   * Gives every argument its name.
   *
   * @param names those that the function knows, in order; an optional one ends in "?"
   */
  Arguments bind(String... names) {
    if (positional.size() > names.length) {
      throw new TemplateProblem(
          "%s takes at most %d arguments, not %d"
              .formatted(of, names.length, positional.size() + named.size()));
    }
    Map<String, Object> bound = new LinkedHashMap<>();
    for (int i = 0; i < names.length; i++) {
      boolean optional = names[i].endsWith("?");
      String name = optional ? names[i].substring(0, names[i].length() - 1) : names[i];
      if (i < positional.size()) {
        bound.put(name, positional.get(i));
      } else if (!optional && !named.containsKey(name)) {
        throw new TemplateProblem("%s lacks the argument '%s'".formatted(of, name));
      }
    }
    named.forEach(
        (name, value) -> {
          boolean known =
              Arrays.stream(names).anyMatch(n -> n.equals(name) || n.equals(name + "?"));
          if (!known) {
            throw new TemplateProblem("%s has no argument '%s'".formatted(of, name));
          }
          if (bound.containsKey(name)) {
            throw new TemplateProblem("%s gets the argument '%s' twice".formatted(of, name));
          }
          bound.put(name, value);
        });
    return new Arguments(of, List.of(), bound);
  }

  /** Without the first positional argument. */
  Arguments rest(String name) {
    return new Arguments(name, positional.subList(1, positional.size()), named);
  }

  boolean has(String name) {
    return named.containsKey(name);
  }

  Object get(String name) {
    return named.get(name);
  }

  Object get(String name, Object otherwise) {
    return named.containsKey(name) ? named.get(name) : otherwise;
  }

  /** A text; anything else is an error. */
  String text(String name) {
    if (named.get(name) instanceof String text) {
      return text;
    }
    throw new TemplateProblem(
        "%s needs a text as '%s', not %s".formatted(of, name, Python.typeOf(named.get(name))));
  }

  /** A whole number that fits into an int. */
  int whole(String name, int otherwise) {
    if (!has(name)) {
      return otherwise;
    }
    Long value = Python.index(named.get(name));
    if (value == null || value != value.intValue()) {
      throw new TemplateProblem("%s needs a whole number as '%s'".formatted(of, name));
    }
    return value.intValue();
  }

  boolean truth(String name, boolean otherwise) {
    return has(name) ? Python.truth(named.get(name)) : otherwise;
  }
}
