/**
 * Models on one's own machine where {@link io.promptgrad.llm} asks for one: {@link
 * io.promptgrad.local.LocalLlm} chats and scores with a causal model, {@link
 * io.promptgrad.local.MaskFilling} edits prompts with a masked one. The two modules that meet here
 * do not know each other.
 */
package io.promptgrad.local;
