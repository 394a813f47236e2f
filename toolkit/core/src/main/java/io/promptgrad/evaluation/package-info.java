/**
 * From outcomes to numbers that can be trusted.
 *
 * <ul>
 *   <li>{@link io.promptgrad.evaluation.Evaluator}: prompt and examples to a report; every kind of
 *       prompt has its own.
 *   <li>{@link io.promptgrad.evaluation.EvalReport}: the metric with its 95 % interval, the spread,
 *       the failures and the outcomes themselves. It warns below 50 examples.
 *   <li>{@link io.promptgrad.evaluation.Comparison}: is one prompt better than another on the same
 *       examples? McNemar's exact test for right and wrong, a sign-flip permutation test for other
 *       values, a randomisation test for scores such as F1 that are no mean. Intervals that overlap
 *       do not answer this question; the paired test does.
 *   <li>{@link io.promptgrad.evaluation.MajorityClass}: the baseline that a prompt must beat, and
 *       {@link io.promptgrad.evaluation.NaiveBayes}, for facts: what the subject's words tell.
 *   <li>{@link io.promptgrad.evaluation.Statistics}: the formulas.
 * </ul>
 */
package io.promptgrad.evaluation;
