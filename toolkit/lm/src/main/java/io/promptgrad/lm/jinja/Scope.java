package io.promptgrad.lm.jinja;

import java.util.HashMap;
import java.util.Map;

/** The names that a place in the template sees: its own, then those around it. */
final class Scope {

  private final Scope around;
  private final Map<String, Object> names = new HashMap<>();

  /** An inner scope, or the outermost one if there is none around it. */
  Scope(Scope around) {
    this.around = around;
  }

  void set(String name, Object value) {
    names.put(name, value);
  }

  Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.around) {
      Object value = scope.names.get(name);
      if (value != null || scope.names.containsKey(name)) {
        return value; // null is Python's None
      }
    }
    return Undefined.name(name);
  }
}
