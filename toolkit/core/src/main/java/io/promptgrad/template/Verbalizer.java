package io.promptgrad.template;

import io.promptgrad.input.InvalidInputException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which label words stand for which label: the model's probability of a label is the sum of the
 * probabilities of its words at the prediction slot.
 *
 * @param tokens label to its label tokens; the order of labels is kept and breaks ties
 */
public record Verbalizer(Map<String, List<LabelToken>> tokens) {

  /** One label token, given as vocabulary text or as an id. */
  public sealed interface LabelToken {}

  /**
   * A label word.
   *
   * @param text exact text; whether it is one token, the tokenizer decides
   */
  public record Word(String text) implements LabelToken {
    /** Refuses empty words. */
    public Word {
      if (text.isEmpty()) {
        throw new InvalidInputException("A label word is empty; give each label a word.");
      }
    }

    @Override
    public String toString() {
      return "'" + text + "'";
    }
  }

  /**
   * A label token given by its id.
   *
   * @param id row of the vocabulary, not negative
   */
  public record TokenId(int id) implements LabelToken {
    /** Refuses negative ids. */
    public TokenId {
      if (id < 0) {
        throw new InvalidInputException(
            "The label token id %d is negative; ids start at 0.".formatted(id));
      }
    }

    @Override
    public String toString() {
      return "id " + id;
    }
  }

  /**
   * Copies the map and refuses empty or ambiguous verbalizers.
   *
   * @throws InvalidInputException if there is no label, a label has no word, or a word is given
   *     twice
   */
  public Verbalizer {
    if (tokens.isEmpty()) {
      throw new InvalidInputException("The verbalizer has no labels; give each label its words.");
    }
    LinkedHashMap<String, List<LabelToken>> copy = new LinkedHashMap<>();
    Map<LabelToken, String> owner = new HashMap<>();
    tokens.forEach(
        (label, words) -> {
          if (words.isEmpty()) {
            throw new InvalidInputException(
                "The verbalizer gives label '%s' no label word; give it at least one."
                    .formatted(label));
          }
          for (LabelToken word : words) {
            String other = owner.put(word, label);
            if (other != null) {
              throw new InvalidInputException(
                  ("The verbalizer uses the label word %s twice, for label '%s' and label '%s'; "
                          + "each word may stand for one label only.")
                      .formatted(word, other, label));
            }
          }
          copy.put(label, List.copyOf(words));
        });
    tokens = Collections.unmodifiableMap(copy);
  }

  /**
   * Reads the form that configurations use: label to a word, a token id, or a list of either.
   *
   * @throws InvalidInputException if a value has another type
   */
  public static Verbalizer parse(Map<String, ?> labels) {
    LinkedHashMap<String, List<LabelToken>> tokens = new LinkedHashMap<>();
    labels.forEach(
        (label, value) -> {
          List<LabelToken> words = new ArrayList<>();
          for (Object word :
              value instanceof List<?> list ? list : Collections.singletonList(value)) {
            words.add(labelToken(label, word));
          }
          tokens.put(label, words);
        });
    return new Verbalizer(tokens);
  }

  private static LabelToken labelToken(String label, Object value) {
    if (value instanceof String word) {
      return new Word(word);
    }
    if (value instanceof Integer id) {
      return new TokenId(id);
    }
    throw new InvalidInputException(
        ("The verbalizer gives label '%s' the value %s; use a word, a token id or a list "
                + "of them (quote words such as yes, no or 1).")
            .formatted(label, value));
  }

  /** Returns the inverse of {@link #parse}: each label with its list of words and ids. */
  public Map<String, List<Object>> toMap() {
    LinkedHashMap<String, List<Object>> map = new LinkedHashMap<>();
    tokens.forEach(
        (label, words) -> {
          List<Object> values = new ArrayList<>();
          for (LabelToken word : words) {
            values.add(word instanceof Word w ? (Object) w.text() : ((TokenId) word).id());
          }
          map.put(label, values);
        });
    return map;
  }

  /** Returns the labels in their order. */
  public List<String> labels() {
    return List.copyOf(tokens.keySet());
  }

  /**
   * Returns the label tokens of a label.
   *
   * @throws InvalidInputException naming the label and the known ones
   */
  public List<LabelToken> tokens(String label) {
    List<LabelToken> words = tokens.get(label);
    if (words == null) {
      throw unknown(label);
    }
    return words;
  }

  /**
   * Returns the place of a label in {@link #labels()}.
   *
   * @throws InvalidInputException naming the label and the known ones
   */
  public int indexOf(String label) {
    int index = labels().indexOf(label);
    if (index < 0) {
      throw unknown(label);
    }
    return index;
  }

  private InvalidInputException unknown(String label) {
    return new InvalidInputException(
        "The data has the label '%s', but the verbalizer knows only %s; add it to the verbalizer."
            .formatted(label, labels()));
  }
}
