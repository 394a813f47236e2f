package io.promptgrad.lm.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Values as Python's {@code json.dumps} writes them.
 *
 * @param indent what a level is indented by; null: all on one line
 */
record JsonText(
    Work work,
    String indent,
    String itemSeparator,
    String keySeparator,
    boolean ascii,
    boolean sorted) {

  /** The filter {@code tojson}, with the arguments that transformers gives it. */
  static String filter(Rendering in, Object value, Arguments arguments) {
    Arguments bound = arguments.bind("ensure_ascii?", "indent?", "separators?", "sort_keys?");
    String indent = null;
    if (bound.get("indent") instanceof String text) {
      indent = text;
    } else if (bound.get("indent") != null) {
      indent = " ".repeat(Math.max(0, Math.min(1000, bound.whole("indent", 0))));
    }
    String item = indent == null ? ", " : ",";
    String key = ": ";
    if (bound.get("separators") != null) {
      List<Object> both = Python.items(in.work(), bound.get("separators"));
      if (both.size() != 2
          || !(both.get(0) instanceof String first)
          || !(both.get(1) instanceof String second)) {
        throw new TemplateProblem("the filter 'tojson' takes two texts as separators");
      }
      item = first;
      key = second;
    }
    StringBuilder text = new StringBuilder();
    new JsonText(
            in.work(),
            indent,
            item,
            key,
            bound.truth("ensure_ascii", false),
            bound.truth("sort_keys", false))
        .write(value, 0, text);
    return text.toString();
  }

  private void write(Object value, int depth, StringBuilder into) {
    work.spend(1);
    if (value == null || value instanceof Boolean || value instanceof Long) {
      into.append(value);
    } else if (value instanceof Double number) {
      into.append(number(number));
    } else if (value instanceof String text) {
      quote(text, into);
    } else if (value instanceof Map<?, ?> map) {
      List<Object> keys = new ArrayList<>(map.keySet());
      if (sorted) {
        keys.sort((a, b) -> Python.compare(work, a, b));
      }
      into.append('{');
      for (int i = 0; i < keys.size(); i++) {
        separate(i, depth + 1, into);
        quote(String.valueOf(keys.get(i)), into);
        into.append(keySeparator);
        write(map.get(keys.get(i)), depth + 1, into);
      }
      end(keys.size(), depth, into);
      into.append('}');
    } else if (value instanceof Sequence sequence
        && (sequence.is(Sequence.Kind.LIST) || sequence.is(Sequence.Kind.TUPLE))) {
      into.append('[');
      for (int i = 0; i < sequence.items().size(); i++) {
        separate(i, depth + 1, into);
        write(sequence.items().get(i), depth + 1, into);
      }
      end(sequence.items().size(), depth, into);
      into.append(']');
    } else {
      throw new TemplateProblem(Python.typeOf(value) + " cannot be written as JSON");
    }
  }

  private void separate(int index, int depth, StringBuilder into) {
    into.append(index == 0 ? "" : itemSeparator);
    work.spend(itemSeparator.length());
    lineFeed(depth, into);
  }

  private void end(int items, int depth, StringBuilder into) {
    if (items > 0) {
      lineFeed(depth, into);
    }
  }

  private void lineFeed(int depth, StringBuilder into) {
    if (indent != null) {
      work.spend(Operators.product(depth, indent.length()));
      into.append('\n').append(indent.repeat(depth));
    }
  }

  private static String number(double number) {
    if (Double.isNaN(number)) {
      return "NaN";
    }
    return Double.isInfinite(number)
        ? (number > 0 ? "Infinity" : "-Infinity")
        : Python.digits(number);
  }

  private void quote(String text, StringBuilder into) {
    work.spend(text.length());
    into.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> into.append("\\\"");
        case '\\' -> into.append("\\\\");
        case '\n' -> into.append("\\n");
        case '\r' -> into.append("\\r");
        case '\t' -> into.append("\\t");
        case '\b' -> into.append("\\b");
        case '\f' -> into.append("\\f");
        default -> {
          if (c < ' ' || (ascii && c > '~')) {
            into.append("\\u%04x".formatted((int) c));
          } else {
            into.append(c);
          }
        }
      }
    }
    into.append('"');
  }
}
