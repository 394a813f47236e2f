package io.promptgrad.lm.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Attributes, items and slices. */
final class Access {

  private Access() {}

  /** {@code owner.name} */
  static Object attribute(Object owner, String name) {
    requireDefined(owner);
    Object own = own(owner, name);
    if (own != null) {
      return own;
    }
    return owner instanceof Map<?, ?> map && map.containsKey(name)
        ? map.get(name)
        : Undefined.of(owner, name);
  }

  /** {@code owner[key]} */
  static Object item(Object owner, Object key) {
    requireDefined(owner);
    if (owner instanceof Map<?, ?> map && map.containsKey(Python.key(key))) {
      return map.get(Python.key(key));
    }
    Long index = Python.index(key);
    if (index != null) {
      Object item = at(owner, index);
      if (item != owner) {
        return item;
      }
    }
    Object own = key instanceof String name ? own(owner, name) : null;
    return own == null ? Undefined.of(owner, key) : own;
  }

  /** The item at an index; the owner itself if there is none. */
  private static Object at(Object owner, long index) {
    int length = Python.knownLength(owner);
    long place = index < 0 ? index + length : index;
    if (place < 0 || place >= length) {
      return owner;
    }
    if (owner instanceof Sequence sequence && sequence.hasIndex()) {
      return sequence.items().get((int) place);
    }
    if (owner instanceof String text) {
      int start = text.offsetByCodePoints(0, (int) place);
      return Character.toString(text.codePointAt(start));
    }
    return owner;
  }

  /** A method or attribute that the kind of value has; null if there is none. */
  private static Object own(Object owner, String name) {
    if (owner instanceof Namespace namespace) {
      return namespace.get(name);
    }
    if (owner instanceof Loop loop) {
      return loop.attribute(name);
    }
    return Methods.of(owner, name);
  }

  private static void requireDefined(Object owner) {
    if (owner instanceof Undefined undefined) {
      throw new TemplateProblem(undefined.why());
    }
  }

  /** {@code owner[start:stop:step]}; null stands for what was left out. */
  static Object slice(Work work, Object owner, Object start, Object stop, Object step) {
    requireDefined(owner);
    boolean text = owner instanceof String;
    if (!text && !(owner instanceof Sequence sequence && sequence.hasIndex())) {
      throw new TemplateProblem(Python.typeOf(owner) + " cannot be sliced");
    }
    int length = Python.knownLength(owner);
    long by = bound(step, 1);
    if (by == 0) {
      throw new TemplateProblem("the step of a slice is 0");
    }
    // Python's rules: an open end lies beyond the last item in the direction of the step.
    long lowest = by > 0 ? 0 : -1;
    long highest = by > 0 ? length : length - 1L;
    long from = start == null ? (by > 0 ? lowest : highest) : clip(start, length, lowest, highest);
    long to = stop == null ? (by > 0 ? highest : lowest) : clip(stop, length, lowest, highest);
    if (text) {
      int[] characters = ((String) owner).codePoints().toArray();
      StringBuilder taken = new StringBuilder();
      for (long i = from; by > 0 ? i < to : i > to; i += by) {
        taken.appendCodePoint(characters[(int) i]);
      }
      work.spend(characters.length);
      return taken.toString();
    }
    Sequence sequence = (Sequence) owner;
    List<Object> taken = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      taken.add(sequence.items().get((int) i));
    }
    work.spend(taken.size());
    return new Sequence(sequence.kind(), taken);
  }

  private static long clip(Object bound, int length, long lowest, long highest) {
    long index = bound(bound, 0);
    return Math.max(lowest, Math.min(highest, index < 0 ? index + length : index));
  }

  /** Large ones are as good as the largest length; none stands for what was left out. */
  private static long bound(Object bound, long otherwise) {
    if (bound == null) {
      return otherwise;
    }
    Long index = Python.index(bound);
    if (index == null) {
      throw new TemplateProblem("a slice needs whole numbers, not " + Python.typeOf(bound));
    }
    return Math.max(-Integer.MAX_VALUE, Math.min(Integer.MAX_VALUE, index));
  }
}
