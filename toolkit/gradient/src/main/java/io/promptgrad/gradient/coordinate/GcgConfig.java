package io.promptgrad.gradient.coordinate;

import io.promptgrad.input.InvalidInputException;
import java.util.function.Consumer;

/**
 * The parts of {@link Gcg} and of what others made of it. Start from a preset and change what
 * differs.
 *
 * @param width W, candidates of a step
 * @param topK k, tokens at each position that candidates are drawn from
 * @param draw how candidates are drawn
 * @param replacements positions that a candidate changes
 * @param lastReplacements the same at the end of {@code schedule}; the number falls evenly to it
 * @param schedule steps after which it has fallen; 0: it stays
 * @param oversampling candidates are drawn so many times the width before filters, and cut to it
 * @param retokenization what a candidate's text must encode to
 * @param barsCurrent whether the current trigger is no candidate
 * @param skipsVisited whether a trigger that was scored in an earlier step is no candidate
 * @param acceptance when the best candidate becomes the current trigger
 * @param buffer 0: the current trigger alone; s: the best s triggers so far, of which the best is
 *     gone on from and the winner replaces the worst if it is better; where steps draw samples of
 *     examples, losses on different samples are compared
 * @param momentum share of the gradient before in the gradient; 0: none
 * @param merge K, how many of the best candidates are merged one by one into further candidates; 0:
 *     none
 * @param distance weight of the distance between word vectors beside the normalised gradient in the
 *     ranking of tokens; 0: the gradient alone
 * @param stopsWhenSolved whether the search ends once a trigger reaches everything that was wanted
 * @param devEvery steps between two looks at dev
 */
