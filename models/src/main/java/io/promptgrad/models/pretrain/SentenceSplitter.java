package io.promptgrad.models.pretrain;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a paragraph into sentences, so that a contaminated sentence costs a sentence and not the
 * paragraph. The pieces, joined by single blanks, are the paragraph again.
 *
 * <p>A sentence ends at {@code . ! ?} (with closing quotes or brackets) before a blank, if the mark
 * stands alone (tokenised text) or if what follows does not start in lower case and the mark does
 * not belong to a title or an initial. A piece without a word joins the one before it.
 */
final class SentenceSplitter {

  private static final Pattern END = Pattern.compile("[.!?]+[\"')\\]]*\\s+");
  private static final Set<String> TITLES =
      Set.of("mr", "mrs", "ms", "dr", "st", "prof", "gen", "col", "capt", "rev", "no", "vs", "jr");

  private SentenceSplitter() {}

  static List<String> split(String paragraph) {
    List<String> sentences = new ArrayList<>();
    Matcher end = END.matcher(paragraph);
    int start = 0;
    while (end.find()) {
      if (end.end() < paragraph.length() && ends(paragraph, start, end)) {
        add(sentences, paragraph.substring(start, end.end()).strip());
        start = end.end();
      }
    }
    if (start < paragraph.length()) {
      add(sentences, paragraph.substring(start).strip());
    }
    return sentences;
  }

  private static boolean ends(String text, int start, Matcher end) {
    int mark = end.start();
    if (mark == 0 || Character.isWhitespace(text.charAt(mark - 1))) {
      return true; // tokenised text: the mark is a token of its own
    }
    int next = text.codePointAt(end.end());
    if (Character.isLowerCase(next)) {
      return false;
    }
    if (text.charAt(mark) != '.') {
      return true;
    }
    int word = mark;
    while (word > start && Character.isLetter(text.charAt(word - 1))) {
      word--;
    }
    String last = text.substring(word, mark);
    boolean initial = last.length() == 1 && Character.isUpperCase(last.charAt(0));
    return !initial && !TITLES.contains(last.toLowerCase(Locale.ROOT));
  }

  private static void add(List<String> sentences, String piece) {
    if (piece.isEmpty()) {
      return;
    }
    if (!sentences.isEmpty() && piece.chars().noneMatch(Character::isLetterOrDigit)) {
      sentences.set(sentences.size() - 1, sentences.get(sentences.size() - 1) + " " + piece);
    } else {
      sentences.add(piece);
    }
  }
}
