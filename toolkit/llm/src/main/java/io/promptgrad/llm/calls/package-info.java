/**
 * {@link io.promptgrad.llm.calls.ModelCalls}: the one way in which searches reach models. Around
 * each it puts the cache, the budget, the meters, the limits and the retries.
 */
package io.promptgrad.llm.calls;
