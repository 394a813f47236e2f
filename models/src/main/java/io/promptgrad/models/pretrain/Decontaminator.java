package io.promptgrad.models.pretrain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Removes from training text every sentence that an evaluation set contains.
 *
 * <p>A sentence is dropped
 *
 * <ul>
 *   <li><b>as equal</b> if its normalised form (lower case, letters and digits only, so blanks and
 *       punctuation do not count) is that of an evaluation line or of a sentence in one. Forms of
 *       fewer than {@value #SHORTEST_EQUAL} words are not compared: "Yes." or "Thank you." prove
 *       nothing;
 *   <li><b>by a run</b> if it holds a word of any {@value #RUN} consecutive words of an evaluation
 *       line. Runs are sought through the whole document, so cutting it into sentences hides none,
 *       and every sentence that the run touches goes.
 * </ul>
 *
 * <p>Words are maximal sequences of letters and digits. Both sides are read twice, because sets
 * differ in how they write contractions: once as they stand ("don't" is {@code don t}) and once
 * with contractions joined ("don't", "do n't" and "dont" are all {@code dont}).
 *
 * <p>Only 64-bit hashes are kept: a rolling polynomial for runs, FNV-1a for whole forms. With some
 * 10^6 hashes and 10^7 look-ups the chance that one sentence is dropped by accident is about 10^-6.
 */
final class Decontaminator {

  /** Length of a run in words. */
  static final int RUN = 8;

  /** The shortest form, in words, that is compared as a whole. */
  static final int SHORTEST_EQUAL = 3;

  private static final long BASE = 0x9E3779B97F4A7C15L; // odd: powers never vanish modulo 2^64
  private static final long BASE_TO_RUN = power(BASE, RUN);
  private static final Pattern SPLIT_NOT = Pattern.compile("(?i)(?<=[a-z])\\s+(?=n['’`]t\\b)");
  private static final Pattern SPLIT_CLITIC =
      Pattern.compile("(?i)\\s+(?=['’`](?:s|re|ve|ll|d|m|t)\\b)");
  private static final Pattern APOSTROPHE = Pattern.compile("['’`]");
  private static final Pattern BRACKET_TOKEN = Pattern.compile("(?i)-[lr][rsc]b-");

  private final LongHashSet equal = new LongHashSet();
  private final LongHashSet runs = new LongHashSet();

  /**
   * What is left of a document and what went.
   *
   * @param lines the paragraphs without the dropped sentences; none is empty
   * @param sentences how many there were
   * @param droppedEqual how many were equal to an evaluation line
   * @param droppedRun how many of the others share a run
   */
  record Result(List<String> lines, int sentences, int droppedEqual, int droppedRun) {}

  /**
   * Adds a text (a sentence, a question, a passage of several lines) that training text must not
   * repeat: the whole, each line and each sentence as forms, the whole as runs.
   */
  void forbid(String text) {
    Set<String> forms = new LinkedHashSet<>();
    forms.add(text);
    text.lines()
        .forEach(
            line -> {
              forms.add(line);
              forms.addAll(SentenceSplitter.split(line));
            });
    for (boolean joined : new boolean[] {false, true}) {
      Words words = new Words();
      words.add(text, joined, 0);
      words.forEachRun((first, hash) -> runs.add(hash));
      for (String form : forms) {
        Words part = new Words();
        part.add(form, joined, 0);
        if (part.form().counts()) {
          equal.add(part.form().hash());
        }
      }
    }
  }

  /** How many different runs are forbidden. */
  int forbiddenRuns() {
    return runs.size();
  }

  /** How many different whole forms are forbidden. */
  int forbiddenForms() {
    return equal.size();
  }

  /**
   * Drops the contaminated sentences of a document's paragraphs. Taking a sentence out makes its
   * neighbours meet, which may complete a run, so this goes on until nothing more is found.
   */
  Result clean(List<String> paragraphs) {
    Result first = pass(paragraphs);
    Result all = first;
    for (Result last = first; last.droppedEqual + last.droppedRun > 0; ) {
      last = pass(last.lines);
      all =
          new Result(
              last.lines,
              first.sentences,
              all.droppedEqual + last.droppedEqual,
              all.droppedRun + last.droppedRun);
    }
    return all;
  }

  private Result pass(List<String> paragraphs) {
    List<String> sentences = new ArrayList<>();
    List<Integer> paragraphOf = new ArrayList<>();
    for (int p = 0; p < paragraphs.size(); p++) {
      for (String sentence : SentenceSplitter.split(paragraphs.get(p))) {
        sentences.add(sentence);
        paragraphOf.add(p);
      }
    }
    BitSet sameForm = new BitSet();
    BitSet sharesRun = new BitSet();
    for (boolean joined : new boolean[] {false, true}) {
      Words words = new Words();
      for (int s = 0; s < sentences.size(); s++) {
        words.add(sentences.get(s), joined, s);
        if (words.form().isIn(equal)) {
          sameForm.set(s);
        }
      }
      words.forEachRun(
          (firstWord, hash) -> {
            if (runs.contains(hash)) {
              int lastWord = firstWord + RUN - 1;
              sharesRun.set(words.sentenceOf(firstWord), words.sentenceOf(lastWord) + 1);
            }
          });
    }
    sharesRun.andNot(sameForm);
    return new Result(
        remaining(sentences, paragraphOf, sameForm, sharesRun),
        sentences.size(),
        sameForm.cardinality(),
        sharesRun.cardinality());
  }

  private static List<String> remaining(
      List<String> sentences, List<Integer> paragraphOf, BitSet sameForm, BitSet sharesRun) {
    List<String> lines = new ArrayList<>();
    int last = -1;
    for (int s = 0; s < sentences.size(); s++) {
      if (sameForm.get(s) || sharesRun.get(s)) {
        continue;
      }
      if (paragraphOf.get(s) == last) {
        lines.set(lines.size() - 1, lines.get(lines.size() - 1) + " " + sentences.get(s));
      } else {
        lines.add(sentences.get(s));
        last = paragraphOf.get(s);
      }
    }
    return lines;
  }

  private static long power(long base, int exponent) {
    long result = 1;
    for (int i = 0; i < exponent; i++) {
      result *= base;
    }
    return result;
  }

  /** Receives the index of a run's first word and the run's hash. */
  private interface RunSink {
    void accept(int first, long hash);
  }

  /** The hash of a sentence's letters and digits, if it has enough words to mean something. */
  private record Form(int words, long hash) {
    boolean counts() {
      return words >= SHORTEST_EQUAL;
    }

    boolean isIn(LongHashSet forms) {
      return counts() && forms.contains(hash);
    }
  }

  /** The words of a text as hashes, each with the number of the sentence that it stands in. */
  private static final class Words {
    private static final long FNV_OFFSET = 0xcbf29ce484222325L;
    private static final long FNV_PRIME = 0x100000001b3L;

    private long[] hashes = new long[64];
    private int[] sentences = new int[64];
    private int size;
    private Form form = new Form(0, 0);

    void add(String text, boolean joined, int sentence) {
      String readable = joined ? joinContractions(text) : text;
      if (readable.indexOf('-') >= 0) {
        readable = BRACKET_TOKEN.matcher(readable).replaceAll(" "); // treebank "-lrb-" is "("
      }
      long whole = FNV_OFFSET;
      long word = FNV_OFFSET;
      int before = size;
      for (int i = 0; i < readable.length(); ) {
        int c = readable.codePointAt(i);
        i += Character.charCount(c);
        if (Character.isLetterOrDigit(c)) {
          int lower = Character.toLowerCase(c);
          whole = (whole ^ lower) * FNV_PRIME;
          word = (word ^ lower) * FNV_PRIME;
        } else if (word != FNV_OFFSET) {
          push(word, sentence);
          word = FNV_OFFSET;
        }
      }
      if (word != FNV_OFFSET) {
        push(word, sentence);
      }
      form = new Form(size - before, LongHashSet.mix(whole));
    }

    /** The form of the text that was added last. */
    Form form() {
      return form;
    }

    int sentenceOf(int word) {
      return sentences[word];
    }

    /**
     * H(i) = sum over j below RUN of h(i + j) B^(RUN - 1 - j), modulo 2^64, rolled word by word.
     */
    void forEachRun(RunSink sink) {
      long hash = 0;
      for (int i = 0; i < size; i++) {
        hash = hash * BASE + hashes[i];
        if (i >= RUN) {
          hash -= hashes[i - RUN] * BASE_TO_RUN;
        }
        if (i >= RUN - 1) {
          sink.accept(i - RUN + 1, hash);
        }
      }
    }

    private void push(long hash, int sentence) {
      if (size == hashes.length) {
        hashes = Arrays.copyOf(hashes, size * 2);
        sentences = Arrays.copyOf(sentences, size * 2);
      }
      hashes[size] = LongHashSet.mix(hash);
      sentences[size++] = sentence;
    }

    private static String joinContractions(String text) {
      if (text.indexOf('\'') < 0 && text.indexOf('’') < 0 && text.indexOf('`') < 0) {
        return text;
      }
      String joined = SPLIT_NOT.matcher(text).replaceAll("");
      joined = SPLIT_CLITIC.matcher(joined).replaceAll("");
      return APOSTROPHE.matcher(joined).replaceAll("");
    }
  }
}
