package io.promptgrad.search;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A method that looks for a prompt step by step. {@link SearchLoop} calls it, keeps its trace and
 * its checkpoints, and decides when to stop.
 *
 * <p>The contract that makes a killed run resume to the result that it would have had: what {@link
 * #step} does depends only on the configuration, the saved state and the step's number. Randomness
 * comes from {@link RandomSource#stream}, which needs no state of its own.
 *
 * <p>Implementations are used by one thread.
 */
public interface Search extends AutoCloseable {

  /** Returns the method's name in configurations, such as {@code autoprompt}. */
  String method();

  /**
   * Does one step.
   *
   * @param step number of this step, 1 for the first, always one more than the step before
   */
  StepReport step(int step);

  /** Returns the prompt to return if the search ended now; never null, also before step 1. */
  Best best();

  /** Returns everything that {@link #restore} needs to go on as if nothing had happened. */
  ObjectNode save();

  /**
   * Takes up a saved state; called before the first {@link #step}, on a search that was made with
   * the same configuration.
   */
  void restore(ObjectNode state);

  /** Returns whether there is nothing left to do, for methods that end by themselves. */
  default boolean finished() {
    return false;
  }

  /** Frees what the search holds outside the Java heap, if anything; models are the caller's. */
  @Override
  default void close() {}
}
