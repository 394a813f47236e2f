package io.promptgrad.search;

/** Watches a {@link SearchLoop}: a progress bar, a tracker, a notebook. */
@FunctionalInterface
public interface ProgressListener {

  /** Called after each step, when its trace line and checkpoint are written. */
  void onStep(Progress progress);

  /** Called once before the first step; {@code stepsDone} is above 0 when the run resumes. */
  default void onStart(int stepsDone, Best best) {}

  /** Called once at the end. */
  default void onStop(LoopResult result) {}

  /**
   * Where a run is.
   *
   * @param step number of the step just done, from 1
   * @param budget the run's budget, to show a fraction
   * @param report the step's report
   * @param best the best prompt so far
   * @param cost of all steps so far
   * @param seconds time spent in steps so far
   */
  record Progress(
      int step, Budget budget, StepReport report, Best best, Cost cost, double seconds) {}
}
