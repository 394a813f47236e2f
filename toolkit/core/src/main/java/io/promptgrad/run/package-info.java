/**
 * The files of a run, the same for every method.
 *
 * <ul>
 *   <li>{@link io.promptgrad.run.RunDirectory}: creates, locks, reads and writes the directory.
 *   <li>{@link io.promptgrad.run.RunResult}: result.json.
 * </ul>
 *
 * <p>Everything is written atomically, so that a run can be looked at while it goes on and survives
 * a kill at any moment. API keys are masked before a configuration is written.
 */
package io.promptgrad.run;
