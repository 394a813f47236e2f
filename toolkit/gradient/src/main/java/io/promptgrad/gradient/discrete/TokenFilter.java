package io.promptgrad.gradient.discrete;

import io.promptgrad.data.FactTask;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.task.Task;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The tokens that may never become part of a trigger.
 *
 * @param banned ids, as a set of bits
 * @param vocabulary rows of the embedding table
 */
public record TokenFilter(BitSet banned, int vocabulary) {

  /** What is banned. Ids without a token in the tokenizer (spare embedding rows) always are. */
  public enum Rule {
    /** Special tokens. */
    SPECIAL,
    /** Tokens that begin a word with a capital letter: mostly names, which give answers away. */
    CAPITALISED,
    /**
     * The label tokens, or the objects of train and dev where answers are words: a trigger that
     * names the answer is no prompt.
     */
    LABELS,
    /** The tokens of the subjects of train and dev, for facts. */
    SUBJECTS,
    /** Pieces that continue a word: they would glue to the text before them. */
    CONTINUATIONS,
    /** Tokens with anything but printable ASCII in them, broken bytes among it. */
    NON_ASCII,
    /** Everything but words of letters and the usual punctuation. */
    UNREADABLE
  }

  private static final Pattern ASCII = Pattern.compile("(?!.*<0x\\p{XDigit}{2}>)[ -~]+");
  private static final Pattern READABLE = Pattern.compile(" ?(\\p{L}+('\\p{L}+)?|[.,;:!?])");

  /** AutoPrompt's own filter: specials, capitalised words and labels. */
  public static final Set<Rule> AUTOPROMPT = Set.of(Rule.SPECIAL, Rule.CAPITALISED, Rule.LABELS);

  /** Copies the set. */
  public TokenFilter {
    banned = (BitSet) banned.clone();
  }

  /**
   * Applies rules to a vocabulary.
   *
   * @param labelTokens all tokens of all labels
   */
  public static TokenFilter of(
      Tokenizer tokenizer, int vocabulary, Collection<Rule> rules, int[] labelTokens) {
    return of(tokenizer, vocabulary, rules, labelTokens, new int[0]);
  }

  /**
   * Applies rules to a vocabulary.
   *
   * @param labelTokens what {@link Rule#LABELS} bans
   * @param subjectTokens what {@link Rule#SUBJECTS} bans
   */
  public static TokenFilter of(
      Tokenizer tokenizer,
      int vocabulary,
      Collection<Rule> rules,
      int[] labelTokens,
      int[] subjectTokens) {
    Set<Rule> active = rules.isEmpty() ? EnumSet.noneOf(Rule.class) : EnumSet.copyOf(rules);
    BitSet banned = new BitSet(vocabulary);
    for (int id = 0; id < vocabulary; id++) {
      banned.set(id, !tokenizer.has(id) || isBanned(tokenizer, id, active));
    }
    if (active.contains(Rule.LABELS)) {
      for (int id : labelTokens) {
        banned.set(id);
      }
    }
    if (active.contains(Rule.SUBJECTS)) {
      for (int id : subjectTokens) {
        banned.set(id);
      }
    }
    return new TokenFilter(banned, vocabulary);
  }

  private static boolean isBanned(Tokenizer tokenizer, int id, Set<Rule> rules) {
    return (rules.contains(Rule.SPECIAL) && tokenizer.specials().all().contains(id))
        || (rules.contains(Rule.CAPITALISED) && tokenizer.isCapitalised(id))
        || (rules.contains(Rule.CONTINUATIONS) && !tokenizer.startsWord(id))
        || (rules.contains(Rule.NON_ASCII) && !matches(ASCII, tokenizer, id))
        || (rules.contains(Rule.UNREADABLE) && !matches(READABLE, tokenizer, id));
  }

  private static boolean matches(Pattern pattern, Tokenizer tokenizer, int id) {
    return pattern.matcher(tokenizer.text(id)).matches();
  }

  /**
   * Bans words, too: every token that is one of them, whatever its case and with or without a blank
   * before it. A word of several tokens can still be put together.
   */
  public TokenFilter without(Collection<String> words, Tokenizer tokenizer) {
    Set<String> lower = words.stream().map(TokenFilter::folded).collect(Collectors.toSet());
    BitSet more = (BitSet) banned.clone();
    for (int id = 0; id < vocabulary; id++) {
      if (tokenizer.has(id) && lower.contains(folded(tokenizer.text(id)))) {
        more.set(id);
      }
    }
    return new TokenFilter(more, vocabulary);
  }

  private static String folded(String word) {
    return word.strip().toLowerCase(Locale.ROOT);
  }

  /** The tokens of the right answers, what {@link Rule#LABELS} bans where answers are words. */
  static int[] objects(List<ClozeExample> train, List<ClozeExample> dev) {
    return Stream.concat(train.stream(), dev.stream())
        .flatMapToInt(example -> Arrays.stream(example.goldTokens()))
        .distinct()
        .toArray();
  }

  /**
   * All tokens of the subjects' names, with a blank before them and without.
   *
   * @throws InvalidInputException if an example of train or dev names no subject
   */
  static int[] subjects(Task task, Tokenizer tokenizer) {
    return Stream.concat(task.train().stream(), task.dev().stream())
        .map(
            example ->
                Optional.ofNullable(example.fields().get(FactTask.SUBJECT))
                    .orElseThrow(
                        () ->
                            new InvalidInputException(
                                "The filter 'subjects' needs the field %s, which example %s has not; leave the rule out."
                                    .formatted(FactTask.SUBJECT, example.id()))))
        .flatMapToInt(
            subject ->
                IntStream.concat(
                    Arrays.stream(tokenizer.encodePlain(subject)),
                    Arrays.stream(tokenizer.encodePlain(" " + subject))))
        .distinct()
        .toArray();
  }

  /** Bans exactly these ids. */
  public static TokenFilter ofIds(int[] ids, int vocabulary) {
    BitSet banned = new BitSet(vocabulary);
    for (int id : ids) {
      banned.set(id);
    }
    return new TokenFilter(banned, vocabulary);
  }

  /** Whether a token may be used. */
  public boolean allows(int id) {
    return !banned.get(id);
  }

  /** How many tokens may be used. */
  public int allowed() {
    return vocabulary - banned.cardinality();
  }
}
