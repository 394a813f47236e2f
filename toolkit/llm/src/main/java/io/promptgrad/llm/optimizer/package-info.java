/**
 * Searches in which a language model proposes the prompts, one file for each, on core's search
 * loop.
 *
 * <table>
 *   <caption>Which one</caption>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.Ape}</td><td>guesses instructions from solved
 *       examples; good where nobody has an instruction to begin with</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.Opro}</td><td>shows the proposer scored instructions;
 *       simple, needs a strong proposer</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.EvoPrompt}</td><td>evolution (GA, DE); begins with
 *       several instructions</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.Grips}</td><td>edits of a long instruction; asks no
 *       proposer unless it paraphrases</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.ProTeGi}</td><td>criticism of errors, beam, bandits;
 *       for classification</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.TextGrad}</td><td>criticism of answers, one prompt;
 *       few calls</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.Gepa}</td><td>reflection on runs, Pareto front over
 *       examples; for programs of several prompts too</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.Capo}</td><td>instructions with demonstrations that
 *       race; saves calls and keeps prompts short</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.PromptAgent}</td><td>tree search over criticism of
 *       errors</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.PromptBreeder}</td><td>evolution of prompts and of the
 *       prompts that mutate them; many calls</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.AutomatedPromptGenerator}</td><td>shows the proposer
 *       single answers with their cross entropy</td></tr>
 *   <tr><td>{@link io.promptgrad.llm.optimizer.SelfRefining}</td><td>the ways of changing a prompt
 *       are searched too; a design of this library</td></tr>
 * </table>
 *
 * <p>All take a {@link io.promptgrad.llm.optimizer.PromptProblem}: the scorer, the proposer, the
 * task and the prompts to begin with. Candidates are compared on training examples; the result is
 * the one that is best on dev among those that were best on train when they came, unless {@link
 * io.promptgrad.llm.optimizer.PromptProblem.Selection} says otherwise.
 *
 * <p>What a proposer writes is read tolerantly; what cannot be read is asked for again, then left
 * out with a trace entry that says why. Where hardly anything can be read, or there is no proposer,
 * {@link io.promptgrad.llm.optimizer.TextEdit}s of the prompts at hand stand in. Draws of the
 * proposer are named by seed, step and number, so that a resumed run finds the same answers in the
 * cache.
 *
 * <p>To add one: a final class that implements {@link io.promptgrad.search.Search} and a record of
 * its settings, notes by step, and an entry in the contract test, which asks for improvement, equal
 * traces for equal seeds, resuming, faults and budgets.
 */
package io.promptgrad.llm.optimizer;
