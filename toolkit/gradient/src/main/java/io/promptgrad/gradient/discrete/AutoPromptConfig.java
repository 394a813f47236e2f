package io.promptgrad.gradient.discrete;

import io.promptgrad.input.InvalidInputException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Settings of {@link AutoPrompt}. Start from {@link #defaults} and change what differs.
 *
 * @param candidates k, tokens tried in each step
 * @param positions whether a step changes one random position, or whichever positions promise most
 * @param gradientExamples training examples behind each gradient
 * @param evaluationExamples training examples that the candidates of a step are compared on, drawn
 *     afresh and independently of the gradient's
 * @param filter tokens that may not enter the trigger
 * @param start the first trigger
 * @param prunes whether candidates that cannot win any more are dropped early; changes no choice
 * @param halving successive halving: one of how many candidates survives a rung (0: off); saves
 *     most of the evaluation and may drop the best candidate
 * @param objective what the gradient lowers and what candidates are compared by
 * @param replaceMasks whether a trigger that still has mask tokens loses against any candidate, as
 *     the original's {@code --print-lama} has it, so that the result has none
 * @param reference reproduces the original program's behaviour where ours differs on purpose
 */
public record AutoPromptConfig(
    int candidates,
    Positions positions,
    int gradientExamples,
    int evaluationExamples,
    Set<TokenFilter.Rule> filter,
    Start start,
    boolean prunes,
    int halving,
    Objective objective,
    boolean replaceMasks,
    Optional<Reference> reference) {

  /** What the search optimizes on its training examples; dev is scored by the metric. */
  public enum Objective {
    /**
     * The original: the gradient of -log of the gold tokens' probability over the whole vocabulary,
     * and candidates compared by accuracy.
     */
    ACCURACY,
    /**
     * Gradient and comparison both use -log of the gold label's probability among the labels. It
     * tells candidates apart where accuracy does not move, for instance as long as a weak model
     * gives every example the same label.
     */
    LABEL_LIKELIHOOD,
    /**
     * Gradient and comparison both use -log of the gold tokens' probability over the whole
     * vocabulary: the original without a label map, for facts.
     */
    LIKELIHOOD
  }

  /** Which positions of the trigger a step may change. */
  public enum Positions {
    /** One, drawn uniformly: the original. */
    ONE,
    /** The k best (position, token) pairs over all positions by expected gain. */
    ALL
  }

  /** The first trigger. */
  public sealed interface Start {

    /** The mask token everywhere (masked models); other models take random words instead. */
    record Masks() implements Start {}

    /** Allowed tokens drawn at random by the run's seed. */
    record RandomTokens() implements Start {}

    /** Given vocabulary entries, one for each slot. */
    record Tokens(List<String> tokens) implements Start {
      public Tokens {
        tokens = List.copyOf(tokens);
      }
    }

    /**
     * The allowed tokens nearest to given vectors by cosine, one for each slot: where a soft prompt
     * ended.
     *
     * @param vectors row-major
     */
    record Nearest(float[] vectors) implements Start {}
  }

  /**
   * The original's sampling and its quirks: whole batches of a shuffle, the gradient summed over
   * batch means and divided by {@code accumulationSteps} even if there were fewer batches, label id
   * 0 taken as padding, the current token among the candidates, and a result that is the best
   * accepted trigger even if the first one was better.
   *
   * @param batchSize examples of a gradient batch ({@code --bsz})
   * @param evaluationBatchSize examples of an evaluation batch ({@code --eval-size})
   * @param accumulationSteps batches for the gradient and for the evaluation
   */
  public record Reference(int batchSize, int evaluationBatchSize, int accumulationSteps) {

    /** The original's defaults. */
    public static Reference defaults() {
      return new Reference(32, 256, 10);
    }
  }

  /** Checks the ranges. */
  public AutoPromptConfig {
    atLeastOne("candidates", candidates);
    atLeastOne("gradient_examples", gradientExamples);
    atLeastOne("evaluation_examples", evaluationExamples);
    if (halving != 0 && halving < 2) {
      throw new InvalidInputException(
          "The option halving is " + halving + " but must be 0 (off) or at least 2.");
    }
    filter = Set.copyOf(filter);
  }

  private static void atLeastOne(String name, int value) {
    if (value < 1) {
      throw new InvalidInputException(
          "The option " + name + " is " + value + " but must be at least 1.");
    }
  }

  /** k = 32, 128 examples for the gradient and for the evaluation, the paper's filter. */
  public static AutoPromptConfig defaults() {
    return new AutoPromptConfig(
        32,
        Positions.ONE,
        128,
        128,
        TokenFilter.AUTOPROMPT,
        new Start.Masks(),
        true,
        0,
        Objective.ACCURACY,
        false,
        Optional.empty());
  }

  // ------------------------------------------------------------------ changes

  public AutoPromptConfig withCandidates(int k) {
    return changed(d -> d.candidates = k);
  }

  public AutoPromptConfig withPositions(Positions which) {
    return changed(d -> d.positions = which);
  }

  public AutoPromptConfig withExamples(int forGradient, int forEvaluation) {
    return changed(
        d -> {
          d.gradientExamples = forGradient;
          d.evaluationExamples = forEvaluation;
        });
  }

  public AutoPromptConfig withFilter(Set<TokenFilter.Rule> rules) {
    return changed(d -> d.filter = rules);
  }

  public AutoPromptConfig withStart(Start first) {
    return changed(d -> d.start = first);
  }

  public AutoPromptConfig withPruning(boolean on) {
    return changed(d -> d.prunes = on);
  }

  public AutoPromptConfig withHalving(int factor) {
    return changed(d -> d.halving = factor);
  }

  public AutoPromptConfig withObjective(Objective what) {
    return changed(d -> d.objective = what);
  }

  public AutoPromptConfig withReplacedMasks(boolean on) {
    return changed(d -> d.replaceMasks = on);
  }

  public AutoPromptConfig withReference(Reference original) {
    return changed(d -> d.reference = Optional.of(original));
  }

  /** The same fields, to be changed. */
  private static final class Draft {
    private int candidates;
    private Positions positions;
    private int gradientExamples;
    private int evaluationExamples;
    private Set<TokenFilter.Rule> filter;
    private Start start;
    private boolean prunes;
    private int halving;
    private Objective objective;
    private boolean replaceMasks;
    private Optional<Reference> reference;

    Draft(AutoPromptConfig config) {
      candidates = config.candidates;
      positions = config.positions;
      gradientExamples = config.gradientExamples;
      evaluationExamples = config.evaluationExamples;
      filter = config.filter;
      start = config.start;
      prunes = config.prunes;
      halving = config.halving;
      objective = config.objective;
      replaceMasks = config.replaceMasks;
      reference = config.reference;
    }
  }

  private AutoPromptConfig changed(Consumer<Draft> change) {
    Draft d = new Draft(this);
    change.accept(d);
    return new AutoPromptConfig(
        d.candidates,
        d.positions,
        d.gradientExamples,
        d.evaluationExamples,
        d.filter,
        d.start,
        d.prunes,
        d.halving,
        d.objective,
        d.replaceMasks,
        d.reference);
  }
}
