package io.promptgrad.gradient.soft;

import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.trigger.TriggerGradient;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.search.RandomSource;
import java.util.List;

/**
 * A problem of discrete search that begins at given tokens: the bridge from a soft prompt, whose
 * nearest allowed tokens they may be, to any method of discrete search. The way back is {@link
 * SoftStart.Tokens}.
 *
 * @param problem whose start is replaced
 * @param tokens the first trigger
 */
public record TriggerStart(TriggerProblem problem, int[] tokens) implements TriggerProblem {

  /** Checks the number of tokens. */
  public TriggerStart {
    if (tokens.length != problem.slots()) {
      throw new InvalidInputException(
          "%d tokens to begin at for %d slots; take a prompt with as many virtual tokens."
              .formatted(tokens.length, problem.slots()));
    }
    tokens = tokens.clone();
  }

  /**
   * Begins at the allowed tokens nearest to a soft prompt's virtual tokens.
   *
   * @param prompt of the problem's first model, of word vectors
   */
  public static TriggerStart nearest(
      TriggerProblem problem, SoftPrompt prompt, SearchModel.Nearness nearness) {
    int[] ids =
        problem
            .models()
            .get(0)
            .nearest(prompt.adapters().get(0).used(), problem.filter().banned(), nearness);
    return new TriggerStart(problem, ids);
  }

  @Override
  public int[] tokens() {
    return tokens.clone();
  }

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
    return tokens.clone();
  }

  @Override
  public Losses losses(List<int[]> triggers, int[] current, int step) {
    return problem.losses(triggers, current, step);
  }

  @Override
  public List<TriggerGradient> gradients(List<int[]> triggers, int step) {
    return problem.gradients(triggers, step);
  }

  @Override
  public SoftGradients softGradients(List<float[]> vectors, int step) {
    return problem.softGradients(vectors, step);
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
