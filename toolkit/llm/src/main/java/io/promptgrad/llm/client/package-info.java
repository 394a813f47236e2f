/**
 * What a search asks of a language model, and what it gets.
 *
 * <ul>
 *   <li>{@link io.promptgrad.llm.client.Llm}: one model: answers a chat, scores given text.
 *   <li>{@link io.promptgrad.llm.client.ChatRequest}, {@link io.promptgrad.llm.client.Sampling}:
 *       one request for one answer.
 *   <li>{@link io.promptgrad.llm.client.ChatReply}, {@link io.promptgrad.llm.client.TextScore}: the
 *       answers.
 *   <li>{@link io.promptgrad.llm.client.Scoring}: what was found out about a model's
 *       log-probabilities.
 *   <li>{@link io.promptgrad.llm.client.CallFailedException}: why there is no answer, and whether
 *       asking again may help.
 * </ul>
 *
 * <p>An {@code Llm} makes one attempt per call. Retries, limits, budgets and the cache are added
 * around it, once for all models, by {@link io.promptgrad.llm.calls.ModelCalls}. To bring a model
 * of your own, implement {@code Llm}.
 */
package io.promptgrad.llm.client;
