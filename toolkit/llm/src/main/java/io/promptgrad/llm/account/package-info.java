/**
 * What calls cost, who made them, and what may still be spent.
 *
 * <ul>
 *   <li>{@link io.promptgrad.llm.account.Role}, {@link io.promptgrad.llm.account.Meter}: calls,
 *       tokens and dollars, counted apart for the model that is prompted, the one that proposes,
 *       the one that judges and the one that shortens.
 *   <li>{@link io.promptgrad.llm.account.PriceTable}: prices by model and date.
 *   <li>{@link io.promptgrad.llm.account.Allowance}: limits that many threads together cannot pass.
 * </ul>
 */
package io.promptgrad.llm.account;
