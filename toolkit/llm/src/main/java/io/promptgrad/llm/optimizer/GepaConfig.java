package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;

/**
 * Settings of {@link Gepa}; {@link #defaults} are the original program's, with the two additions
 * that are named last.
 *
 * @param minibatch examples that a child is compared with its parent on
 * @param perfect a parent with this value on the whole minibatch is not reflected on
 * @param parents how a parent is chosen
 * @param epsilon how often any candidate is the parent, for {@link Parents#EPSILON_GREEDY}
 * @param topK how many of the best may be parents, for {@link Parents#TOP_K_PARETO}
 * @param allComponents whether a child changes all components, else the next one in turn
 * @param merges most merges that are accepted; 0 for none
 * @param sampling how reflections are drawn
 * @param remembered how many of a candidate's rejected children the reflection is shown; the
 *     original forgets them and tries the same again
 * @param copied a proposal with so many words in a row from the minibatch is left out, unless its
 *     parent has them too; 0 for no such guard, as the original
 * @param reference takes a reply without a fence whole
 */
public record GepaConfig(
    int minibatch,
    double perfect,
    Parents parents,
    double epsilon,
    int topK,
    boolean allComponents,
    int merges,
    Sampling sampling,
    int remembered,
    int copied,
    boolean reference) {

  /** How a parent is chosen. */
  public enum Parents {
    /** Among those that are best on some example, in proportion to how many. */
    PARETO,
    /** The one with the best mean. */
    BEST,
    /** The best, or now and then any. */
    EPSILON_GREEDY,
    /** As PARETO, among those with the best means. */
    TOP_K_PARETO
  }

  /** Checks the ranges. */
  public GepaConfig {
    if (minibatch < 1 || topK < 1 || merges < 0 || remembered < 0 || copied < 0) {
      throw new InvalidInputException(
          "GEPA's minibatch and top_k must be at least 1, merges, remembered and copied at least 0.");
    }
    if (!(epsilon >= 0 && epsilon <= 1)) {
      throw new InvalidInputException(
          "GEPA's epsilon is %s; it must be between 0 and 1.".formatted(epsilon));
    }
  }

  /** Minibatches of three, Pareto sampling, no merges, three remembered, twelve words. */
  public static GepaConfig defaults() {
    return new GepaConfig(
        3, 1, Parents.PARETO, 0.1, 5, false, 0, Sampling.of(1, 4096), 3, 12, false);
  }

  /** Returns this with another minibatch. */
  public GepaConfig withMinibatch(int n, Sampling how) {
    return new GepaConfig(
        n,
        perfect,
        parents,
        epsilon,
        topK,
        allComponents,
        merges,
        how,
        remembered,
        copied,
        reference);
  }

  /** Returns this with another choice of parents. */
  public GepaConfig withParents(Parents how) {
    return new GepaConfig(
        minibatch,
        perfect,
        how,
        epsilon,
        topK,
        allComponents,
        merges,
        sampling,
        remembered,
        copied,
        reference);
  }

  /** Returns this with merges. */
  public GepaConfig withMerges(int most) {
    return new GepaConfig(
        minibatch,
        perfect,
        parents,
        epsilon,
        topK,
        allComponents,
        most,
        sampling,
        remembered,
        copied,
        reference);
  }

  /** Returns this with another memory and guard. */
  public GepaConfig withMemory(int rejected, int words) {
    return new GepaConfig(
        minibatch,
        perfect,
        parents,
        epsilon,
        topK,
        allComponents,
        merges,
        sampling,
        rejected,
        words,
        reference);
  }
}
