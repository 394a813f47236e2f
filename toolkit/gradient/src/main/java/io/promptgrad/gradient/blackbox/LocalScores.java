package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.FilledBatch;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.lm.BlackBoxModel;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.prompt.Prompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Scores of candidates by a model at hand. Rows of all candidates and examples are put into shared
 * batches, whose size is found once and remembered: there is no forward pass per candidate.
 */
public final class LocalScores implements SoftScores {

  private final LanguageModel model;
  private final Cloze cloze;
  private final BlackBoxModel.Mode mode;
  private final int[] base;
  private final int width;
  private final MicroBatches batches;

  /**
   * @param cloze whose slots are the places of the vectors
   * @param mode whether they are added or stand instead of words
   * @param base tokens at the places [P]; where vectors stand instead, they mean nothing
   * @throws io.promptgrad.input.InvalidInputException for an encoder-decoder
   */
  public LocalScores(LanguageModel model, Cloze cloze, BlackBoxModel.Mode mode, int[] base) {
    if (base.length != cloze.template().triggerCount()) {
      throw new IllegalArgumentException(
          base.length + " tokens for " + cloze.template().triggerCount() + " places");
    }
    this.model = model;
    this.cloze = cloze;
    this.mode = mode;
    this.base = base.clone();
    this.width = model.forBlackBox().width(mode);
    this.batches = MicroBatches.forModel(model);
  }

  @Override
  public int places() {
    return base.length;
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public double[][][] of(Population population, List<ClozeExample> examples) {
    int n = examples.size();
    double[][][] scores = new double[population.size()][n][];
    int[] lengths = new int[population.size() * n];
    Arrays.setAll(lengths, row -> examples.get(row % n).length());
    LabelTokens labels = cloze.labels();
    int[] tokens = labels.flat();
    batches.run(
        model,
        lengths,
        (replica, group) -> {
          float[] logits = logits(replica, population, examples, group, tokens);
          LabelScorer.requireNumbers(logits, "logits");
          for (int r = 0; r < group.length; r++) {
            scores[group[r] / n][group[r] % n] =
                LabelScorer.perLabel(logits, r * tokens.length, labels);
          }
        });
    return scores;
  }

  /** Logits [rows * c] of a batch of candidates and examples. */
  private float[] logits(
      LanguageModel replica,
      Population population,
      List<ClozeExample> examples,
      int[] group,
      int[] tokens) {
    int n = examples.size();
    List<LabelScorer.Row> rows = new ArrayList<>(group.length);
    int[] slots = new int[group.length * base.length];
    int[][] which = new int[population.layers()[0].length][group.length];
    Map<Integer, Integer> used = new LinkedHashMap<>(); // only their blocks go to the device
    for (int r = 0; r < group.length; r++) {
      ClozeExample example = examples.get(group[r] % n);
      rows.add(LabelScorer.Row.of(example, base));
      int[] own = population.layers()[group[r] / n];
      for (int l = 0; l < own.length; l++) {
        Integer place = used.putIfAbsent(own[l], used.size());
        which[l][r] = place == null ? used.size() - 1 : place;
      }
    }
    FilledBatch batch = FilledBatch.of(replica, rows);
    for (int r = 0; r < group.length; r++) {
      int[] at = examples.get(group[r] % n).triggerAt();
      for (int p = 0; p < at.length; p++) {
        slots[r * at.length + p] = batch.tokens().index(r, at[p]);
      }
    }
    float[][] blocks =
        used.keySet().stream().map(b -> population.blocks()[b]).toArray(float[][]::new);
    return replica
        .forBlackBox()
        .logits(
            batch.tokens(),
            mode,
            new BlackBoxModel.Blocks(base.length, blocks),
            which,
            slots,
            batch.at(),
            tokens);
  }

  @Override
  public Prompt prompt(Population population, int candidate) {
    return new BlackBoxPrompt(
        TriggerPrompt.of(cloze.template(), cloze.labels(), base, model.tokenizer()),
        mode,
        population.vectors(candidate));
  }

  @Override
  public Prompt read(JsonNode json) {
    return BlackBoxPrompt.fromJson(json, model.tokenizer());
  }

  @Override
  public long forwardTokens() {
    return model.forwardTokens();
  }
}