public record GcgConfig(
    int width,
    int topK,
    Draw draw,
    int replacements,
    int lastReplacements,
    int schedule,
    double oversampling,
    Retokenization retokenization,
    boolean barsCurrent,
    boolean skipsVisited,
    Acceptance acceptance,
    int buffer,
    double momentum,
    int merge,
    double distance,
    boolean stopsWhenSolved,
    int devEvery) {

  /** How candidates are drawn. */
  public enum Draw {
    /** Candidate b changes position floor(b n / W); its token is uniform among the k best there. */
    EVENLY_SPACED,
    /** Positions are drawn without replacement, tokens uniformly among the k best there. */
    RANDOM,
    /** Every position in turn, with its best token, then all with their second best, ... */
    RANKED
  }

  /** When the best candidate becomes the current trigger. */
  public sealed interface Acceptance {

    /** Even if it is worse: the paper. */
    record Always() implements Acceptance {}

    /** If it is strictly better on the step's sample. */
    record IfBetter() implements Acceptance {}

    /**
     * If it is better, else with probability exp(-delta / T), T falling evenly from 1 to about 0 in
     * so many steps; delta is to the last best candidate, taken or not (as the original does it).
     */
    record Annealed(int steps) implements Acceptance {}
  }

  /** Checks the ranges. */
  public GcgConfig {
    require(width >= 1, "width", width, "at least 1");
    require(topK >= 1, "top_k", topK, "at least 1");
    require(replacements >= 1, "replacements", replacements, "at least 1");
    require(lastReplacements >= 1, "last_replacements", lastReplacements, "at least 1");
    require(schedule >= 0, "schedule", schedule, "at least 0");
    require(oversampling >= 1, "oversampling", oversampling, "at least 1");
    require(buffer >= 0, "buffer", buffer, "at least 0");
    require(momentum >= 0 && momentum < 1, "momentum", momentum, "at least 0 and below 1");
    require(merge >= 0, "merge", merge, "at least 0");
    require(distance >= 0, "distance", distance, "at least 0");
    require(devEvery >= 1, "dev_every", devEvery, "at least 1");
  }

  private static void require(boolean right, String name, Number value, String wanted) {
    if (!right) {
      throw new InvalidInputException(
          "The option %s is %s but must be %s.".formatted(name, value, wanted));
    }
  }

  /** The paper and its program (Zou et al. 2023): candidates whose text has as many tokens. */
  public static GcgConfig original() {
    return new GcgConfig(
        512,
        256,
        Draw.EVENLY_SPACED,
        1,
        1,
        0,
        1,
        Retokenization.SAME_LENGTH,
        true,
        false,
        new Acceptance.Always(),
        0,
        0,
        0,
        0,
        false,
        5);
  }

  /** nanoGCG 0.3: random positions, candidates whose text has the same tokens. */
  public static GcgConfig nanogcg() {
    return new GcgConfig(
        512,
        256,
        Draw.RANDOM,
        1,
        1,
        0,
        1,
        Retokenization.SAME_IDS,
        false,
        false,
        new Acceptance.Always(),
        0,
        0,
        0,
        0,
        false,
        5);
  }

  /**
   * Ours: momentum steadies the gradient, merged candidates move several positions in a step, no
   * trigger is scored twice, and enough is drawn to fill the width after the filters.
   */
  public static GcgConfig fast() {
    return nanogcg().withVisited(true).withOversampling(1.5).withMomentum(0.4).withMerge(7);
  }

  /** MAC (Zhang and Wei 2024): the gradient with momentum 0.4. */
  public static GcgConfig mac() {
    return original().withMomentum(0.4);
  }

  /**
   * I-GCG (Jia et al. 2024, arXiv:2405.21018): the best 7 candidates are merged one by one, and the
   * best of the merged ones is taken. Its other advice, to begin with another task's solution, is a
   * matter of the first trigger.
   */
  public static GcgConfig iGcg() {
    return original().withMerge(7);
  }

  /**
   * Faster-GCG (Li et al. 2024, arXiv:2410.15362): tokens ranked by the gradient and the distance
   * of their vectors, taken in order of their rank instead of drawn, none twice. The weight 4 is
   * that of a third party's program.
   */
  public static GcgConfig fasterGcg() {
    return original().withDraw(Draw.RANKED).withDistance(4).withVisited(true);
  }

  /**
   * ACG (Haize Labs 2024): many positions at once in the beginning, one in the end, the best
   * triggers in a buffer, an end at the first success. How the number falls was not published in a
   * form that we could check: here evenly, from a quarter of the positions.
   *
   * @param slots tokens of the trigger
   * @param steps after how many steps a single one is left
   */
  public static GcgConfig acg(int slots, int steps) {
    return nanogcg()
        .withReplacements(Math.max(1, slots / 4), 1, steps)
        .withBuffer(16)
        .withStop(true);
  }

  /**
   * GCG++ (Sitawarin et al. 2024, arXiv:2402.09674): with {@link
   * io.promptgrad.lm.TargetLoss.Hinge}, random positions, one and a half times as many candidates
   * before the filters, none twice.
   */
  public static GcgConfig gcgPlusPlus() {
    return nanogcg().withOversampling(1.5).withVisited(true);
  }

  // ------------------------------------------------------------------ changes

  public GcgConfig withWidth(int candidates, int k) {
    return changed(
        d -> {
          d.width = candidates;
          d.topK = k;
        });
  }

  public GcgConfig withDraw(Draw how) {
    return changed(d -> d.draw = how);
  }

  /** {@code first} positions at the beginning, {@code last} after so many steps. */
  public GcgConfig withReplacements(int first, int last, int steps) {
    return changed(
        d -> {
          d.replacements = first;
          d.lastReplacements = last;
          d.schedule = steps;
        });
  }

  public GcgConfig withOversampling(double factor) {
    return changed(d -> d.oversampling = factor);
  }

  public GcgConfig withRetokenization(Retokenization wanted) {
    return changed(d -> d.retokenization = wanted);
  }

  public GcgConfig withVisited(boolean skips) {
    return changed(d -> d.skipsVisited = skips);
  }

  public GcgConfig withAcceptance(Acceptance when) {
    return changed(d -> d.acceptance = when);
  }

  public GcgConfig withBuffer(int size) {
    return changed(d -> d.buffer = size);
  }

  public GcgConfig withMomentum(double share) {
    return changed(d -> d.momentum = share);
  }

  public GcgConfig withMerge(int candidates) {
    return changed(d -> d.merge = candidates);
  }

  public GcgConfig withDistance(double weight) {
    return changed(d -> d.distance = weight);
  }

  public GcgConfig withStop(boolean whenSolved) {
    return changed(d -> d.stopsWhenSolved = whenSolved);
  }

  public GcgConfig withDevEvery(int steps) {
    return changed(d -> d.devEvery = steps);
  }

  /** The same fields, to be changed. */
  private static final class Draft {
    private int width;
    private int topK;
    private Draw draw;
    private int replacements;
    private int lastReplacements;
    private int schedule;
    private double oversampling;
    private Retokenization retokenization;
    private boolean barsCurrent;
    private boolean skipsVisited;
    private Acceptance acceptance;
    private int buffer;
    private double momentum;
    private int merge;
    private double distance;
    private boolean stopsWhenSolved;
    private int devEvery;

    Draft(GcgConfig config) {
      width = config.width;
      topK = config.topK;
      draw = config.draw;
      replacements = config.replacements;
      lastReplacements = config.lastReplacements;
      schedule = config.schedule;
      oversampling = config.oversampling;
      retokenization = config.retokenization;
      barsCurrent = config.barsCurrent;
      skipsVisited = config.skipsVisited;
      acceptance = config.acceptance;
      buffer = config.buffer;
      momentum = config.momentum;
      merge = config.merge;
      distance = config.distance;
      stopsWhenSolved = config.stopsWhenSolved;
      devEvery = config.devEvery;
    }
  }

  private GcgConfig changed(Consumer<Draft> change) {
    Draft d = new Draft(this);
    change.accept(d);
    return new GcgConfig(
        d.width,
        d.topK,
        d.draw,
        d.replacements,
        d.lastReplacements,
        d.schedule,
        d.oversampling,
        d.retokenization,
        d.barsCurrent,
        d.skipsVisited,
        d.acceptance,
        d.buffer,
        d.momentum,
        d.merge,
        d.distance,
        d.stopsWhenSolved,
        d.devEvery);
  }
}
