package io.promptgrad.lm.jinja;

import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The names that a scope of a template reads and sets, in the order in which they are written.
 *
 * <p>Jinja2 decides for a whole scope what a name means: one that the scope sets before it reads it
 * is its own from the beginning, and undefined until it is set. Blocks inside that read it earlier
 * then do not see a variable of that name that the template was given. A name that is set in an
 * {@code if} only is not decided by that.
 */
final class Frame {

  private final Frame around;
  private final Set<String> seen = new HashSet<>();
  private final Set<String> readInside = new HashSet<>();
  private final Set<String> setAfterThat = new LinkedHashSet<>();
  private int conditions;

  Frame(Frame around) {
    this.around = around;
  }

  Frame around() {
    return around;
  }

  /**
   * The names that are undefined when the scope begins, whatever the template was given; known when
   * the whole template has been read.
   */
  List<String> undefined() {
    return setAfterThat.stream().filter(name -> around == null || !around.isSeen(name)).toList();
  }

  void enterCondition() {
    conditions++;
  }

  void leaveCondition() {
    conditions--;
  }

  /** A name that the scope has from its beginning, such as a parameter. */
  void declare(String name) {
    seen.add(name);
  }

  void read(String name) {
    if (!isSeen(name)) {
      seen.add(name);
      for (Frame frame = around; frame != null; frame = frame.around) {
        frame.readInside.add(name);
      }
    }
  }

  void set(String name) {
    if (!isSeen(name) && conditions == 0 && readInside.contains(name)) {
      setAfterThat.add(name);
    }
    seen.add(name);
  }

  private boolean isSeen(String name) {
    for (Frame frame = this; frame != null; frame = frame.around) {
      if (frame.seen.contains(name)) {
        return true;
      }
    }
    return false;
  }
}
