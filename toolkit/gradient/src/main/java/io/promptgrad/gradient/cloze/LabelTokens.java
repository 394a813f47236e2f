package io.promptgrad.gradient.cloze;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.template.Verbalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A verbalizer as token ids: label c is answered with any of the tokens {@code ids[c]}.
 *
 * @param labels the labels, in the verbalizer's order
 * @param ids for each label its tokens
 * @param open whether the labels are the words of an {@link AnswerVocabulary}, too many to be
 *     listed one by one, each with one token
 */
public record LabelTokens(List<String> labels, int[][] ids, boolean open) {

  /** Checks that there is at least one token for each label. */
  public LabelTokens {
    labels = List.copyOf(labels);
    if (labels.size() != ids.length || labels.isEmpty()) {
      throw new IllegalArgumentException(labels.size() + " labels, " + ids.length + " token sets");
    }
    for (int c = 0; c < ids.length; c++) {
      if (ids[c].length == 0) {
        throw new IllegalArgumentException("the label " + labels.get(c) + " has no token");
      }
      if (open && ids[c].length != 1) {
        throw new IllegalArgumentException("the answer " + labels.get(c) + " is no single token");
      }
    }
  }

  /** Labels that are classes. */
  public LabelTokens(List<String> labels, int[][] ids) {
    this(labels, ids, false);
  }

  /**
   * Finds the token of each label word.
   *
   * @param afterBlank whether the prediction slot follows a blank, so that the answer's token
   *     carries it (byte-level and SentencePiece vocabularies)
   * @throws InvalidInputException if a word is not one token of the vocabulary
   */
  public static LabelTokens resolve(
      Verbalizer verbalizer, Tokenizer tokenizer, boolean afterBlank) {
    int[][] ids = new int[verbalizer.labels().size()][];
    Map<Integer, String> owner = new LinkedHashMap<>();
    for (int c = 0; c < ids.length; c++) {
      String label = verbalizer.labels().get(c);
      Set<Integer> tokens = new LinkedHashSet<>();
      for (Verbalizer.LabelToken word : verbalizer.tokens(label)) {
        int id = resolve(label, word, tokenizer, afterBlank);
        String other = owner.putIfAbsent(id, label);
        if (other != null && !other.equals(label)) {
          throw new InvalidInputException(
              "The labels '%s' and '%s' share the token '%s'; give each label its own words."
                  .formatted(other, label, tokenizer.view(id)));
        }
        tokens.add(id);
      }
      ids[c] = tokens.stream().mapToInt(Integer::intValue).toArray();
    }
    return new LabelTokens(verbalizer.labels(), ids);
  }

  private static int resolve(
      String label, Verbalizer.LabelToken word, Tokenizer tokenizer, boolean afterBlank) {
    if (word instanceof Verbalizer.TokenId id) {
      if (!tokenizer.has(id.id())) {
        throw new InvalidInputException(
            "The label '%s' has the token id %d, but the vocabulary ends at %d."
                .formatted(label, id.id(), tokenizer.vocabularySize() - 1));
      }
      return id.id();
    }
    String text = ((Verbalizer.Word) word).text();
    int[] tokens = tokenizer.encodeWord(text, afterBlank);
    boolean known =
        tokens.length == 1
            && !(tokenizer.specials().unk().isPresent()
                && tokenizer.specials().unk().getAsInt() == tokens[0]);
    if (known) {
      return tokens[0];
    }
    if (tokenizer.id(text).isPresent()) { // a vocabulary entry as it stands, such as "Ġgood"
      return tokenizer.id(text).getAsInt();
    }
    List<String> pieces = new ArrayList<>();
    for (int id : tokens) {
      pieces.add("'" + tokenizer.token(id) + "'");
    }
    throw new InvalidInputException(
        "The label word '%s' of label '%s' is %d tokens in this vocabulary (%s); a label word must be one token, so choose another word."
            .formatted(text, label, tokens.length, String.join(", ", pieces)));
  }

  /** Number of labels. */
  public int size() {
    return labels.size();
  }

  /** All label tokens, label after label. */
  public int[] flat() {
    return Arrays.stream(ids).flatMapToInt(Arrays::stream).toArray();
  }

  /** Index of a label. */
  public int indexOf(String label) {
    int index = labels.indexOf(label);
    if (index < 0 && open) {
      throw new InvalidInputException(
          "The data has the object '%s', which is none of the %d words of the answer vocabulary; leave the row out, or add the word."
              .formatted(label, labels.size()));
    }
    if (index < 0) {
      throw new InvalidInputException(
          "The data has the label '%s', but the verbalizer knows only %s; add it to the verbalizer."
              .formatted(label, labels));
    }
    return index;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LabelTokens that
        && open == that.open
        && labels.equals(that.labels)
        && Arrays.deepEquals(ids, that.ids);
  }

  @Override
  public int hashCode() {
    return 31 * labels.hashCode() + Arrays.deepHashCode(ids);
  }

  @Override
  public String toString() {
    return open
        ? "LabelTokens[" + labels.size() + " answers]"
        : "LabelTokens" + labels + Arrays.deepToString(ids);
  }
}
