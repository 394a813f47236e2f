package io.promptgrad.gradient.trigger;

import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.TargetLoss;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Texts that causal models are to go on with, as a problem of discrete search (Zou et al. 2023,
 * arXiv:2307.15043): one trigger for all texts and all models, whose losses are averaged. The
 * models must have one vocabulary; what the trigger does to others is measured afterwards, by
 * {@link TransferEvaluation}.
 */
public final class TargetProblem implements TriggerProblem {

  private final List<TargetText> texts;
  private final List<LanguageModel> models;
  private final List<TriggerLoss> losses = new ArrayList<>();
  private final List<List<TargetSequence>> sequences = new ArrayList<>(); // of each model
  private final List<TargetSequence> held; // of the first model
  private final TokenFilter filter;
  private final int[] start;

  /**
   * @param models one or several of one vocabulary
   * @param texts what the trigger is searched for
   * @param heldOut texts that are kept for choosing among triggers; may be empty
   * @param start the first trigger, which says how long it is
   */
  public TargetProblem(
      List<LanguageModel> models,
      List<TargetText> texts,
      List<TargetText> heldOut,
      int[] start,
      TargetLoss loss,
      TokenFilter filter,
      TriggerLoss.Reuse reuse) {
    if (models.isEmpty() || texts.isEmpty() || start.length == 0) {
      throw new InvalidInputException(
          "A search for a target needs a model, a text and at least one trigger token.");
    }
    this.models = List.copyOf(models);
    this.texts = List.copyOf(texts);
    this.filter = filter;
    this.start = start.clone();
    for (LanguageModel model : models) {
      requireSameVocabulary(models.get(0), model);
      losses.add(new TriggerLoss(model, loss, null, reuse));
      sequences.add(encode(texts, model, "text"));
      losses.get(losses.size() - 1).begin(sequences.get(losses.size() - 1));
    }
    this.held = encode(heldOut, models.get(0), "held-out text");
  }

  private List<TargetSequence> encode(List<TargetText> all, LanguageModel model, String name) {
    List<TargetSequence> encoded = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      TargetSequence sequence = all.get(i).encode(name + " " + (i + 1), model, start.length);
      if (sequence.length() > model.spec().maxPositions()) {
        throw new InvalidInputException(
            "With trigger and target %s %d has %d tokens, but the model %s accepts %d; shorten it."
                .formatted(
                    name, i + 1, sequence.length(), model.path(), model.spec().maxPositions()));
      }
      encoded.add(sequence);
    }
    return encoded;
  }

  private static void requireSameVocabulary(LanguageModel first, LanguageModel other) {
    if (!first.tokenizer().hasVocabularyOf(other.tokenizer())) {
      throw new InvalidInputException(
          "%s and %s have different vocabularies, so no trigger is made of the same tokens for both; search on one and evaluate the transfer to the other."
              .formatted(first.path(), other.path()));
    }
  }

  /** The texts. */
  public List<TargetText> texts() {
    return texts;
  }

  @Override
  public int slots() {
    return start.length;
  }

  @Override
  public List<SearchModel> models() {
    return models.stream().map(LanguageModel::forSearch).toList();
  }

  @Override
  public TokenFilter filter() {
    return filter;
  }

  @Override
  public int[] start(RandomSource random) {
    return start.clone();
  }

  @Override
  public Losses losses(List<int[]> triggers, int[] current, int step) {
    double[] values = new double[triggers.size()];
    boolean[] solved = new boolean[values.length];
    Arrays.fill(solved, true);
    for (int m = 0; m < models.size(); m++) {
      TriggerLoss.Scores scores = losses.get(m).scores(sequences.get(m), triggers, current);
      for (int c = 0; c < values.length; c++) {
        values[c] += scores.mean(c) / models.size();
        for (boolean said : scores.said()[c]) {
          solved[c] &= said;
        }
      }
    }
    return new Losses(values, solved, texts.size() * models.size());
  }

  @Override
  public List<TriggerGradient> gradients(List<int[]> triggers, int step) {
    List<TriggerGradient> sum = null;
    for (int m = 0; m < models.size(); m++) {
      SearchModel search = models.get(m).forSearch();
      List<TriggerGradient> own = new ArrayList<>();
      for (float[] g : losses.get(m).gradients(sequences.get(m), triggers).values()) {
        own.add(new TriggerGradient(slots(), List.of(new TriggerGradient.Part(search, g))));
      }
      if (models.size() > 1) {
        own.replaceAll(TriggerGradient::normalised);
      }
      for (int k = 0; sum != null && k < own.size(); k++) {
        own.set(k, sum.get(k).plus(own.get(k)));
      }
      sum = own;
    }
    return sum;
  }

  @Override
  public SoftGradients softGradients(List<float[]> vectors, int step) {
    if (models.size() > 1) {
      throw new InvalidInputException(
          "Several models have no word vectors in common; a method that moves vectors needs a single model.");
    }
    TriggerLoss.Gradients found = losses.get(0).gradients(sequences.get(0), vectors, null);
    double[] values = new double[vectors.size()];
    Arrays.setAll(values, found::mean);
    return new SoftGradients(found.values(), values);
  }

  @Override
  public boolean hasDev() {
    return !held.isEmpty();
  }

  /** Geometric mean, over the held-out texts, of the probability of a target's token. */
  @Override
  public double dev(int[] trigger) {
    if (held.isEmpty()) {
      return Double.NaN;
    }
    return Math.exp(-losses.get(0).scores(held, List.of(trigger), trigger).mean(0));
  }

  @Override
  public int devSize() {
    return held.size();
  }

  @Override
  public Prompt prompt(int[] trigger) {
    return TargetPrompt.of(texts, trigger, models.get(0).tokenizer());
  }
}
