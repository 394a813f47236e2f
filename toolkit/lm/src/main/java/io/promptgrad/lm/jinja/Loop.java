package io.promptgrad.lm.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * The variable {@code loop} of a for block. As in Jinja2, items are taken one by one and looked at
 * ahead only when {@code last}, {@code nextitem} or {@code length} is asked for.
 */
final class Loop {

  private Iterator<Object> items;
  private int length; // -1: not known yet
  private int index; // of the item under way, from 1
  private boolean peeked;
  private Object after;
  private Object current;
  private Object before = new Undefined("there is no item before the first");
  private Object changedTo; // null: nothing yet; else a list

  Loop(Iterator<Object> items, int length) {
    this.items = items;
    this.length = length;
  }

  boolean hasNext() {
    return peeked || items.hasNext();
  }

  Object next() {
    if (index > 0) {
      before = current;
    }
    current = peeked ? after : items.next();
    peeked = false;
    index++;
    return current;
  }

  private boolean hasAfter() {
    if (!peeked && items.hasNext()) {
      after = items.next();
      peeked = true;
    }
    return peeked;
  }

  private long length() {
    if (length < 0) {
      List<Object> rest = new ArrayList<>();
      items.forEachRemaining(rest::add);
      items = rest.iterator();
      length = rest.size() + index + (peeked ? 1 : 0);
    }
    return length;
  }

  /** An attribute; null if it has none of that name. */
  Object attribute(String name) {
    return switch (name) {
      case "index" -> (long) index;
      case "index0" -> (long) index - 1;
      case "revindex" -> length() - index + 1;
      case "revindex0" -> length() - index;
      case "first" -> index == 1;
      case "last" -> !hasAfter();
      case "length" -> length();
      case "depth" -> 1L; // counts recursive loops, which are not supported
      case "depth0" -> 0L;
      case "previtem" -> before;
      case "nextitem" -> hasAfter() ? after : new Undefined("there is no item after the last");
      case "cycle" -> (Callable) (in, arguments) -> cycle(arguments);
      case "changed" -> (Callable) (in, arguments) -> changed(in, arguments);
      default -> null;
    };
  }

  private Object cycle(Arguments arguments) {
    List<Object> choices = arguments.positional();
    if (choices.isEmpty()) {
      throw new TemplateProblem("loop.cycle() needs something to choose from");
    }
    return choices.get((index - 1) % choices.size());
  }

  private boolean changed(Rendering in, Arguments arguments) {
    Object now = Sequence.list(arguments.positional());
    boolean changed = changedTo == null || !Python.equal(in.work(), changedTo, now);
    changedTo = now;
    return changed;
  }
}
