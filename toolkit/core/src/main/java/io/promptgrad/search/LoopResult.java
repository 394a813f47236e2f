package io.promptgrad.search;

/**
 * How a search ended.
 *
 * @param best the prompt found
 * @param stoppedBy {@code budget}, {@code patience}, {@code convergence}, {@code target}, {@code
 *     finished} (the method had nothing left to do) or {@code cancelled}
 * @param cost of all steps, those before a resume included
 * @param steps number of steps done
 * @param seconds time spent in steps, summed over resumed parts
 */
public record LoopResult(Best best, String stoppedBy, Cost cost, int steps, double seconds) {}
