/**
 * How a server is treated: how many requests at once and per minute, what is tried again and when,
 * and when to leave it alone.
 *
 * <ul>
 *   <li>{@link io.promptgrad.llm.policy.Limits}: the numbers.
 *   <li>{@link io.promptgrad.llm.policy.Gate}: every attempt passes it.
 * </ul>
 */
package io.promptgrad.llm.policy;
