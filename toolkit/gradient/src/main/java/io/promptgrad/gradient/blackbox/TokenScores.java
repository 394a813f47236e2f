package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.prompt.Prompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Scores of candidates by a model that takes tokens only: each vector is replaced by the nearest
 * word vector, so that the prompt found consists of tokens. Candidates that become the same tokens
 * have the same scores and are computed once.
 */
public final class TokenScores implements SoftScores {

  private final LanguageModel model;
  private final Cloze cloze;
  private final TokenFilter filter;
  private final SearchModel.Nearness nearness;
  private final LabelScorer scorer;

  /**
   * @param cloze whose slots get the tokens
   * @param filter which tokens may be used
   */
  public TokenScores(
      LanguageModel model, Cloze cloze, TokenFilter filter, SearchModel.Nearness nearness) {
    this.model = model;
    this.cloze = cloze;
    this.filter = filter;
    this.nearness = nearness;
    this.scorer = new LabelScorer(model);
  }

  @Override
  public int places() {
    return cloze.template().triggerCount();
  }

  @Override
  public int width() {
    return model.spec().wordWidth();
  }

  private int[] tokens(Population population, int candidate) {
    float[][] vectors = population.vectors(candidate);
    if (vectors.length != 1) {
      throw new IllegalArgumentException("tokens have vectors in one layer, not " + vectors.length);
    }
    return model.forSearch().nearest(vectors[0], filter.banned(), nearness);
  }

  @Override
  public double[][][] of(Population population, List<ClozeExample> examples) {
    List<int[]> different = new ArrayList<>();
    int[] which = new int[population.size()];
    List<LabelScorer.Row> rows = new ArrayList<>();
    for (int c = 0; c < which.length; c++) {
      int[] tokens = tokens(population, c);
      which[c] = 0;
      while (which[c] < different.size() && !Arrays.equals(different.get(which[c]), tokens)) {
        which[c]++;
      }
      if (which[c] == different.size()) {
        different.add(tokens);
        examples.forEach(example -> rows.add(LabelScorer.Row.of(example, tokens)));
      }
    }
    double[][] scores = scorer.scores(rows, cloze.labels());
    int n = examples.size();
    return Arrays.stream(which)
        .mapToObj(own -> Arrays.copyOfRange(scores, own * n, (own + 1) * n))
        .toArray(double[][][]::new);
  }

  @Override
  public Prompt prompt(Population population, int candidate) {
    return TriggerPrompt.of(
        cloze.template(), cloze.labels(), tokens(population, candidate), model.tokenizer());
  }

  @Override
  public Prompt read(JsonNode json) {
    return TriggerPrompt.fromJson(json, model.tokenizer());
  }

  @Override
  public long forwardTokens() {
    return model.forwardTokens();
  }
}
