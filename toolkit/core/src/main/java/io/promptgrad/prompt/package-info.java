/**
 * What a search finds.
 *
 * <p>{@link io.promptgrad.prompt.Prompt} is all that loop, trace, run directory and report know of
 * it. Each family of methods brings its own implementation: trigger tokens, a soft prompt, an
 * instruction with demonstrations, a program's state.
 */
package io.promptgrad.prompt;
