package io.promptgrad.llm.optimizer;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Cuts an instruction into the parts that edits work on. */
final class Parts {

  private static final Pattern WORDS = Pattern.compile("\\S+");
  private static final Pattern SENTENCES = Pattern.compile("[^.!?]+[.!?]*");
  private static final Pattern PHRASES =
      Pattern.compile(
          "(?i)[^\\s,;:.!?]+(?:\\s+(?!(?:and|or|but|if|that|which|who|when|because|with|to|in|on|of|for|from|by|as|is|are)\\b)[^\\s,;:.!?]+)*[,;:.!?]*");

  private Parts() {}

  /** Returns the parts in their order, a list that may be changed. */
  static List<String> of(String text, GripsConfig.Level level) {
    Pattern pattern =
        switch (level) {
          case WORD -> WORDS;
          case PHRASE -> PHRASES;
          case SENTENCE -> SENTENCES;
        };
    List<String> parts = new ArrayList<>();
    Matcher part = pattern.matcher(text);
    while (part.find()) {
      if (!part.group().isBlank()) {
        parts.add(part.group().strip());
      }
    }
    return parts;
  }

  /** Lets the part at a place change places with another one. */
  static void swap(List<String> parts, int place, RandomGenerator random) {
    int other = (place + 1 + random.nextInt(parts.size() - 1)) % parts.size();
    String moved = parts.get(place);
    parts.set(place, parts.get(other));
    parts.set(other, moved);
  }
}
