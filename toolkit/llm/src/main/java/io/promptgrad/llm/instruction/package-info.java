/**
 * What is searched where a model is prompted by text: an instruction, and perhaps demonstrations.
 *
 * <ul>
 *   <li>{@link io.promptgrad.llm.instruction.InstructionPrompt}: the prompt.
 *   <li>{@link io.promptgrad.llm.instruction.ChatLayout}: where it stands beside an example.
 *   <li>{@link io.promptgrad.llm.instruction.ExampleScorer}: prompt and example to an outcome: by
 *       the model's answer ({@link io.promptgrad.llm.instruction.AnswerScorer} with a {@link
 *       io.promptgrad.llm.instruction.Grader}) or by the gold answer's likelihood ({@link
 *       io.promptgrad.llm.instruction.LikelihoodScorer}).
 *   <li>{@link io.promptgrad.llm.instruction.TaskGraders}: how answers are read on the papers'
 *       tasks.
 *   <li>{@link io.promptgrad.llm.instruction.PromptScorer}: many prompts and examples at once.
 * </ul>
 */
package io.promptgrad.llm.instruction;
