/**
 * Prompts from losses alone: evolution strategies, and black-box tuning of soft prompts with them.
 *
 * <table>
 *   <caption>What is here</caption>
 *   <tr><th>class</th><th>what</th></tr>
 *   <tr><td>{@link io.promptgrad.gradient.blackbox.CmaEs}</td><td>CMA-ES; {@link
 *       io.promptgrad.gradient.blackbox.SeparableCmaEs} for thousands of dimensions</td></tr>
 *   <tr><td>{@link io.promptgrad.gradient.blackbox.BlackBoxTuning}</td><td>BBT: vectors at the first
 *       layer; most tasks</td></tr>
 *   <tr><td>{@link io.promptgrad.gradient.blackbox.DeepBlackBoxTuning}</td><td>BBTv2: vectors at every
 *       layer, where the model lets one in there; harder tasks</td></tr>
 * </table>
 *
 * <p>A model elsewhere takes part by {@link io.promptgrad.gradient.blackbox.SoftScores}. Words as
 * in the papers: a call is one candidate on all train examples.
 */
package io.promptgrad.gradient.blackbox;
