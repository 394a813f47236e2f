/**
 * What is searched where a model is prompted by text: an instruction, and perhaps demonstrations.
 *
 * <ul>
 *   <li>{@link io.promptgrad.llm.instruction.InstructionPrompt}: the prompt.
 *   <li>{@link io.promptgrad.llm.instruction.ChatLayout}: where it stands beside an example.
 *   <li>{@link io.promptgrad.llm.instruction.ExampleScorer}: prompt and example to an outcome: by
 *       the model's answer ({@link io.promptgrad.llm.instruction.AnswerScorer} with a {@link
 *       io.promptgrad.llm.instruction.Grader}), by a choice among labels ({@link
 *       io.promptgrad.llm.instruction.ChoiceScorer}), by the gold answer's likelihood ({@link
 *       io.promptgrad.llm.instruction.LikelihoodScorer}), by a judge's points ({@link
 *       io.promptgrad.llm.instruction.JudgeScorer}) or its comparison with the answer under another
 *       prompt ({@link io.promptgrad.llm.instruction.PairwiseScorer}), or by what a conductor
 *       answers after it has consulted experts ({@link
 *       io.promptgrad.llm.instruction.ConductorScorer}).
 *   <li>{@link io.promptgrad.llm.instruction.TaskGraders}: how answers are read on the papers'
 *       tasks.
 *   <li>{@link io.promptgrad.llm.instruction.PromptScorer}: many prompts and examples at once.
 * </ul>
 */
package io.promptgrad.llm.instruction;
