/**
 * How an example becomes the text that a model sees, and how its answer is read.
 *
 * <ul>
 *   <li>{@link io.promptgrad.template.PromptTemplate}: text with fields, trigger slots {@code [T]}
 *       and the prediction slot {@code [P]}, in the language of AutoPrompt (Shin et al. 2020,
 *       arXiv:2010.15980). Slots are parsed once, before any example is seen.
 *   <li>{@link io.promptgrad.template.Segment}: its pieces. A filled template is maximal runs of
 *       text with slots between them; whoever tokenises it handles each run as a whole.
 *   <li>{@link io.promptgrad.template.Verbalizer}: which label words stand for which label.
 * </ul>
 *
 * <p>Good label words are single tokens of the model's vocabulary that fit the sentence at {@code
 * [P]}; for vocabularies whose words carry their leading blank, write the blank.
 */
package io.promptgrad.template;
