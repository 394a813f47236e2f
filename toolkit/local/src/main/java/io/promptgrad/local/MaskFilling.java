package io.promptgrad.local;

import ai.djl.ndarray.NDManager;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.optimizer.TextEdit;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Changes a text by a word that a masked language model finds likely there: in place of a word, or
 * between two words. The word is drawn among the model's best, whole words only, by their
 * probabilities. Capital letter and punctuation of a word that is replaced stay.
 */
public final class MaskFilling implements TextEdit {

  private final LanguageModel model;
  private final Tokenizer tokenizer;
  private final String mask;
  private final int[] candidates; // ids of tokens that are whole words
  private final int best;

  /**
   * Fills with a model, which stays the caller's to close.
   *
   * @param best words that are drawn among
   * @throws InvalidInputException if it is not a masked model with a tokenizer
   */
  public MaskFilling(LanguageModel model, int best) {
    if (model.spec().objective() != Objective.MASKED) {
      throw new InvalidInputException(
          "A causal language model (%s) cannot fill masks; take a masked one."
              .formatted(model.spec().family()));
    }
    if (!model.hasTokenizer()) {
      throw Tokenizer.missingFrom(model.path());
    }
    this.model = model;
    this.tokenizer = model.tokenizer();
    this.mask = tokenizer.token(tokenizer.specials().mask().orElseThrow());
    this.best = best;
    this.candidates =
        IntStream.range(0, tokenizer.vocabularySize())
            .filter(tokenizer::has)
            .filter(tokenizer::startsWord)
            .filter(id -> tokenizer.decode(new int[] {id}).strip().matches("\\p{L}{2,}"))
            .toArray();
  }

  @Override
  public Optional<String> apply(String text, RandomGenerator random) {
    List<String> words = new ArrayList<>(Arrays.asList(text.strip().split("\\s+")));
    boolean insert = random.nextBoolean();
    int place = random.nextInt(words.size() + (insert ? 1 : 0));
    String old = insert ? "" : words.get(place);
    String core = old.replaceAll("^\\P{L}+|\\P{L}+$", "");
    if (!insert && core.isEmpty()) {
      return Optional.empty();
    }
    List<String> masked = new ArrayList<>(words);
    if (insert) {
      masked.add(place, mask);
    } else {
      masked.set(place, old.replace(core, mask));
    }
    Optional<String> drawn = fill(String.join(" ", masked), core, random);
    if (drawn.isEmpty()) {
      return Optional.empty();
    }
    String word = drawn.get();
    if (insert) {
      words.add(place, word);
    } else {
      boolean capital = Character.isUpperCase(core.codePointAt(0));
      words.set(
          place,
          old.replace(
              core,
              capital ? word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1) : word));
    }
    return Optional.of(String.join(" ", words));
  }

  /** Draws a word for the mask, other than the one that stood there. */
  private Optional<String> fill(String masked, String old, RandomGenerator random) {
    int[] ids = tokenizer.encodeWithSpecials(masked);
    int maskId = tokenizer.specials().mask().orElseThrow();
    int at = IntStream.range(0, ids.length).filter(i -> ids[i] == maskId).findFirst().orElse(-1);
    if (at < 0 || ids.length > model.spec().maxPositions()) {
      return Optional.empty(); // the text is too long for the model
    }
    float[] logits;
    try (NDManager scope = model.newScope()) {
      logits =
          model
              .logits(scope, TokenBatch.of(List.of(ids), 0), new int[] {at}, candidates)
              .toFloatArray();
    }
    List<Integer> places =
        IntStream.range(0, candidates.length)
            .boxed()
            .sorted((a, b) -> Float.compare(logits[b], logits[a]))
            .filter(c -> !word(c).equalsIgnoreCase(old))
            .limit(best)
            .toList();
    double sum =
        places.stream().mapToDouble(c -> Math.exp(logits[c] - logits[places.get(0)])).sum();
    double point = random.nextDouble() * sum;
    for (int c : places) {
      point -= Math.exp(logits[c] - logits[places.get(0)]);
      if (point < 0) {
        return Optional.of(word(c));
      }
    }
    return places.stream().findFirst().map(this::word);
  }

  private String word(int candidate) {
    return tokenizer.decode(new int[] {candidates[candidate]}).strip();
  }
}
