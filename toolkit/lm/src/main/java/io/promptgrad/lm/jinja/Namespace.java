package io.promptgrad.lm.jinja;

import java.util.HashMap;
import java.util.Map;

/** What {@code namespace()} gives: the one thing whose attributes a template can set. */
final class Namespace {

  private final Map<String, Object> attributes = new HashMap<>();

  void set(String name, Object value) {
    attributes.put(name, value);
  }

  Object get(String name) {
    return attributes.containsKey(name) ? attributes.get(name) : Undefined.of(this, name);
  }
}
