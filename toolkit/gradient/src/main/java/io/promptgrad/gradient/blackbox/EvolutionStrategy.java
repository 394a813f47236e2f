package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * An optimizer of which one asks points and to which one tells their losses: it needs no gradient.
 * One generation is one {@link #ask} and one {@link #tell} of the same points.
 */
public sealed interface EvolutionStrategy permits CmaEs, SeparableCmaEs {

  /** Why a strategy has nothing more to gain. */
  enum Stop {
    /** The losses of this generation and of the last ones lie within 1e-11. */
    TOL_FUN,
    /** The best losses of the last generations lie within 1e-12. */
    TOL_FUN_HISTORY,
    /** All steps are shorter than 1e-11. */
    TOL_X,
    /**
     * A step is 1000 times as long as at the start: it was too short, or the loss has no minimum.
     */
    TOL_FACTOR_UP_X,
    /** The longest axis is 1e7 times the shortest. */
    CONDITION,
    /** The best loss equals that at three quarters of the generation, for the second time. */
    FLAT_LOSS,
    /** A tenth of a step along an axis does not change the mean. */
    NO_EFFECT_AXIS,
    /** A fifth of a step along a coordinate does not change the mean. */
    NO_EFFECT_COORDINATE,
    /** Neither the best nor the median losses have become better for long. */
    STAGNATION
  }

  /** Number of dimensions, n. */
  int dimensions();

  /** Points of a generation. */
  int population();

  /**
   * Returns the points of the next generation [population][n].
   *
   * @param random of this generation
   */
  double[][] ask(RandomGenerator random);

  /**
   * Takes the losses of the points that {@link #ask} gave. Of equal ones the earlier counts as
   * better.
   *
   * @param points [population][n]; may have been moved, into bounds for instance
   * @param losses lower is better
   * @throws io.promptgrad.input.InvalidInputException if a loss is not a number
   */
  void tell(double[][] points, double[] losses);

  /** The mean of the distribution, a fresh array [n]. */
  double[] mean();

  /** The step size. */
  double sigma();

  /** Generations so far. */
  int generation();

  /** Why to stop, if there is a reason. */
  Optional<Stop> stop();

  /** Everything that {@link #restore} needs to go on with the same points to the last bit. */
  ObjectNode save();

  /** Takes up a saved state. */
  void restore(ObjectNode state);
}
