/**
 * Which of several prompts is the best, found with few evaluations (best-arm identification).
 *
 * <table>
 *   <caption>Which algorithm</caption>
 *   <tr><th>class</th><th>use it for</th></tr>
 *   <tr><td>{@link io.promptgrad.bandit.Uniform}</td><td>few prompts, or to compare with</td></tr>
 *   <tr><td>{@link io.promptgrad.bandit.UpperBound}</td><td>many prompts, most of them bad: UCB as
 *       in APE and in ProTeGi, UCB-E</td></tr>
 *   <tr><td>{@link io.promptgrad.bandit.SuccessiveRejects}</td><td>no parameter to set, a fixed
 *       budget</td></tr>
 *   <tr><td>{@link io.promptgrad.bandit.SuccessiveHalving}</td><td>the same with fewer, larger
 *       rounds: fewer batches</td></tr>
 *   <tr><td>{@link io.promptgrad.bandit.Thompson}</td><td>rewards in [0, 1], no parameter to
 *       set</td></tr>
 * </table>
 *
 * <p>An algorithm only says what to play next ({@link io.promptgrad.bandit.Bandit#next}); {@link
 * io.promptgrad.bandit.Arms#play} asks it until it has nothing more to say. Nothing here knows what
 * a prompt is.
 */
package io.promptgrad.bandit;
