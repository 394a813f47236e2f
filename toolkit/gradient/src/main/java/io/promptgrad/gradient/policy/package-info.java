/**
 * Prompts of tokens found by reinforcement: a policy draws them, the model's answers on the task
 * are the reward.
 *
 * <table>
 *   <caption>Which method</caption>
 *   <tr><th>class</th><th>policy</th></tr>
 *   <tr><td>{@link io.promptgrad.gradient.policy.RlPrompt}</td><td>a causal language model with a small
 *       trained network before its head: prompts that another model can read, of any vocabulary; needs
 *       thousands of steps</td></tr>
 *   <tr><td>{@link io.promptgrad.gradient.policy.Reinforce}</td><td>independent probabilities at each
 *       position: a few candidate words, no second model</td></tr>
 * </table>
 *
 * <p>Of the task's model both ask label scores only, many prompts at a time.
 */
package io.promptgrad.gradient.policy;
