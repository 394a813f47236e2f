package io.promptgrad.llm.optimizer;

import io.promptgrad.bandit.Arms;
import io.promptgrad.bandit.Bandit;
import io.promptgrad.bandit.SuccessiveHalving;
import io.promptgrad.bandit.SuccessiveRejects;
import io.promptgrad.bandit.Uniform;
import io.promptgrad.bandit.UpperBound;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.List;

/**
 * Finds the best of several prompts with a limited number of evaluations (best-arm identification,
 * ProTeGi section 2.3 and appendix). All prompts of a round see the same examples.
 *
 * @param kind the algorithm
 * @param evaluations B, most evaluations of one selection
 * @param examples examples of a round, for the algorithms with upper confidence bounds
 * @param prompts prompts of a round, for those and for sampled successive rejects
 * @param c how much an unsure score counts, for those
 */
record BestArms(Kind kind, int evaluations, int examples, int prompts, double c) {

  /** An algorithm. */
  enum Kind {
    /** Every prompt gets the same share. */
    BRUTE_FORCE,
    /** {@code mean + c * sqrt(ln t / N)}, t being the round (Auer et al. 2002). */
    UCB,
    /** {@code mean + c * sqrt(c / N)} (Audibert and Bubeck 2010). */
    UCB_E,
    /** Successive rejects (Audibert and Bubeck 2010): the worst is dropped in each phase. */
    SUCCESSIVE_REJECTS,
    /** The same with a sample of the prompts evaluated in each phase: those seen least. */
    SAMPLED_SUCCESSIVE_REJECTS,
    /** Drops all prompts below the mean in each round (after Karnin et al. 2013). */
    SUCCESSIVE_HALVING
  }

  /** A prompt's place and what is known of it. */
  record Arm(int place, double mean, int n) {}

  /**
   * Selects.
   *
   * @param best how many to select
   * @return the best ones, best first; of equals the earlier
   */
  List<Arm> select(
      PromptProblem problem, List<InstructionPrompt> prompts, int best, String draw, int step) {
    Arms arms =
        Arms.play(
            bandit(best),
            prompts.size(),
            (chosen, n, round) -> {
              List<Example> drawn = problem.draw(draw + "." + step, round, n);
              return problem
                  .scorer()
                  .outcomes(chosen.stream().map(prompts::get).toList(), drawn)
                  .stream()
                  .map(own -> own.stream().mapToDouble(Outcome::value).toArray())
                  .toArray(double[][]::new);
            },
            round -> problem.random().stream(draw + ".arms." + step, round));
    return arms.best(best).stream().map(p -> new Arm(p, arms.mean(p), arms.n(p))).toList();
  }

  private Bandit bandit(int best) {
    return switch (kind) {
      case BRUTE_FORCE -> new Uniform(evaluations);
      case UCB -> bound(UpperBound.Formula.ROUNDS);
      case UCB_E -> bound(UpperBound.Formula.UCB_E);
      case SUCCESSIVE_REJECTS ->
          new SuccessiveRejects(SuccessiveRejects.Form.PAPER, evaluations, best);
      case SAMPLED_SUCCESSIVE_REJECTS ->
          new SuccessiveRejects(SuccessiveRejects.Form.PAPER, evaluations, best, prompts);
      case SUCCESSIVE_HALVING -> new SuccessiveHalving(evaluations, best);
    };
  }

  private Bandit bound(UpperBound.Formula formula) {
    return new UpperBound(formula, prompts, examples, c, evaluations, Integer.MAX_VALUE);
  }
}
