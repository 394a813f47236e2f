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
 * A problem with one more wish: that the trigger reads like text. Its loss is the problem's plus a
 * weight times the mean of -log p(token | tokens before it) under a causal language model, which is
 * the log of the trigger's perplexity. Works as a part of any method.
 */
public final class Fluency implements TriggerProblem {

  private final TriggerProblem problem;
  private final double weight;
  private final LanguageModel judge;
  private final TriggerLoss loss;
  private final List<TargetSequence> sequence;

  /**
   * @param weight of the mean negative log-likelihood, in nats
   * @param judge a causal model with the vocabulary of the problem's; may be the same one
   * @param before tokens that the trigger follows; empty: the model's beginning of a text
   */
  public Fluency(TriggerProblem problem, double weight, LanguageModel judge, int[] before) {
    TargetText.requireCausal(judge);
    this.problem = problem;
    this.weight = weight;
    this.judge = judge;
    this.loss =
        new TriggerLoss(
            judge, new TargetLoss.CrossEntropy(), null, TriggerLoss.Reuse.FIRST_DIFFERENCE);
    int[] begin = before.length > 0 ? before : TargetText.of("", " ").beginning(judge);
    this.sequence = List.of(TargetSequence.itself("trigger", begin, problem.slots()));
    loss.begin(sequence);
  }

  /** Perplexity of a trigger under the judge. */
  public double perplexity(int[] trigger) {
    return Math.exp(loss.scores(sequence, List.of(trigger), trigger).mean(0));
  }

  @Override
  public int slots() {
    return problem.slots();
  }

  @Override
  public List<SearchModel> models() {
    List<SearchModel> all = new ArrayList<>(problem.models());
    if (all.stream().noneMatch(search -> search.model() == judge)) {
      all.add(judge.forSearch());
    }
    return all;
  }

  @Override
  public TokenFilter filter() {
    return problem.filter();
  }

  @Override
  public int[] start(RandomSource random) {
    return problem.start(random);
  }

  @Override
  public Losses losses(List<int[]> triggers, int[] current, int step) {
    Losses losses = problem.losses(triggers, current, step);
    TriggerLoss.Scores reading = loss.scores(sequence, triggers, current);
    double[] values = losses.values().clone();
    for (int c = 0; c < values.length; c++) {
      values[c] += weight * reading.mean(c);
    }
    return new Losses(values, losses.solved(), losses.examples());
  }

  @Override
  public List<TriggerGradient> gradients(List<int[]> triggers, int step) {
    List<TriggerGradient> gradients = problem.gradients(triggers, step);
    List<float[]> reading = loss.gradients(sequence, triggers).values();
    List<TriggerGradient> sums = new ArrayList<>();
    for (int k = 0; k < gradients.size(); k++) {
      float[] g = reading.get(k).clone();
      for (int i = 0; i < g.length; i++) {
        g[i] *= (float) weight;
      }
      TriggerGradient own =
          new TriggerGradient(slots(), List.of(new TriggerGradient.Part(judge.forSearch(), g)));
      sums.add(gradients.get(k).plus(own));
    }
    return sums;
  }

  /**
   * The judge reads the vectors, and the tokens nearest to them are what it should expect.
   *
   * @throws InvalidInputException if the judge has other word vectors than the problem
   */
  @Override
  public SoftGradients softGradients(List<float[]> vectors, int step) {
    if (problem.models().get(0).model() != judge) {
      throw new InvalidInputException(
          "Word vectors of %s mean nothing to %s; let the searched model itself judge fluency, or take a method that stays with tokens."
              .formatted(problem.models().get(0).model().path(), judge.path()));
    }
    SoftGradients found = problem.softGradients(vectors, step);
    int[] tokens =
        judge
            .forSearch()
            .nearest(Floats.joined(vectors), filter().banned(), SearchModel.Nearness.EUCLIDEAN);
    List<int[]> nearest = new ArrayList<>();
    for (int from = 0; from < tokens.length; from += slots()) {
      nearest.add(Arrays.copyOfRange(tokens, from, from + slots()));
    }
    TriggerLoss.Gradients reading = loss.gradients(sequence, vectors, nearest);
    double[] losses = found.losses().clone();
    List<float[]> sums = new ArrayList<>();
    for (int k = 0; k < losses.length; k++) {
      losses[k] += weight * reading.mean(k);
      float[] sum = found.values().get(k).clone();
      for (int i = 0; i < sum.length; i++) {
        sum[i] += (float) weight * reading.values().get(k)[i];
      }
      sums.add(sum);
    }
    return new SoftGradients(sums, losses);
  }

  @Override
  public boolean hasDev() {
    return problem.hasDev();
  }

  @Override
  public double dev(int[] trigger) {
    return problem.dev(trigger);
  }

  @Override
  public int devSize() {
    return problem.devSize();
  }

  @Override
  public Prompt prompt(int[] trigger) {
    return problem.prompt(trigger);
  }
}
