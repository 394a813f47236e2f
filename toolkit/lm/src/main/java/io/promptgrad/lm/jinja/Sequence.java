package io.promptgrad.lm.jinja;

import java.util.Arrays;
import java.util.List;

/** A list, or what Python tells from a list although it holds items in order as well. */
record Sequence(Kind kind, List<Object> items) {

  enum Kind {
    LIST,
    TUPLE,
    RANGE,
    /** The keys, values or items of a mapping: they can be counted, but have no index. */
    VIEW
  }

  static Sequence list(List<Object> items) {
    return new Sequence(Kind.LIST, items);
  }

  static Sequence tuple(Object... items) {
    return new Sequence(Kind.TUPLE, Arrays.asList(items));
  }

  boolean is(Kind wanted) {
    return kind == wanted;
  }

  boolean hasIndex() {
    return kind != Kind.VIEW;
  }
}
