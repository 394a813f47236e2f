package io.promptgrad.llm.parse;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The items of a list: {@code 1.}, {@code 1)}, {@code (1)}, {@code 1:}, {@code -} or {@code *}. */
public final class NumberedList {

  private static final Pattern NUMBER =
      Pattern.compile("^\\s*(?:\\*\\*)?\\(?\\d{1,3}[.):]\\s*(.*)$");
  private static final Pattern BULLET = Pattern.compile("^\\s*[-*\u2022]\\s+(.*)$");

  private NumberedList() {}

  /**
   * Returns the items, without the empty ones; a line without a mark belongs to the item before it,
   * an empty line ends it, and what stands before the first item is left out. If there is any
   * number, bullets are part of the items.
   */
  public static List<String> items(String text) {
    List<String> lines = text.lines().toList();
    boolean numbers = lines.stream().anyMatch(line -> NUMBER.matcher(line).matches());
    Pattern mark = numbers ? NUMBER : BULLET;
    List<String> items = new ArrayList<>();
    StringBuilder item = new StringBuilder();
    boolean within = false;
    for (String line : lines) {
      Matcher start = mark.matcher(line);
      if (start.matches()) {
        add(items, item);
        item.append(start.group(1));
        within = true;
      } else if (line.isBlank()) {
        within = false;
      } else if (within) {
        item.append('\n').append(line.strip());
      }
    }
    add(items, item);
    return items;
  }

  private static void add(List<String> items, StringBuilder item) {
    Tags.filled(item.toString()).ifPresent(items::add);
    item.setLength(0);
  }
}
