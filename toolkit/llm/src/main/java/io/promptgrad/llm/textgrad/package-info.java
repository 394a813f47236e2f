/**
 * Automatic differentiation by text (TextGrad; Yuksekgonul et al. 2024, arXiv:2406.07496), for any
 * pipeline that is composed of texts.
 *
 * <ul>
 *   <li>{@link io.promptgrad.llm.textgrad.Variable}: a text, what it is for, what it was made from,
 *       and the feedback on it, which is its gradient.
 *   <li>{@link io.promptgrad.llm.textgrad.LlmCall}, {@link io.promptgrad.llm.textgrad.TextLoss},
 *       {@link io.promptgrad.llm.textgrad.TextFunction}: what makes a variable from others. Sum and
 *       aggregate are functions too.
 *   <li>{@link io.promptgrad.llm.textgrad.Variable#backward}: feedback for all variables that want
 *       it, in reverse order of their making.
 *   <li>{@link io.promptgrad.llm.textgrad.TextualGradientDescent}: rewrites variables by their
 *       feedback.
 *   <li>{@link io.promptgrad.llm.textgrad.TextEngine}: the model that gives feedback and rewrites.
 * </ul>
 */
package io.promptgrad.llm.textgrad;
