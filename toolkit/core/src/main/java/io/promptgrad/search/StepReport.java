package io.promptgrad.search;

import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * What one step of a search did.
 *
 * @param candidates everything looked at, in the order in which it was made
 * @param score score of the state after this step, on the search's own examples
 * @param dev score of the state on all of dev, if this step measured it
 * @param newBest whether {@link Search#best()} changed in this step
 * @param cost what this step alone used
 */
public record StepReport(
    List<Candidate> candidates, double score, OptionalDouble dev, boolean newBest, Cost cost) {

  /** Copies the list. */
  public StepReport {
    candidates = List.copyOf(candidates);
    Objects.requireNonNull(dev, "dev");
    Objects.requireNonNull(cost, "cost");
  }
}
