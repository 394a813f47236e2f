package io.promptgrad.gradient.cloze;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The words that may answer where labels are not classes but words, as in fact retrieval: those of
 * a list that are one token each. Models are compared fairly on the words that all of their
 * vocabularies have (LAMA; Petroni et al. 2019, arXiv:1909.01066, section 4.4).
 *
 * <p>Words are looked up as they stand behind a blank. Where several are the same token, as in a
 * vocabulary without capitals, the first of the list stands for all of them.
 */
public final class AnswerVocabulary {

  private final Tokenizer tokenizer;
  private final LabelTokens labels;
  private final Map<Integer, String> wordOf = new HashMap<>();
  private final Map<String, Optional<String>> known = new HashMap<>();

  private AnswerVocabulary(Tokenizer tokenizer, LabelTokens labels) {
    this.tokenizer = tokenizer;
    this.labels = labels;
    for (int c = 0; c < labels.size(); c++) {
      wordOf.put(labels.ids()[c][0], labels.labels().get(c));
    }
  }

  /**
   * Takes the words that are one token.
   *
   * @throws InvalidInputException if there are fewer than two
   */
  public static AnswerVocabulary of(List<String> words, Tokenizer tokenizer) {
    Map<Integer, String> answers = new LinkedHashMap<>();
    for (String word : words) {
      single(word, tokenizer).ifPresent(id -> answers.putIfAbsent(id, word));
    }
    return of(answers, tokenizer, "words of the answer vocabulary");
  }

  /** Takes all tokens of the model that begin a word and consist of letters and digits. */
  public static AnswerVocabulary ofModel(Tokenizer tokenizer) {
    Map<Integer, String> answers = new LinkedHashMap<>();
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      if (tokenizer.has(id)
          && tokenizer.startsWord(id)
          && !tokenizer.specials().all().contains(id)) {
        String word = tokenizer.view(id, Tokenizer.Blanks.REAL).strip();
        if (!word.isEmpty() && word.codePoints().allMatch(Character::isLetterOrDigit)) {
          answers.put(id, word);
        }
      }
    }
    return of(answers, tokenizer, "tokens of the model");
  }

  /** The answers that a saved prompt was found for. */
  public static AnswerVocabulary of(LabelTokens answers, Tokenizer tokenizer) {
    if (!answers.open()) {
      throw new IllegalArgumentException("these labels are classes, not words");
    }
    return new AnswerVocabulary(tokenizer, answers);
  }

  private static AnswerVocabulary of(
      Map<Integer, String> answers, Tokenizer tokenizer, String source) {
    if (answers.size() < 2) {
      throw new InvalidInputException(
          "Of the %s %d can answer as one token in %s; give the vocabulary that belongs to the model."
              .formatted(source, answers.size(), tokenizer.file()));
    }
    List<String> words = new ArrayList<>();
    int[][] ids = new int[answers.size()][];
    for (Map.Entry<Integer, String> answer : answers.entrySet()) {
      ids[words.size()] = new int[] {answer.getKey()};
      words.add(answer.getValue());
    }
    return new AnswerVocabulary(tokenizer, new LabelTokens(words, ids, true));
  }

  private static Optional<Integer> single(String word, Tokenizer tokenizer) {
    int[] tokens = tokenizer.encodeWord(word, true);
    OptionalInt unknown = tokenizer.specials().unk();
    boolean single =
        tokens.length == 1 && !(unknown.isPresent() && unknown.getAsInt() == tokens[0]);
    return single ? Optional.of(tokens[0]) : Optional.empty();
  }

  /** The answer that a word is: itself, or the word of the list that is the same token. */
  public Optional<String> answer(String word) {
    return known.computeIfAbsent(
        word, w -> single(w, tokenizer).map(wordOf::get)); // null, no answer, becomes empty
  }

  /** The answers, each a label with one token. */
  public LabelTokens labels() {
    return labels;
  }
}
