/**
 * The loop that every method runs in, written once.
 *
 * <ul>
 *   <li>{@link io.promptgrad.search.Search}: a method: one step, the best prompt so far, its state.
 *   <li>{@link io.promptgrad.search.SearchLoop}: steps until {@link io.promptgrad.search.Budget} or
 *       {@link io.promptgrad.search.StopRule} say stop; trace, checkpoint, resume, cancel,
 *       progress.
 *   <li>{@link io.promptgrad.search.StepReport}, {@link io.promptgrad.search.Candidate}, {@link
 *       io.promptgrad.search.Cost}: what a step did and used.
 *   <li>{@link io.promptgrad.search.TraceStep}: a line of trace.jsonl, to write and to read.
 *   <li>{@link io.promptgrad.search.RandomSource}: all randomness, from one seed, by component and
 *       step.
 * </ul>
 *
 * <p>Which stop rule: a budget always, since methods are compared at equal budgets; patience for
 * hill climbers such as AutoPrompt; convergence for methods whose score is smooth, such as soft
 * prompts; a target where good enough is good enough.
 *
 * <p>To add a method, implement {@code Search}. Draw random numbers only from {@code RandomSource}
 * with the step's number, and put everything else that a step depends on into {@code save()}: then
 * a killed run ends as it would have. Test that by killing it after every step.
 */
package io.promptgrad.search;
