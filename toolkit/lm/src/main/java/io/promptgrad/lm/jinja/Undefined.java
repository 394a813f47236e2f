package io.promptgrad.lm.jinja;

/**
 * The value of what is not there. It is written as nothing and counts as false and as empty;
 * anything else that is done to it fails.
 *
 * @param why a clause such as "'x' is undefined"
 */
record Undefined(String why) {

  static Undefined name(String name) {
    return new Undefined("'" + name + "' is undefined");
  }

  /** A missing attribute or item. */
  static Undefined of(Object owner, Object key) {
    String shown = key instanceof String || key instanceof Long ? "'" + key + "'" : "such an index";
    return new Undefined(Python.typeOf(owner) + " has no " + shown);
  }
}
