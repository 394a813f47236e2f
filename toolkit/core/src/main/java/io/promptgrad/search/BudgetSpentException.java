package io.promptgrad.search;

import java.util.Objects;

/**
 * A step cannot go on, because a limit is reached that holds within steps too, such as a limit on
 * what calls to an API may cost. {@link SearchLoop} then ends with what the steps before found; the
 * broken step leaves no trace line and no checkpoint, and is done again if the run is resumed with
 * a larger budget.
 */
public final class BudgetSpentException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient Cost cost;

  /**
   * @param message which limit, in a sentence
   * @param cost what the broken step used
   */
  public BudgetSpentException(String message, Cost cost) {
    super(message);
    this.cost = Objects.requireNonNull(cost, "cost");
  }

  /** What the broken step used. */
  public Cost cost() {
    return cost;
  }
}
