/**
 * Models behind an OpenAI-compatible server, by the JDK's HTTP client.
 *
 * <ul>
 *   <li>{@link io.promptgrad.llm.openai.Endpoint}: where the server is and what every request
 *       carries.
 *   <li>{@link io.promptgrad.llm.openai.ApiKey}: a key that is never shown.
 *   <li>{@link io.promptgrad.llm.openai.OpenAiClient}: one model there: {@code chat/completions},
 *       and {@code completions} where the server gives log-probabilities of given text.
 * </ul>
 */
package io.promptgrad.llm.openai;
