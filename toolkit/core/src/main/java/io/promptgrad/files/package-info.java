/**
 * Files and JSON, done in one way everywhere.
 *
 * <ul>
 *   <li>{@link io.promptgrad.files.AtomicFiles}: a reader sees the old content or the new, never a
 *       part, whatever happens to the process.
 *   <li>{@link io.promptgrad.files.Json}: strict in (duplicate keys and trailing text are errors),
 *       standard out (what JSON has no number for becomes text).
 *   <li>{@link io.promptgrad.files.Yaml}: text stays text when it is read back.
 * </ul>
 */
package io.promptgrad.files;
