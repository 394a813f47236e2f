/**
 * Reads what was asked for out of what a model wrote, as tolerantly as can be told apart from
 * nothing: {@link io.promptgrad.llm.parse.Tags}, {@link io.promptgrad.llm.parse.Fences}, {@link
 * io.promptgrad.llm.parse.JsonText}, {@link io.promptgrad.llm.parse.NumberedList}.
 *
 * <p>What cannot be read is an empty {@code Optional} and never an empty text: the caller asks
 * again or goes without.
 */
package io.promptgrad.llm.parse;
