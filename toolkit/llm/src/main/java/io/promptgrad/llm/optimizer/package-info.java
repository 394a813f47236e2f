/**
 * Searches in which a language model proposes the prompts, one file for each, on core's search
 * loop.
 *
 * <p>All take a {@link io.promptgrad.llm.optimizer.PromptProblem}: the scorer, the proposer, the
 * task and the prompts to begin with. Candidates are compared on training examples; the result is
 * the one that is best on dev among those that were best on train when they came, unless {@link
 * io.promptgrad.llm.optimizer.PromptProblem.Selection} says otherwise.
 *
 * <p>What a proposer writes is read tolerantly; what cannot be read is asked for again, then left
 * out with a trace entry that says why. Draws of the proposer are named by seed, step and number,
 * so that a resumed run finds the same answers in the cache.
 */
package io.promptgrad.llm.optimizer;
