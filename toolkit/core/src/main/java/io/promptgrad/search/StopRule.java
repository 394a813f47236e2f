package io.promptgrad.search;

import io.promptgrad.input.InvalidInputException;

/**
 * When to stop before the budget is spent. All rules look only at the steps' reports, so a resumed
 * run stops where the uninterrupted one would have.
 */
public sealed interface StopRule {

  /** Returns the name that results carry in {@code stopped_by}. */
  String name();

  /**
   * Stop after this many steps in a row without a new best prompt.
   *
   * @param steps at least 1
   */
  record Patience(int steps) implements StopRule {
    /** Refuses fewer than one step. */
    public Patience {
      if (steps < 1) {
        throw new InvalidInputException(
            "Patience is %d steps; it must be at least 1.".formatted(steps));
      }
    }

    @Override
    public String name() {
      return "patience";
    }
  }

  /**
   * Stop when the step score has settled: the mean over the last {@code window} steps differs by
   * less than {@code tolerance} from the mean over the {@code window} steps before them. Means,
   * since a search that draws fresh examples in every step has a noisy score.
   *
   * @param window at least 1
   * @param tolerance in units of the score, above 0
   */
  record Convergence(int window, double tolerance) implements StopRule {
    /** Refuses an empty window and a tolerance that no run can meet. */
    public Convergence {
      if (window < 1) {
        throw new InvalidInputException(
            "The convergence window is %d steps; it must be at least 1.".formatted(window));
      }
      if (!(tolerance > 0)) {
        throw new InvalidInputException(
            "The convergence tolerance is %s; it must be above 0.".formatted(tolerance));
      }
    }

    @Override
    public String name() {
      return "convergence";
    }
  }

  /**
   * Stop when the best prompt's dev score is at least this.
   *
   * @param dev a number
   */
  record Target(double dev) implements StopRule {
    /** Refuses NaN. */
    public Target {
      if (Double.isNaN(dev)) {
        throw new InvalidInputException("The target score is not a number.");
      }
    }

    @Override
    public String name() {
      return "target";
    }
  }
}
