package io.promptgrad.gradient.trigger;

import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The opposite of a problem: triggers that break a task, to learn how robust a model is on it.
 * Losses and gradients change their signs, and dev is 1 less the score.
 *
 * @param problem what is to become worse
 */
public record LossIncrease(TriggerProblem problem) implements TriggerProblem {

  @Override
  public int slots() {
    return problem.slots();
  }

  @Override
  public List<SearchModel> models() {
    return problem.models();
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
    double[] values = Arrays.stream(losses.values()).map(value -> -value).toArray();
    return new Losses(values, new boolean[values.length], losses.examples());
  }

  @Override
  public List<TriggerGradient> gradients(List<int[]> triggers, int step) {
    return problem.gradients(triggers, step).stream().map(g -> g.mixed(-1, g, 0)).toList();
  }

  @Override
  public SoftGradients softGradients(List<float[]> vectors, int step) {
    SoftGradients found = problem.softGradients(vectors, step);
    List<float[]> values = new ArrayList<>();
    for (float[] own : found.values()) {
      float[] negated = new float[own.length];
      for (int i = 0; i < negated.length; i++) {
        negated[i] = -own[i];
      }
      values.add(negated);
    }
    return new SoftGradients(values, Arrays.stream(found.losses()).map(value -> -value).toArray());
  }

  @Override
  public boolean hasDev() {
    return problem.hasDev();
  }

  @Override
  public double dev(int[] trigger) {
    return 1 - problem.dev(trigger);
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
